"""The likelihood of data by the probability-flow ODE (Song et al. 2021, section 4.3 and appendix D.2).

With y = x / alpha and l = log kappa the flow is dy/dl = y - x_0(y, l), and along it
log p(y) = log p_end(y_end) + integral of (d - trace of the Jacobian of x_0) dl. It runs from the lowest level of the
grid, where data take the place of y, up to noise that drowns them, by fixed steps of the classical Runge-Kutta method
in l, for any path, as any number of equal steps gives the same everywhere. It is the exact density of another model
than the one that the bound is of: what the flow makes of noise.

Quantised data are spread over their bins by uniform noise (Theis et al. 2016). What is found is then, on average over
that noise, an upper bound of -log2 P / d of the levels under the same flow, by Jensen's inequality. Of continuous data
it is the density itself. Traces by random probes have no bias in either case (Hutchinson 1990).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.counts import at_least
from idm.core.errors import SettingsError
from idm.core.estimate import Estimate
from idm.core.gaussian import LOG_2PI
from idm.core.progress import SILENT, Listener, Progress
from idm.core.rng import Rng
from idm.core.tensors import LN_2
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.guidance import refuse_guided

USUAL_FLOW_STEPS = 50
LARGEST_KAPPA = 100.0
"""Noise-to-signal ratio at which the flow ends, where its path goes that far: the prior costs 1e-4 bits/dim there."""

CALLS_A_STEP = 4
FEWEST_STEPS, LARGEST_MOVE = 8, 0.05
"""Steps below which half as many tell nothing, and bits/dim by which half as many may move samples at the most."""

MOST_EXACT = 16
"""Values of samples up to which a trace is exact where nothing else is said; of more it takes one probe."""


@final
@dataclass(frozen=True, eq=False)
class FlowLikelihood:
    """Densities of samples under the flow, as bits/dim.

    Attributes:
        bits_per_dim: of each sample [n]; of quantised data an upper bound, on average over the noise in their bins.
        of_half: the same in half as many steps, with the same noise and probes [n].
        steps: of the solver, four calls of the network each.
        probes: for each trace; 0: it is exact.
    """

    bits_per_dim: Float[Tensor, " n"]
    of_half: Float[Tensor, " n"]
    steps: int
    probes: int

    @property
    def mean(self) -> Estimate:
        """Mean over samples, with the standard error that samples, noise and probes leave."""
        return Estimate.of(self.bits_per_dim)

    @property
    def moved(self) -> Estimate:
        """By how much all steps are above half as many; of a method of order 4 the rest is about a 15th of that."""
        return Estimate.of(self.bits_per_dim - self.of_half)

    @property
    def rms_moved(self) -> float:
        """Root mean square of that over samples: errors of the solver that cancel out in the mean are in it."""
        return float((self.bits_per_dim - self.of_half).double().square().mean().sqrt())

    @property
    def has_few_steps(self) -> bool:
        """Whether the solver takes too few steps to be trusted.

        That is fewer than 8, or so few that half as many move samples by more than 0.05 bits/dim, or than the standard
        error of the mean. Samples are moved one by one, with the same noise and probes, so that each of them tells.
        """
        error = self.mean.standard_error
        most = min(error, LARGEST_MOVE) if math.isfinite(error) else LARGEST_MOVE
        return self.steps < FEWEST_STEPS or self.rms_moved > most


def flow_likelihood(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    steps: int = USUAL_FLOW_STEPS,
    probes: int | None = None,
    bin_width: float | None = None,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> FlowLikelihood:
    """Evaluate the density of every sample under the flow, in the steps that are wanted and in half as many.

    Args:
        diffusion: the process; its grid says where the flow begins and ends.
        denoise: what finds x_0, best without clipping.
        x_start: data in the model's range, [b, c, *space].
        steps: of the solver, an even number, evenly in the logarithm of kappa.
        probes: random vectors of signs for each trace, the same all along; 0: exact; see ``usual_probes``.
        bin_width: distance of neighbouring levels of quantised data in the model's range; None for continuous data.
        seed: of probes and of the noise in bins: image i has seed + i.
        batch_size: samples per call of the network.
        listener: hears how it gets on, in calls of the network.

    Raises:
        SettingsError: no samples, odd steps, or a denoiser that is guided, has no gradient, or predicts x_{t-1}.
    """
    _refuse(diffusion, denoise, x_start, steps, batch_size)
    number = usual_probes(x_start.shape[1:]) if probes is None else at_least(0, probes, "probes")
    seeds = Rng.from_seed(seed, len(x_start), x_start.device).seeds
    parts = torch.arange(len(x_start)).split(batch_size)
    found: list[tuple[Tensor, Tensor]] = []
    with listener.follow("flow", flow_calls(steps) * len(parts), unit="calls") as bar:
        for rows in parts:
            x = _spread(x_start[rows], rng := Rng(seeds[rows]), bin_width)
            flow = _Flow(diffusion, denoise.select(rows), _Trace.by(rng, x, number), bar)
            found.append((flow.bits(x, steps, bin_width), flow.bits(x, steps // 2, bin_width)))
    bits, of_half = map(torch.cat, zip(*found, strict=True))
    return FlowLikelihood(bits, of_half, steps, number)


def _refuse(diffusion: GaussianDiffusion, denoise: Denoiser, x_start: Tensor, steps: int, batch_size: int) -> None:
    refuse_guided(denoise, "flow")
    if diffusion.prediction.is_mean:
        raise SettingsError("flow: a prediction that has a meaning between steps wanted, got previous_x")
    if len(x_start) < 1 or at_least(1, batch_size, "batch_size") < 1 or at_least(2, steps, "steps") % 2:
        raise SettingsError(f"flow: a sample and an even number of steps wanted, got {len(x_start)} and {steps}")


def _spread(x: Tensor, rng: Rng, bin_width: float | None) -> Tensor:
    """Spread quantised data evenly over their bins; continuous ones stay."""
    if bin_width is None:
        return x
    return x + bin_width * (rng.uniform("bins", 0, x[0].numel()).view(x.shape) - 0.5).to(x)


def flow_calls(steps: int) -> int:
    """Return how many calls of the network a likelihood in that many steps takes, half as many ones among them."""
    return CALLS_A_STEP * (steps + steps // 2)


def usual_probes(shape: Sequence[int]) -> int:
    """Return how many probes there are where nothing is said: one for samples of more than 16 values.

    Traces of others are exact, at one product for each value.
    """
    return int(math.prod(shape) > MOST_EXACT)


@final
@dataclass(frozen=True, eq=False)
class _Trace:
    """Traces of Jacobians, by products with vectors from the left.

    Attributes:
        signs: vectors of signs, [b, ...] each, over whose products is averaged; none: every value has a vector.
    """

    signs: list[Tensor]

    @classmethod
    def by(cls, rng: Rng, x: Tensor, probes: int) -> "_Trace":
        """Draw the signs."""
        drawn = (rng.uniform("flow probes", i, x[0].numel()).view(x.shape) for i in range(probes))
        return cls([torch.where(one < 0.5, -1.0, 1.0).to(x) for one in drawn])

    def of(self, found: Tensor, leaf: Tensor) -> Tensor:
        """Return the trace of d found / d leaf of every sample [b], float64."""
        size, shape = leaf[0].numel(), leaf.shape
        vectors = self.signs or [one.view(shape[1:]).expand(shape) for one in torch.eye(size).to(leaf)]
        trace = torch.zeros(len(leaf), dtype=torch.float64, device=leaf.device)
        for vector in vectors:
            (product,) = torch.autograd.grad(found, leaf, vector, retain_graph=vector is not vectors[-1])
            trace = trace + (product * vector).flatten(1).double().sum(1)
        return trace / max(1, len(self.signs))


@final
@dataclass(frozen=True, eq=False)
class _Flow:
    """The flow of some samples.

    Attributes:
        diffusion: the process.
        denoise: what finds x_0 of these samples.
        trace: how traces are found.
        bar: told of calls of the network.
    """

    diffusion: GaussianDiffusion
    denoise: Denoiser
    trace: _Trace
    bar: Progress

    def bits(self, x_start: Tensor, steps: int, bin_width: float | None) -> Tensor:
        """Return -log2 p / d [b], float64."""
        grid, size = self.diffusion.grid, x_start[0].numel()
        kappas = grid.levels.kappa
        begin, end = float(kappas[0].log()), float(kappas.clamp(max=LARGEST_KAPPA)[-1].log())
        h, y = (end - begin) / steps, x_start
        grown = x_start.new_zeros(len(x_start), dtype=torch.float64)
        for step in range(steps):
            at = begin + step * h
            # Runge and Kutta's method, for the samples and the logarithm of the volume around each together.
            k1, v1 = self._rate(y, at)
            k2, v2 = self._rate(y + 0.5 * h * k1, at + 0.5 * h)
            k3, v3 = self._rate(y + 0.5 * h * k2, at + 0.5 * h)
            k4, v4 = self._rate(y + h * k3, at + h)
            y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            grown = grown + h / 6.0 * (v1 + 2.0 * v2 + 2.0 * v3 + v4)
        log_density = self._log_prior(y, math.exp(end)) + grown
        return -log_density / (size * LN_2) - (0.0 if bin_width is None else math.log2(bin_width))

    def _rate(self, y: Tensor, log_kappa: float) -> tuple[Tensor, Tensor]:
        """Return dy/dl, and its divergence [b]."""
        level = self.diffusion.grid.at_ratio(math.exp(log_kappa), y)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = y.detach().clone().requires_grad_()
            found = self.denoise(level.alpha * leaf, level).x_start
            if not found.requires_grad:
                raise SettingsError("flow: a denoiser that torch can differentiate wanted, got one without a gradient")
            rate = y - found.detach(), y[0].numel() - self.trace.of(found, leaf)
        self.bar.advance()
        return rate

    def _log_prior(self, y: Tensor, kappa: float) -> Tensor:
        """Return the log density [b] of what sampling starts from, N(0, start^2) of x = alpha y."""
        one = torch.ones((), dtype=torch.float64, device=y.device)
        level = self.diffusion.grid.at_ratio(kappa, one)
        deviation = self.diffusion.grid.path.start(level, one) / level.alpha
        wide = (y.flatten(1).double() / deviation).square().sum(1)
        return -0.5 * (wide + y[0].numel() * (LOG_2PI + 2.0 * torch.log(deviation)))
