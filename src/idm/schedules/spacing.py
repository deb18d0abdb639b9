"""Which steps of a long chain a short one visits.

Two families: the reference's specifications (section lists, comma strings, "ddimN"), reproduced exactly, and
named spacings that work for every count from 1 to T. Step lists are sorted from clean to noisy.
"""

from collections.abc import Callable, Sequence
from typing import SupportsIndex

from idm.core.counts import holds_several, whole_number
from idm.core.errors import SettingsError
from idm.core.registry import Registry


def leading(num_timesteps: int, count: int) -> list[int]:
    """The first step of each of ``count`` equal intervals; starts at 0 and misses the noisiest step."""
    return [i * num_timesteps // count for i in range(count)]


def trailing(num_timesteps: int, count: int) -> list[int]:
    """The last step of each of ``count`` equal intervals; always ends at T - 1."""
    return [-(-(i + 1) * num_timesteps // count) - 1 for i in range(count)]


def linspace(num_timesteps: int, count: int) -> list[int]:
    """Evenly from step 0 to step T - 1, both included, as the reference spaces one section; a single step is T - 1."""
    return [num_timesteps - 1] if count == 1 else _sections(num_timesteps, [count])


SPACINGS: Registry[list[int]] = Registry("spacing", {"linspace": linspace, "leading": leading, "trailing": trailing})


def spaced(num_timesteps: int, count: int, spacing: str = "linspace") -> list[int]:
    """``count`` steps of ``num_timesteps`` by a named spacing.

    Raises:
        SettingsError: a count outside of [1, T], or an unknown spacing.
    """
    choose: Callable[[int, int], list[int]] = SPACINGS[spacing]
    count = whole_number(count, "steps")
    if not 1 <= count <= num_timesteps:
        raise SettingsError(f"steps: a number from 1 to {num_timesteps} wanted, got {count}")
    return choose(num_timesteps, count)


def space_timesteps(num_timesteps: int, spec: str | SupportsIndex | Sequence[int]) -> list[int]:
    """Choose steps by a specification of improved DDPM, or by a named spacing.

    Args:
        num_timesteps: T.
        spec: section counts, as a list ([10, 15, 20]: that many steps from each third of the chain) or
            comma string ("10,15,20"), or one count; "ddimN" for the smallest integer stride that gives
            exactly N steps; "" for all steps; "leading:N", "trailing:N" or "linspace:N" for a named spacing.

    Returns:
        The kept steps, sorted.

    Raises:
        SettingsError: a specification that cannot be met or read.
    """
    if isinstance(spec, str):
        name, colon, count = spec.partition(":")
        if colon:
            return spaced(num_timesteps, _count(count, spec), name)
        if spec.startswith("ddim"):
            return _integer_stride(num_timesteps, _count(spec.removeprefix("ddim"), spec))
        spec = [_count(part, spec) for part in spec.split(",")] if spec else [num_timesteps]
    counts = spec if holds_several(spec) else [spec]
    return _sections(num_timesteps, [whole_number(count, "respacing") for count in counts])


def _count(text: str, spec: str) -> int:
    if not text.strip().isdecimal():
        raise SettingsError(
            f"respacing: counts such as '25' or '10,15,20', 'ddim25' or 'trailing:25' wanted, got '{spec}'"
        )
    return int(text)


def _integer_stride(num_timesteps: int, count: int) -> list[int]:
    if not 1 <= count <= num_timesteps:
        raise SettingsError(f"respacing: a count from 1 to {num_timesteps} wanted after 'ddim', got 'ddim{count}'")
    for stride in range(1, num_timesteps):
        steps = list(range(0, num_timesteps, stride))
        if len(steps) == count:
            return steps
    raise SettingsError(
        f"respacing: no integer stride through {num_timesteps} steps gives exactly {count} (ddim{count}); "
        f"'trailing:{count}' gives that many"
    )


def _sections(num_timesteps: int, counts: Sequence[int]) -> list[int]:
    """The reference's fractional stride through equal sections, with its accumulation and rounding."""
    if not counts or min(counts) < 0 or sum(counts) == 0:
        raise SettingsError(f"respacing: at least one step wanted, got {list(counts)}")
    size, extra = divmod(num_timesteps, len(counts))
    steps: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        length = size + (1 if i < extra else 0)
        if length < count:
            raise SettingsError(f"respacing: section {i} has {length} steps, {count} were asked of it")
        stride = 1.0 if count <= 1 else (length - 1) / (count - 1)
        position = 0.0
        for _ in range(count):
            steps.append(start + round(position))
            position += stride
        start += length
    return steps
