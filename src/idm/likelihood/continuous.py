"""The bound of a chain of infinitely many steps (Kingma et al. 2021, Variational Diffusion Models, eq. 17).

Between the lowest and the noisiest level of a grid the sum over steps becomes an integral over l = log kappa, in nats
per sample integral of kappa^-2 E |x_0 - x_0(x_t)|^2 dl: of the levels only the two ends count, and of the variances
none, as all that are right become the posterior's. Prior and decoder stay as they are. The bound of ever longer chains
with the posterior variance comes down to it in proportion to 1 / T.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener, Progress
from idm.core.rng import Rng
from idm.core.tensors import append_dims, mean_flat, nats_to_bits
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.guidance import refuse_guided
from idm.likelihood.bound import evaluate_terms
from idm.likelihood.sampled import USUAL_CALLS, SampledBound, num_lowest_of, put_together, refuse_odd


def continuous_bound(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    calls: int = USUAL_CALLS,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> SampledBound:
    """Estimate the bound in continuous time of every image, without bias.

    The range of l is cut into equal strata, of each of which one level is drawn for every image; the decoder's term is
    drawn twice for each 18 calls, so that all scatter falls.

    Args:
        diffusion: the process; its grid says which levels are the ends.
        denoise: what finds x_0.
        x_start: clean data in the model's range, [b, c, *space].
        calls: of the network for each image, an even number from 4 on, two of each 18 for the decoder.
        seed: image i has seed + i.
        batch_size: (image, level) pairs per call of the network.
        listener: hears how it gets on, in terms of an image.

    Raises:
        SettingsError: no images, no such number of calls, a chain of one level or whose noisiest level has no signal, a
            network that predicts the mean of x_{t-1}, or a guided denoiser.
    """
    _refuse(diffusion, denoise, x_start, calls, batch_size)
    seeds = Rng.from_seed(seed, len(x_start), x_start.device).seeds
    parts = torch.arange(len(x_start)).split(batch_size)
    found: list[tuple[Tensor, ...]] = []
    with torch.no_grad(), listener.follow("bound", calls * len(parts), unit="terms") as bar:
        for rows in parts:
            drawer = _Drawer(diffusion, denoise.select(rows), x_start[rows], Rng(seeds[rows]), batch_size, bar)
            found.append(drawer.estimate(calls))
    bits, variance, prior, decoder, of_decoder = (torch.cat(values) for values in zip(*found, strict=True))
    return SampledBound(bits, variance, calls, prior, decoder, of_decoder)


def _refuse(diffusion: GaussianDiffusion, denoise: Denoiser, x_start: Tensor, calls: int, batch_size: int) -> None:
    refuse_guided(denoise, "bound")
    refuse_odd(calls, "calls")
    kappas = diffusion.grid.levels.kappa
    if diffusion.prediction.is_mean or len(kappas) < 2 or not math.isfinite(float(kappas[-1])):
        raise SettingsError(
            "continuous bound: two levels with some signal, and a prediction that has a meaning between them, wanted, "
            f"got {diffusion}"
        )
    if min(len(x_start), batch_size) < 1:
        raise SettingsError(f"bound: an image and a batch_size of 1 wanted, got {len(x_start)} and {batch_size}")


@final
@dataclass(frozen=True, eq=False)
class _Drawer:
    """Evaluates terms of some images, as many at once as fit.

    Attributes:
        diffusion: the process.
        denoise: what finds x_0 of these images.
        x: the images.
        rng: their random numbers.
        batch_size: (image, level) pairs per call.
        bar: told of terms.
    """

    diffusion: GaussianDiffusion
    denoise: Denoiser
    x: Tensor
    rng: Rng
    batch_size: int
    bar: Progress

    def estimate(self, calls: int) -> tuple[Tensor, ...]:
        """Return estimates, their variances, the parts of prior and decoder, and the variance of the latter [b]."""
        num_lowest = num_lowest_of(calls)
        lowest = torch.stack([self._decoder(draw) for draw in range(num_lowest)])
        return put_together(self.diffusion.prior_bpd(self.x).double(), lowest, self._integral(calls - num_lowest))

    def _decoder(self, draw: int) -> Tensor:
        """Return the term of the lowest level [b], bits/dim."""
        noise = self.rng.normal("continuous decoder", draw, self.x.shape[1:], self.x.dtype)
        found = evaluate_terms(self.diffusion, self.denoise, self.x, 0, noise)[0].double()
        self.bar.advance(1)
        return found

    def _integral(self, count: int) -> Tensor:
        """Return the shares of strata in the integral [k, b], bits/dim."""
        ends = torch.log(self.diffusion.grid.levels.kappa[[0, -1]])
        width, on_host = float(ends[1] - ends[0]) / count, Rng(self.rng.seeds.cpu())
        drawn = [on_host.uniform("continuous levels", number).flatten().double() + number for number in range(count)]
        places = float(ends[0]) + width * torch.stack(drawn)
        parts = torch.arange(count).split(max(1, self.batch_size // len(self.x)))
        return torch.cat([self._strata(part.tolist(), places[part].flatten(), width) for part in parts])

    def _strata(self, numbers: Sequence[int], places: Tensor, width: float) -> Tensor:
        """Return the shares of strata of those numbers [k, b], bits/dim, from one call of the network.

        Args:
            numbers: of the strata.
            places: log kappa of each image in each of them [k b], on the host.
            width: of a stratum, in log kappa.
        """
        grid, x = self.diffusion.grid, self.x.repeat(len(numbers), *[1] * (self.x.ndim - 1))
        at = grid.at_times(grid.path.time_of(places.numpy()), x)
        noise = self.rng.normals("continuous terms", numbers, x.shape[1:], x.dtype).flatten(0, 1)
        denoise = self.denoise.select(torch.arange(len(self.x)).repeat(len(numbers)))
        error = denoise(at.diffuse(x, noise), at).x_start - x
        kappa = append_dims(torch.exp(places).to(x.device), x.ndim)
        self.bar.advance(len(numbers))
        return nats_to_bits(width * mean_flat((error.double() / kappa).square())).view(len(numbers), -1)
