"""Whether restorations of one's own data are calibrated: held-out data are observed, restored, and ranked."""

from collections.abc import Callable, Sequence

import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng, derive_seed
from idm.core.types import Images
from idm.restoration.coverage import Coverage, coverage_of
from idm.restoration.observation import Observation
from idm.restoration.operators import Operator

Draw = Callable[[Observation, Sequence[int]], Images]
"""Restores each of a batch of observations once, with a seed for each."""

USUAL_DRAWS, USUAL_BATCH = 19, 256


def observe(x: Images, operator: Operator, noise: float, seed: int = 0) -> Observation:
    """Observe data [b, ...] with noise of a standard deviation; sample i has noise of its own, from seed + i."""
    values = operator.apply(x)
    drawn = Rng.from_seed(seed, len(x), x.device).normal("observation", 0, values.shape[1:], values.dtype)
    return Observation(operator, values + noise * drawn, noise)


def check_coverage(
    x: Images,
    operator: Operator,
    noise: float,
    draw: Draw,
    *,
    num_draws: int = USUAL_DRAWS,
    batch: int = USUAL_BATCH,
    seed: int = 0,
    listener: Listener = SILENT,
) -> Coverage:
    """Observe data that a model has not seen, restore each of them several times, and rank the truth among them.

    A miss is the method's, the model's, or that of data which are not the model's: all three widen or narrow regions.

    Args:
        x: held-out data [n, c, *space] in the model's range, drawn independently of each other; 64 or more tell much.
        operator: what is observed of them.
        noise: standard deviation of the noise of observations, in the model's range.
        draw: restores a batch of observations, with a seed for each.
        num_draws: for each of the data: 19 for regions of 90 %, 199 for 99 %.
        batch: restorations at once.
        seed: of the observations and the draws.
        listener: hears how it gets on.

    Raises:
        SettingsError: fewer than two data, too few draws, or what ``draw`` raises.
    """
    if len(x) < 2:
        raise SettingsError(f"cases: at least 2 wanted to check coverage, got {len(x)}")
    observation = observe(x, operator, noise, seed)
    rows = torch.arange(len(x), device=x.device).repeat_interleave(num_draws)
    first = derive_seed(seed, "restorations") >> 1  # room for the seeds that follow
    found: list[Images] = []
    with listener.follow("checking coverage", len(rows), unit="draws") as bar:
        for part in torch.arange(len(rows), device=x.device).split(batch):
            found.append(draw(observation.select(rows[part]), (first + part).tolist()))
            bar.advance(len(part))
    return coverage_of(x, torch.cat(found).unflatten(0, (len(x), num_draws)), seed=seed)
