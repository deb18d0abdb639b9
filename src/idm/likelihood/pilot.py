"""How large the terms of a bound are, found on a few images: what steps of an estimate are drawn by."""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.likelihood.bound import evaluate_terms
from idm.likelihood.calibration import spread_places

LEVELS_OF_PILOT = 32
EVEN_SHARE = 0.02
"""Share of the probability that is spread evenly over all steps: none is impossible, and no weight is large."""


@final
@dataclass(frozen=True, eq=False)
class StepProposal:
    """How likely steps 1 to T - 1 are drawn.

    Attributes:
        shares: probability of each [T - 1], float64, none 0; step 1 is the first.
    """

    shares: Float[Tensor, " steps"]

    def __post_init__(self) -> None:
        """Refuse what are no probabilities.

        Raises:
            SettingsError: as said.
        """
        if not (self.shares > 0).all() or abs(float(self.shares.sum()) - 1.0) > 1e-9:
            raise SettingsError("proposal: probabilities above 0 that sum to 1 wanted, got others")

    def steps_at(self, places: Float[Tensor, "k b"]) -> tuple[Int[Tensor, "k b"], Float[Tensor, "k b"]]:
        """Return the steps at places in [0, 1) of the cumulative probability, and how often their terms count."""
        ends = self.shares.cumsum(0)
        index = torch.searchsorted(ends, places * ends[-1], right=True).clamp(max=len(ends) - 1)
        return index + 1, 1.0 / self.shares[index]


def fit_proposal(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    num_levels: int = LEVELS_OF_PILOT,
    seed: int = 0,
    batch_size: int = 512,
) -> StepProposal:
    """Make steps as likely as their terms are large, in the root mean square over some images.

    Terms are evaluated at some steps, evenly in the logarithm of kappa, and read off between them. Any images do: what
    is found decides how far estimates scatter, not what they are on average.

    Args:
        diffusion: the process.
        denoise: what finds x_0.
        x_start: a few clean images.
        num_levels: steps that are looked at, for each image.
        seed: image i has seed + i.
        batch_size: images per call of the network.

    Raises:
        SettingsError: no images, or a chain of a single step.
    """
    number = diffusion.num_timesteps
    if len(x_start) < 1 or number < 2:
        raise SettingsError(f"pilot: an image and a chain of 2 steps wanted, got {len(x_start)} and {number}")
    places = [place for place in spread_places(diffusion.grid, num_levels + 1) if place > 0] or [number - 1]
    rng = Rng.from_seed(seed, len(x_start), x_start.device)
    found: list[float] = []
    with torch.no_grad():
        for place in places:
            squares = x_start.new_zeros((), dtype=torch.float64)
            for part in torch.arange(len(x_start)).split(batch_size):
                noise = Rng(rng.seeds[part]).normal("bound pilot", place, x_start.shape[1:], x_start.dtype)
                terms = evaluate_terms(diffusion, denoise.select(part), x_start[part], place, noise)[0]
                squares += terms.double().square().sum()
            found.append(float(squares / len(x_start)) ** 0.5)
    return StepProposal(_shares(np.array(places), np.array(found), number))


def _shares(places: np.ndarray, sizes: np.ndarray, number: int) -> Tensor:
    """Return probabilities of all steps from the sizes of some: between them straight lines in both logarithms."""
    least = max(float(sizes.max()) * 1e-9, np.finfo(np.float64).tiny)
    steps = np.arange(1, number)
    size = np.exp(np.interp(np.log(steps), np.log(places), np.log(np.maximum(sizes, least))))
    return torch.from_numpy((1.0 - EVEN_SHARE) * size / size.sum() + EVEN_SHARE / (number - 1))
