"""The diffusion process: forward marginals, posterior, reverse distribution, bound terms and losses.

``GaussianDiffusion`` is schedule x prediction x reverse variance x objective (and the decoder that scores
data), and nothing else; samplers hold one and walk it backwards. ``t`` is a step index in [0, T), an int or
int64 [b], or the ``Level`` of a step; what the network sees is ``time``, made in ``network_time`` only. Notation as in
schedules/base.py.

The network is called in one place (``predict``); what its output means is pure arithmetic (``interpret``).
"""

from collections.abc import Iterable
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.gaussian import Gaussian, normal_kl
from idm.core.tensors import made_once, mean_flat, nats_to_bits, network_output
from idm.core.types import Images, Network, PerSample
from idm.diffusion.decoders import Decoder, DiscretizedDecoder
from idm.diffusion.denoiser import Clipped, Denoised, DenoisedFn, Denoiser, ModelKwargs, NetworkDenoiser, clipped
from idm.diffusion.names import LossType, ModelMeanType, ModelVarType, name_of, strategy
from idm.diffusion.objectives import Objective
from idm.diffusion.predictions import Prediction
from idm.diffusion.results import LossTerms, NetworkOutput, ReverseStep, VbTerms
from idm.diffusion.variances import ReverseVariance
from idm.schedules import Grid, Level, NoiseSchedule, Transition

Place = int | Tensor | Level | Transition
"""A step: its number, one number per sample [b], the level (or levels) that it starts at, or the step itself."""

TIME_SCALE = 1000.0
"""Network times span [0, 1000) when ``rescale_timesteps`` is on, whatever the number of steps."""


def _expand(value: Tensor, like: Tensor) -> Tensor:
    return value if value.shape == like.shape else value.expand_as(like)


class GaussianDiffusion:
    """A Gaussian diffusion process and its learned reversal (Ho et al. 2020; Nichol & Dhariwal 2021)."""

    def __init__(
        self,
        schedule: Grid,
        *,
        model_mean_type: ModelMeanType | Prediction = ModelMeanType.EPSILON,
        model_var_type: ModelVarType | ReverseVariance = ModelVarType.FIXED_LARGE,
        loss_type: LossType | Objective = LossType.MSE,
        rescale_timesteps: bool = False,
        decoder: Decoder = DiscretizedDecoder(),  # noqa: B008 (immutable)
    ) -> None:
        """Put the parts together.

        Args:
            schedule: noise levels of the chain, or of another path.
            model_mean_type: what the network's first head means; an enum member or a ``Prediction``.
            model_var_type: variance of a reverse step; an enum member or a ``ReverseVariance``.
            loss_type: how squared error and bound add up; an enum member or an ``Objective``.
            rescale_timesteps: feed the network times in [0, 1000) instead of step numbers, for any schedule.
            decoder: how the last step scores data; 256 levels by default.
        """
        self.grid = schedule
        self.prediction: Prediction = strategy(model_mean_type)
        self.prediction = self.prediction.on(schedule)
        self.variance: ReverseVariance = strategy(model_var_type)
        self.objective: Objective = strategy(loss_type)
        self.rescale_timesteps = rescale_timesteps
        self.decoder = decoder

    def __repr__(self) -> str:
        """Write the parts in a line."""
        strategies = (ModelMeanType, self.prediction), (ModelVarType, self.variance), (LossType, self.objective)
        names = ", ".join(name_of(names, value) for names, value in strategies)
        times = f", times in [0, {TIME_SCALE:,.0f})" if self.rescale_timesteps else ""
        return f"GaussianDiffusion({self.grid}, {names}{times}, {self.decoder})"

    @classmethod
    def from_betas(cls, betas: npt.ArrayLike, **options: Any) -> "GaussianDiffusion":
        """Build on a chain given by its betas [T]; options as in the constructor."""
        return cls(NoiseSchedule.from_betas(betas), **options)

    @property
    def schedule(self) -> NoiseSchedule:
        """The chain, with its tables.

        Raises:
            SettingsError: the levels lie on another path.
        """
        if not isinstance(self.grid, NoiseSchedule):
            raise SettingsError(f"schedule: a variance-preserving chain wanted, got {self.grid}; read diffusion.grid")
        return self.grid

    @property
    def num_timesteps(self) -> int:
        """T, the number of steps."""
        return self.grid.num_timesteps

    @property
    def needs_steps(self) -> bool:
        """Whether losses are of steps to the next level, as the bound's are, and not of levels alone."""
        return self.variance.heads > 1 or self.prediction.is_mean or not self.objective.regression

    def out_channels(self, in_channels: int) -> int:
        """Channels that the network must return for data of ``in_channels`` channels."""
        return self.variance.heads * in_channels

    def respace(self, keep: Iterable[int]) -> "GaussianDiffusion":
        """Return the process that visits only the steps ``keep``; fixed variances follow the shorter chain."""
        return self.on(self.grid.respace(keep))

    def on(self, grid: Grid) -> "GaussianDiffusion":
        """Return the process that visits other levels of its path."""
        return self.replace(schedule=grid)

    def replace(self, **changes: Any) -> "GaussianDiffusion":
        """Return a copy with some constructor arguments changed."""
        same: dict[str, Any] = {
            "schedule": self.grid,
            "model_mean_type": self.prediction,
            "model_var_type": self.variance,
            "loss_type": self.objective,
            "rescale_timesteps": self.rescale_timesteps,
            "decoder": self.decoder,
        }
        return GaussianDiffusion(**(same | changes))

    @property
    def largest_gain(self) -> float:
        """Error of x_0 at the noisiest step, per error of the network's output there."""
        nothing = torch.zeros(1, 1, dtype=torch.float64)
        at = self.grid.level(self.num_timesteps - 1, nothing)
        change = self.prediction.x_start(nothing + 1.0, nothing, at) - self.prediction.x_start(nothing, nothing, at)
        return float(change.abs())

    def transition(self, t: Place, x: Images) -> Transition:
        """Return the step down from ``t``, or from a ``t`` for each sample of ``x``.

        Raises:
            SettingsError: no such step or steps, or a level that is not on the grid.
        """
        if isinstance(t, Transition):
            return t
        if isinstance(t, Level):
            return self.grid.transition_from(t, x)
        if isinstance(t, Tensor) and t.ndim == 1 and len(t) != len(x):
            raise SettingsError(f"t: {len(x)} steps wanted, one per sample, got {len(t)}")
        return self.grid.transition(t, x)

    def _level(self, t: Place, x: Images) -> Level:
        return t if isinstance(t, Level) else self.transition(t, x).up

    # Forward process

    def q_mean_variance(self, x_start: Images, t: Place) -> Gaussian:
        """q(x_t | x_0) = N(alpha x_0, sigma^2 I)."""
        at = self._level(t, x_start)
        return Gaussian(at.alpha * x_start, _expand(at.log_variance, x_start))

    def q_sample(self, x_start: Images, t: Place, noise: Tensor | None = None) -> Images:
        """Draw x_t ~ q(x_t | x_0).

        Args:
            x_start: clean data in [-1, 1].
            t: step or steps.
            noise: standard normal, of x_start's shape; drawn from torch's default generator if None.
        """
        noise = _noise_like(x_start, noise)
        return self._level(t, x_start).diffuse(x_start, noise)

    def q_posterior(self, x_start: Images, x_t: Images, t: Place) -> Gaussian:
        """q(x_{t-1} | x_t, x_0) (Ho et al. 2020, eq. 6-7); at step 0 its log-variance is that of step 1."""
        at = self.transition(t, x_t)
        return Gaussian(at.posterior_mean(x_start, x_t), _expand(at.log_posterior_variance, x_t))

    def predict_xstart_from_eps(self, x_t: Images, t: Place, eps: Images) -> Images:
        """Return the x_0 for which x_t holds the noise ``eps``."""
        return self._level(t, x_t).x_start(x_t, eps)

    def predict_xstart_from_xprev(self, x_t: Images, t: Place, xprev: Images) -> Images:
        """Return the x_0 for which ``xprev`` is the posterior mean."""
        return self.transition(t, x_t).x_start(x_t, xprev)

    def predict_eps_from_xstart(self, x_t: Images, t: Place, pred_xstart: Images) -> Images:
        """Return the noise that x_t holds if its x_0 is ``pred_xstart``."""
        return self._level(t, x_t).eps(x_t, pred_xstart)

    # Reverse process

    def denoiser(
        self,
        network: Network,
        *,
        conditioning: ModelKwargs | None = None,
        clip: bool = True,
        denoised_fn: DenoisedFn | None = None,
        threshold: float = 0.0,
    ) -> Denoiser:
        """Make a network a denoiser: what samplers, likelihoods, guidance and editing take.

        Args:
            network: called as ``network(x, time, **conditioning)``.
            conditioning: what else it is shown, such as labels ``y`` [b], with one entry per sample.
            clip: clamp the predicted x_0 to [-1, 1] (for PREVIOUS_X this leaves the mean alone).
            denoised_fn: applied to the predicted x_0 before clipping.
            threshold: bring x_0 to its own range before clipping, as ``threshold_dynamically`` does; 0: do not.
        """
        raw = NetworkDenoiser(self.predict, self._read, network, conditioning or {})
        changes = clip or denoised_fn is not None or threshold > 0
        return Clipped(raw, clip, denoised_fn, threshold) if changes else raw

    def _read(self, output: NetworkOutput, x: Images, at: Level) -> Denoised:
        """Read x_0 from a network's output."""
        x_start = self.prediction.x_start(output.prediction, x, at)
        mean = output.prediction if self.prediction.is_mean else None
        return Denoised(x_start, x_start, head=output.variance, mean=mean)

    def reverse(self, found: Denoised, at: Transition, x: Images) -> ReverseStep:
        """Return p(x_down | x_up), given what was found in ``x`` at the level up."""
        log_variance = self.variance.log_variance(self.variance.reads(found, x, at.up), at)
        return ReverseStep(self.reverse_mean(found, at, x), _expand(log_variance, x), found.x_start)

    def reverse_mean(self, found: Denoised, at: Transition, x: Images) -> Images:
        """Return the mean of p(x_down | x_up) alone."""
        return at.posterior_mean(found.x_start, x) if found.mean is None else found.mean

    def network_time(self, t: Place, like: Tensor) -> Tensor:
        """Times [b] that the network sees: original step numbers, or times in [0, 1000).

        Raises:
            SettingsError: no such step or steps.
        """
        at = self.grid.transition(t, like).up if isinstance(t, int | Tensor) else self._level(t, like)
        return self._time_of(at, like)

    def _time_of(self, at: Level, like: Tensor) -> Tensor:
        """Times of a level; of one that a grid keeps they are kept with it, and not made again at every walk."""
        if at.time.ndim:
            return self._scaled(at.time).flatten()
        batch = like.shape[0]
        key = (self.rescale_timesteps, self.grid.path.span, batch)
        known = at.network_times.get(key)  # looked up at every step of every walk
        return made_once(at.network_times, key, lambda: self._scaled(at.time).expand(batch)) if known is None else known

    def _scaled(self, time: Tensor) -> Tensor:
        time = time * TIME_SCALE / self.grid.path.span if self.rescale_timesteps else time
        return time.float() if time.is_floating_point() else time

    def predict(self, model: Network, x_t: Images, t: Place, model_kwargs: ModelKwargs | None = None) -> NetworkOutput:
        """Call the network and split its output into heads, in x_t's dtype.

        Args:
            model: called as ``model(x_t, time, **model_kwargs)``.
            x_t: noisy data.
            t: step or steps.
            model_kwargs: conditioning, such as labels ``y`` [b].

        Raises:
            SettingsError: the network returns no tensor, or one of the wrong shape or number of channels.
        """
        at = self._level(t, x_t)
        scale = self.prediction.input_scale(at)
        shown = x_t if scale is None else scale * x_t
        output = network_output(model(shown, self._time_of(at, x_t), **(model_kwargs or {})))
        if output.dtype != x_t.dtype:
            output = output.to(x_t.dtype)
        batch, channels, *sizes = x_t.shape
        expected = (batch, self.out_channels(channels), *sizes)
        if output.shape != expected:
            raise SettingsError(self._misfit(tuple(output.shape), expected, channels))
        if self.variance.heads == 1:
            return NetworkOutput(output, None)
        return NetworkOutput(*output.split_with_sizes([channels, channels], dim=1))

    def _misfit(self, shape: tuple[int, ...], expected: tuple[int, ...], channels: int) -> str:
        """Say why an output of that shape is refused."""
        if (shape[:1], shape[2:]) != (expected[:1], expected[2:]):
            return f"network: an output of shape {expected} wanted, got {shape}; batch and sizes must stay"
        return (
            f"{type(self.variance).__name__} needs a network with {expected[1]} output channels for {channels} data "
            f"channels, got {shape[1]}; build it with out_channels=diffusion.out_channels({channels})"
        )

    def interpret(
        self,
        output: NetworkOutput,
        x_t: Images,
        t: Place,
        *,
        clip_denoised: bool = True,
        denoised_fn: DenoisedFn | None = None,
    ) -> ReverseStep:
        """Turn a network's output into p(x_{t-1} | x_t). Pure arithmetic.

        Args:
            output: what ``predict`` returned.
            x_t: noisy data.
            t: step or steps.
            clip_denoised: as ``clip`` of ``denoiser``.
            denoised_fn: as there.
        """
        at = self.transition(t, x_t)
        found = self._read(output, x_t, at.up)
        return self.reverse(clipped(found, clip_denoised, denoised_fn), at, x_t)

    def p_mean_variance(
        self,
        model: Network,
        x_t: Images,
        t: Place,
        *,
        clip_denoised: bool = True,
        denoised_fn: DenoisedFn | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> ReverseStep:
        """Return p(x_{t-1} | x_t): what a ``denoiser`` finds, in ``reverse``."""
        at = self.transition(t, x_t)
        denoise = self.denoiser(model, conditioning=model_kwargs, clip=clip_denoised, denoised_fn=denoised_fn)
        return self.reverse(denoise(x_t, at.up), at, x_t)

    # Bound and losses

    def vb_bpd(self, step: ReverseStep, x_start: Images, x_t: Images, t: Place) -> PerSample:
        """Term of the variational bound at step ``t``, in bits/dim [b] (Ho et al. 2020, eq. 5).

        KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), and -log p(x_0 | x_1) at step 0.
        """
        at = self.transition(t, x_t)
        # Where t is known on the host, the host need not wait for the device to hear which samples are at step 0.
        is_0 = torch.as_tensor(t).view(-1) == 0 if isinstance(t, int | Tensor) else at.is_last.flatten() > 0
        on_host = is_0.device.type == "cpu"
        rows = is_0.expand(len(x_t)).nonzero()[:, 0].to(x_t.device) if on_host else None
        if rows is not None and len(rows) == len(x_t):
            return self.decoder_bpd(step, x_start)
        kl = nats_to_bits(mean_flat(self.q_posterior(x_start, x_t, at).kl(step.gaussian)))
        if rows is None:
            return torch.where(is_0, self.decoder_bpd(step, x_start), kl)
        return kl.index_put((rows,), self.decoder_bpd(step.select(rows), x_start[rows])) if len(rows) else kl

    def decoder_bpd(self, step: ReverseStep, x_start: Images) -> PerSample:
        """-log p(x_0 | x_1) in bits/dim [b], the term of step 0."""
        return -nats_to_bits(mean_flat(self.decoder.log_likelihood(x_start, step.gaussian)))

    def _vb_terms_bpd(
        self,
        model: Network,
        x_start: Images,
        x_t: Images,
        t: Place,
        *,
        clip_denoised: bool = True,
        model_kwargs: ModelKwargs | None = None,
    ) -> VbTerms:
        """Bound term of a network at x_t, in bits/dim, and the x_0 it predicted."""
        step = self.p_mean_variance(model, x_t, t, clip_denoised=clip_denoised, model_kwargs=model_kwargs)
        return VbTerms(self.vb_bpd(step, x_start, x_t, t), step.pred_xstart)

    def prior_bpd(self, x_start: Images) -> PerSample:
        """KL(q(x_T | x_0) || p(x_T)) in bits/dim [b] (Ho et al. 2020, eq. 5, term L_T).

        p(x_T) is what sampling starts from: N(0, I) on a chain, N(0, sigma_T^2 I) on other paths. It has no trainable
        part; a large value means that the path stops before x_T is noise.
        """
        last, one = self.q_mean_variance(x_start, self.num_timesteps - 1), torch.ones_like(x_start[:1])
        start = self.grid.path.start(self.grid.level(self.num_timesteps - 1, one), one)
        return nats_to_bits(mean_flat(normal_kl(last.mean, last.log_variance, 0.0, 2.0 * torch.log(start))))

    def training_losses(
        self,
        model: Network,
        x_start: Images,
        t: Place,
        *,
        noise: Tensor | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> LossTerms:
        """Losses of a batch, per sample.

        With a learned variance and a regression objective the bound term is computed on an output whose
        prediction is frozen, so that it trains the variance alone (Nichol & Dhariwal 2021, section 3.1).
        x_0 is never clipped here.

        Args:
            model: the network.
            x_start: clean data in [-1, 1].
            t: step or steps.
            noise: standard normal, of x_start's shape; drawn from torch's default generator if None.
            model_kwargs: conditioning.
        """
        noise = _noise_like(x_start, noise)
        at = t if isinstance(t, Level) else self.transition(t, x_start)
        level = at if isinstance(at, Level) else at.up
        x_t = level.diffuse(x_start, noise)
        output = self.predict(model, x_t, level, model_kwargs)
        weight = self.objective.vb_weight(self.num_timesteps)
        if not self.objective.regression:
            at = self.transition(at, x_start)
            vb = weight * self.vb_bpd(self.interpret(output, x_t, at, clip_denoised=False), x_start, x_t, at)
            return LossTerms(loss=vb, mse=None, vb=vb)
        target = self.prediction.target(x_start, x_t, noise, level)
        mse = mean_flat((target - output.prediction) ** 2)
        weighted = self.objective.weigh(mse, level)
        if output.variance is None:
            return LossTerms(loss=weighted, mse=mse, vb=None)
        at = self.transition(at, x_start)
        frozen = self.interpret(output.freeze_mean(), x_t, at, clip_denoised=False)
        vb = weight * self.vb_bpd(frozen, x_start, x_t, at)
        return LossTerms(loss=weighted + vb, mse=mse, vb=vb)


def _noise_like(x_start: Tensor, noise: Tensor | None) -> Tensor:
    if noise is None:
        return torch.randn_like(x_start)
    if noise.shape != x_start.shape:
        raise SettingsError(f"noise: shape {tuple(x_start.shape)} wanted, as x_start has, got {tuple(noise.shape)}")
    return noise
