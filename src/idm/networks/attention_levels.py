"""Where a U-Net attends, checked before it is built: at levels that it has, with heads that divide their widths."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from idm.core.counts import refuse_one
from idm.core.errors import SettingsError
from idm.core.progress import warn_once

DEEPEST = 24
"""Levels that the deepest network could have."""

FACTORS_SHOWN = 8
"""A message lists the downsampling factors of so many levels."""


def level_of(factor: object, num_levels: int) -> int | None:
    """Return the level that is downsampled by a factor, 0 being the finest; None if the network has none such."""
    if (
        not isinstance(factor, (int, np.integer))
        or factor < 1
        or factor & (factor - 1)
        or int(factor).bit_length() > num_levels
    ):
        return None
    return int(factor).bit_length() - 1


def attending_levels(factors: Sequence[int] | None, num_levels: int) -> list[int]:
    """Return the levels at which there is self-attention; without factors, the coarsest of several.

    A single factor beyond the coarsest level is what a deeper network would have, and how other projects say "nowhere":
    it is taken for that, with a warning.

    Raises:
        SettingsError: a factor that is none of the levels', or one given twice, or no collection of factors.
    """
    if factors is None:
        return [num_levels - 1] if num_levels > 1 else []
    refuse_one(factors, "attention_resolutions", "(2,)")
    found = [level_of(factor, num_levels) for factor in factors]
    levels = [level for level in found if level is not None]
    if len(levels) == len(found) == len(set(found)):
        return levels
    possible = _listed(2**level for level in range(min(num_levels, FACTORS_SHOWN)))
    said = (
        f"attention_resolutions: downsampling factors of the {num_levels} level(s) wanted ({possible}), each once, got "
        f"{_listed(factors)}; a size in pixels becomes a factor by division, image size / pixels"
    )
    if is_beyond(list(factors)):
        warn_once(f"{said}; this network attends nowhere, which [] says as well")
        return []
    raise SettingsError(said)


def is_beyond(factors: Sequence[object]) -> bool:
    """Whether factors are a single one that a deeper network could have."""
    return len(factors) == 1 and level_of(factors[0], DEEPEST) is not None


def check_heads(name: str, num_heads: int, widths: Sequence[int], levels: Iterable[int]) -> None:
    """Refuse heads that do not divide the width at every level that attends.

    Args:
        name: what the number of heads is called.
        num_heads: the number.
        widths: channels of each level.
        levels: those that attend.

    Raises:
        SettingsError: they do not divide the width of a level, the first of which is named.
    """
    attending = sorted(set(levels))
    for level in attending:
        if num_heads < 1 or widths[level] % num_heads:
            fitting = _divisors(math.gcd(*(widths[other] for other in attending)))
            raise SettingsError(
                f"{name}: a divisor of the {widths[level]} channels at attention wanted, got {num_heads} (level "
                f"{level + 1} of {len(widths)}, downsampled by {2**level}); choose from {_listed(fitting)}"
            )


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
