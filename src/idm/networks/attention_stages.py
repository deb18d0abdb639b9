"""Where a U-Net attends, checked before it is built: at stages that it has, with heads that divide their widths."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from idm.core.counts import refuse_one
from idm.core.errors import SettingsError
from idm.core.progress import warn_once

DEEPEST = 24
"""Number of stages that the deepest network could have."""

FACTORS_SHOWN = 8
"""Most downsampling factors that a message lists."""


def stage_of(factor: object, num_stages: int) -> int | None:
    """Return the stage that is downsampled by a factor, 0 being the finest; None if the network has none such."""
    if (
        not isinstance(factor, (int, np.integer))
        or factor < 1
        or factor & (factor - 1)
        or int(factor).bit_length() > num_stages
    ):
        return None
    return int(factor).bit_length() - 1


def attending_stages(factors: Sequence[int] | None, num_stages: int) -> list[int]:
    """Return the stages at which there is self-attention; without factors, the coarsest of several.

    A single factor beyond the coarsest stage is what a deeper network would have, and how other projects say "nowhere":
    it is taken for that, with a warning.

    Raises:
        SettingsError: a factor that is none of the stages', or one given twice, or no collection of factors.
    """
    if factors is None:
        return [num_stages - 1] if num_stages > 1 else []
    refuse_one(factors, "attention_resolutions", "(2,)")
    found = [stage_of(factor, num_stages) for factor in factors]
    stages = [stage for stage in found if stage is not None]
    if len(stages) == len(found) == len(set(found)):
        return stages
    possible = _listed(2**stage for stage in range(min(num_stages, FACTORS_SHOWN)))
    said = (
        f"attention_resolutions: downsampling factors of the {num_stages} stage(s) wanted ({possible}), each once, got "
        f"{_listed(factors)}; a size in pixels becomes a factor by division, image size / pixels"
    )
    if is_beyond(list(factors)):
        warn_once(f"{said}; this network attends nowhere, which [] says as well")
        return []
    raise SettingsError(said)


def is_beyond(factors: Sequence[object]) -> bool:
    """Whether factors are a single one that a deeper network could have."""
    return len(factors) == 1 and stage_of(factors[0], DEEPEST) is not None


def check_heads(name: str, num_heads: int, widths: Sequence[int], stages: Iterable[int]) -> None:
    """Refuse heads that do not divide the width at every stage that attends.

    Args:
        name: what the number of heads is called.
        num_heads: the number.
        widths: channels of each stage.
        stages: those that attend.

    Raises:
        SettingsError: they do not divide the width of a stage, the first of which is named.
    """
    attending = sorted(set(stages))
    for stage in attending:
        if num_heads < 1 or widths[stage] % num_heads:
            fitting = _divisors(math.gcd(*(widths[other] for other in attending)))
            raise SettingsError(
                f"{name}: a divisor of the {widths[stage]} channels at attention wanted, got {num_heads} (stage "
                f"{stage + 1} of {len(widths)}, downsampled by {2**stage}); choose from {_listed(fitting)}"
            )


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
