"""Changing samples of a user's own: noised in part, and what is lost drawn again, as another class if wished.

This is SDEdit (Meng et al. 2022), a restoration of what has been seen whole.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.restoration import Mask, Observation, SDEdit
from idm.run.drawing import require_memory
from idm.run.opened import Opened
from idm.run.restoring import Draws
from idm.samplers import Sampler


def plan_edits(
    run: Opened,
    x: Tensor,
    known: Sequence[int | None],
    *,
    strength: float,
    labels: Sequence[int] | None,
    num: int,
    sampler: Sampler,
    seed: int,
) -> Draws:
    """Check what is asked for, and plan it.

    Args:
        run: the trained model.
        x: samples in the model's range.
        known: number of the class of each, None where it is not known.
        strength: how much of the way to noise they go, from 0 to 1.
        labels: classes that they shall have, in turn; their own by default.
        num: results of each.
        sampler: how steps are taken.
        seed: result j of sample i is drawn from seed + num i + j.

    Raises:
        SettingsError: numbers out of range, or no class for a network that knows classes only.
    """
    if num < 1 or not 0 < strength <= 1:
        raise SettingsError(
            f"num and strength: at least 1, and a number above 0 and up to 1, wanted, got {num} and {strength}"
        )
    require_memory(len(x) * num, run.spec.shape)
    wanted = list(known) if labels is None else [labels[row % len(labels)] for row in range(len(x))]
    run.conditioning(None, wanted)
    whole = Mask(run.spec.shape, torch.ones(run.spec.shape, dtype=torch.bool))
    observations = [Observation(whole, whole.apply(sample[None])) for sample in x]
    return Draws(observations, num, SDEdit(strength=strength), sampler, wanted, seed)
