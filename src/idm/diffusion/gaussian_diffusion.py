"""The diffusion process: forward marginals, posterior, reverse distribution, bound terms and losses.

``GaussianDiffusion`` is schedule x prediction x reverse variance x objective (and the decoder that scores
data), and nothing else; samplers hold one and walk it backwards. ``t`` is a step index in [0, T), an int or
int64 [b]; what the network sees is ``time``, made from t in ``predict`` only. Notation as in schedules/base.py.

The network is called in one place (``predict``); what its output means is pure arithmetic (``interpret``).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.gaussian import Gaussian, normal_kl
from idm.core.tensors import mean_flat, nats_to_bits, network_output
from idm.core.types import Images, Network, PerSample
from idm.diffusion.decoders import Decoder, DiscretizedDecoder
from idm.diffusion.names import LossType, ModelMeanType, ModelVarType, name_of, strategy
from idm.diffusion.objectives import Objective
from idm.diffusion.predictions import Prediction
from idm.diffusion.results import LossTerms, NetworkOutput, ReverseStep, VbTerms
from idm.diffusion.variances import ReverseVariance
from idm.schedules import Coefficients, NoiseSchedule
from idm.schedules.table import refuse_other_steps

DenoisedFn = Callable[[Tensor], Tensor]
ModelKwargs = Mapping[str, Tensor]
TIME_SCALE = 1000.0
"""Network times span [0, 1000) when ``rescale_timesteps`` is on, whatever the number of steps."""


def _expand(value: Tensor, like: Tensor) -> Tensor:
    return value if value.shape == like.shape else value.expand_as(like)


class GaussianDiffusion:
    """A Gaussian diffusion process and its learned reversal (Ho et al. 2020; Nichol & Dhariwal 2021)."""

    def __init__(
        self,
        schedule: NoiseSchedule,
        *,
        model_mean_type: ModelMeanType | Prediction = ModelMeanType.EPSILON,
        model_var_type: ModelVarType | ReverseVariance = ModelVarType.FIXED_LARGE,
        loss_type: LossType | Objective = LossType.MSE,
        rescale_timesteps: bool = False,
        decoder: Decoder = DiscretizedDecoder(),  # noqa: B008 (immutable)
    ) -> None:
        """Put the parts together.

        Args:
            schedule: noise levels of the chain.
            model_mean_type: what the network's first head means; an enum member or a ``Prediction``.
            model_var_type: variance of a reverse step; an enum member or a ``ReverseVariance``.
            loss_type: how squared error and bound add up; an enum member or an ``Objective``.
            rescale_timesteps: feed the network times in [0, 1000) instead of step numbers, for any schedule.
            decoder: how the last step scores data; 256 levels by default.
        """
        self.schedule = schedule
        self.prediction: Prediction = strategy(model_mean_type)
        self.variance: ReverseVariance = strategy(model_var_type)
        self.objective: Objective = strategy(loss_type)
        self.rescale_timesteps = rescale_timesteps
        self.decoder = decoder
        self._times: dict[torch.device, Tensor] = {}

    def __repr__(self) -> str:
        """Write the parts in a line."""
        strategies = (ModelMeanType, self.prediction), (ModelVarType, self.variance), (LossType, self.objective)
        names = ", ".join(name_of(names, value) for names, value in strategies)
        times = f", times in [0, {TIME_SCALE:,.0f})" if self.rescale_timesteps else ""
        return f"GaussianDiffusion({self.schedule}, {names}{times}, {self.decoder})"

    @classmethod
    def from_betas(cls, betas: npt.ArrayLike, **options: Any) -> "GaussianDiffusion":
        """Build on a chain given by its betas [T]; options as in the constructor."""
        return cls(NoiseSchedule.from_betas(betas), **options)

    @property
    def num_timesteps(self) -> int:
        """T, the number of steps."""
        return self.schedule.num_timesteps

    def out_channels(self, in_channels: int) -> int:
        """Channels that the network must return for data of ``in_channels`` channels."""
        return self.variance.heads * in_channels

    def respace(self, keep: Iterable[int]) -> "GaussianDiffusion":
        """Return the process that visits only the steps ``keep``; fixed variances follow the shorter chain."""
        steps = list(keep)
        variance = self.variance if min(steps, default=0) == 0 else self.variance.without_decoder_variance()
        return self.replace(schedule=self.schedule.respace(steps), model_var_type=variance)

    def replace(self, **changes: Any) -> "GaussianDiffusion":
        """Return a copy with some constructor arguments changed."""
        same: dict[str, Any] = {
            "schedule": self.schedule,
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
        at = self.schedule.at(self.num_timesteps - 1, nothing)
        change = self.prediction.x_start(nothing + 1.0, nothing, at) - self.prediction.x_start(nothing, nothing, at)
        return float(change.abs())

    def _at(self, t: int | Tensor, x: Images) -> Coefficients:
        """Look up the schedule at a step, or at a step for each sample of ``x``.

        Raises:
            SettingsError: no such step or steps.
        """
        _refuse_other_count(t, x)
        return self.schedule.at(t, x)

    # Forward process

    def q_mean_variance(self, x_start: Images, t: int | Tensor) -> Gaussian:
        """q(x_t | x_0) = N(sqrt(abar) x_0, (1 - abar) I)."""
        at = self._at(t, x_start)
        return Gaussian(at.sqrt_alphas_cumprod * x_start, _expand(at.log_one_minus_alphas_cumprod, x_start))

    def q_sample(self, x_start: Images, t: int | Tensor, noise: Tensor | None = None) -> Images:
        """Draw x_t ~ q(x_t | x_0).

        Args:
            x_start: clean data in [-1, 1].
            t: step or steps.
            noise: standard normal, of x_start's shape; drawn from torch's default generator if None.
        """
        noise = _noise_like(x_start, noise)
        return self._at(t, x_start).diffuse(x_start, noise)

    def q_posterior(self, x_start: Images, x_t: Images, t: int | Tensor) -> Gaussian:
        """q(x_{t-1} | x_t, x_0) (Ho et al. 2020, eq. 6-7); at step 0 its log-variance is that of step 1."""
        at = self._at(t, x_t)
        return Gaussian(at.posterior_mean(x_start, x_t), _expand(at.posterior_log_variance_clipped, x_t))

    def predict_xstart_from_eps(self, x_t: Images, t: int | Tensor, eps: Images) -> Images:
        """Return the x_0 for which x_t holds the noise ``eps``."""
        return self._at(t, x_t).x_start_from_eps(x_t, eps)

    def predict_xstart_from_xprev(self, x_t: Images, t: int | Tensor, xprev: Images) -> Images:
        """Return the x_0 for which ``xprev`` is the posterior mean."""
        return ModelMeanType.PREVIOUS_X.value.x_start(xprev, x_t, self._at(t, x_t))

    def predict_eps_from_xstart(self, x_t: Images, t: int | Tensor, pred_xstart: Images) -> Images:
        """Return the noise that x_t holds if its x_0 is ``pred_xstart``."""
        return self._at(t, x_t).eps_from_x_start(x_t, pred_xstart)

    # Reverse process

    def network_time(self, t: int | Tensor, like: Tensor) -> Tensor:
        """Times [b] that the network sees at step ``t``: original step numbers, or times in [0, 1000).

        Raises:
            SettingsError: no such step or steps.
        """
        refuse_other_steps(t, self.num_timesteps)
        if like.device not in self._times:
            labels = torch.as_tensor(self.schedule.timesteps)
            if self.rescale_timesteps:
                labels = (labels.double() * (TIME_SCALE / self.schedule.num_train_timesteps)).float()
            self._times[like.device] = labels.to(like.device)
        times = self._times[like.device]
        return times[t].expand(like.shape[0]) if isinstance(t, int) else times.index_select(0, t.to(like.device))

    def predict(
        self, model: Network, x_t: Images, t: int | Tensor, model_kwargs: ModelKwargs | None = None
    ) -> NetworkOutput:
        """Call the network and split its output into heads, in x_t's dtype.

        Args:
            model: called as ``model(x_t, time, **model_kwargs)``.
            x_t: noisy data.
            t: step or steps.
            model_kwargs: conditioning, such as labels ``y`` [b].

        Raises:
            SettingsError: the network returns no tensor, or one of the wrong shape or number of channels.
        """
        _refuse_other_count(t, x_t)
        output = network_output(model(x_t, self.network_time(t, x_t), **(model_kwargs or {}))).to(x_t.dtype)
        channels, wanted = x_t.shape[1], self.out_channels(x_t.shape[1])
        expected = (x_t.shape[0], wanted, *x_t.shape[2:])
        if output.shape != expected:
            raise SettingsError(self._misfit(tuple(output.shape), expected, channels))
        if wanted == channels:
            return NetworkOutput(output, None)
        return NetworkOutput(*output.chunk(2, dim=1))

    def _misfit(self, shape: tuple[int, ...], expected: tuple[int, ...], channels: int) -> str:
        """Say why an output of that shape is refused."""
        if (shape[:1], shape[2:]) != (expected[:1], expected[2:]):
            return f"network: an output of shape {expected} wanted, got {shape}; batch and sizes must stay"
        return (
            f"{type(self.variance).__name__} needs a network with {expected[1]} output channels for {channels} data "
            f"channels, got {shape[1]}; build it with out_channels=diffusion.out_channels({channels})"
        )

    def interpret_x_start(
        self,
        output: NetworkOutput,
        x_t: Images,
        t: int | Tensor,
        *,
        clip_denoised: bool = True,
        denoised_fn: DenoisedFn | None = None,
    ) -> Images:
        """Read the predicted x_0 from a network's output; arguments as in ``interpret``."""
        pred_xstart = self.prediction.x_start(output.prediction, x_t, self._at(t, x_t))
        if denoised_fn is not None:
            pred_xstart = _denoised(denoised_fn(pred_xstart), x_t)
        return pred_xstart.clamp(-1.0, 1.0) if clip_denoised else pred_xstart

    def interpret(
        self,
        output: NetworkOutput,
        x_t: Images,
        t: int | Tensor,
        *,
        clip_denoised: bool = True,
        denoised_fn: DenoisedFn | None = None,
    ) -> ReverseStep:
        """Turn a network's output into p(x_{t-1} | x_t). Pure arithmetic.

        Args:
            output: what ``predict`` returned.
            x_t: noisy data.
            t: step or steps.
            clip_denoised: clamp the predicted x_0 to [-1, 1] (for PREVIOUS_X this leaves the mean alone).
            denoised_fn: applied to the predicted x_0 before clipping.
        """
        pred_xstart = self.interpret_x_start(output, x_t, t, clip_denoised=clip_denoised, denoised_fn=denoised_fn)
        at = self._at(t, x_t)
        mean = self.prediction.mean(output.prediction, pred_xstart, x_t, at)
        return ReverseStep(mean, _expand(self.variance.log_variance(output.variance, at), x_t), pred_xstart)

    def p_mean_variance(
        self,
        model: Network,
        x_t: Images,
        t: int | Tensor,
        *,
        clip_denoised: bool = True,
        denoised_fn: DenoisedFn | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> ReverseStep:
        """Return p(x_{t-1} | x_t): ``predict``, then ``interpret``."""
        output = self.predict(model, x_t, t, model_kwargs)
        return self.interpret(output, x_t, t, clip_denoised=clip_denoised, denoised_fn=denoised_fn)

    # Bound and losses

    def vb_bpd(self, step: ReverseStep, x_start: Images, x_t: Images, t: int | Tensor) -> PerSample:
        """Term of the variational bound at step ``t``, in bits/dim [b] (Ho et al. 2020, eq. 5).

        KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), and -log p(x_0 | x_1) at step 0.
        """
        if isinstance(t, int):
            return self.decoder_bpd(step, x_start) if t == 0 else self.kl_bpd(step, x_start, x_t, t)
        kl, is_decoder = self.kl_bpd(step, x_start, x_t, t), t.to(x_t.device) == 0
        if x_t.device.type != "cpu":  # to pick samples out, the host would have to wait for the device
            return torch.where(is_decoder, self.decoder_bpd(step, x_start), kl)
        rows = is_decoder.nonzero()[:, 0]
        return kl.index_put((rows,), self.decoder_bpd(step.select(rows), x_start[rows]))

    def kl_bpd(self, step: ReverseStep, x_start: Images, x_t: Images, t: int | Tensor) -> PerSample:
        """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) in bits/dim [b], the term of every step but 0."""
        return nats_to_bits(mean_flat(self.q_posterior(x_start, x_t, t).kl(step.gaussian)))

    def decoder_bpd(self, step: ReverseStep, x_start: Images) -> PerSample:
        """-log p(x_0 | x_1) in bits/dim [b], the term of step 0."""
        return -nats_to_bits(mean_flat(self.decoder.log_likelihood(x_start, step.gaussian)))

    def _vb_terms_bpd(
        self,
        model: Network,
        x_start: Images,
        x_t: Images,
        t: int | Tensor,
        *,
        clip_denoised: bool = True,
        model_kwargs: ModelKwargs | None = None,
    ) -> VbTerms:
        """Bound term of a network at x_t, in bits/dim, and the x_0 it predicted."""
        step = self.p_mean_variance(model, x_t, t, clip_denoised=clip_denoised, model_kwargs=model_kwargs)
        return VbTerms(self.vb_bpd(step, x_start, x_t, t), step.pred_xstart)

    def prior_bpd(self, x_start: Images) -> PerSample:
        """KL(q(x_T | x_0) || N(0, I)) in bits/dim [b] (Ho et al. 2020, eq. 5, term L_T).

        It has no trainable part; a large value means that the chain stops before x_T is noise.
        """
        last = self.q_mean_variance(x_start, self.num_timesteps - 1)
        return nats_to_bits(mean_flat(normal_kl(last.mean, last.log_variance, 0.0, 0.0)))

    def training_losses(
        self,
        model: Network,
        x_start: Images,
        t: int | Tensor,
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
        at = self._at(t, x_start)
        x_t = at.diffuse(x_start, noise)
        output = self.predict(model, x_t, t, model_kwargs)
        weight = self.objective.vb_weight(self.num_timesteps)
        if not self.objective.regression:
            vb = weight * self.vb_bpd(self.interpret(output, x_t, t, clip_denoised=False), x_start, x_t, t)
            return LossTerms(loss=vb, mse=None, vb=vb)
        target = self.prediction.target(x_start, x_t, noise, at)
        mse = mean_flat((target - output.prediction) ** 2)
        if output.variance is None:
            return LossTerms(loss=mse, mse=mse, vb=None)
        frozen = self.interpret(output.freeze_mean(), x_t, t, clip_denoised=False)
        vb = weight * self.vb_bpd(frozen, x_start, x_t, t)
        return LossTerms(loss=mse + vb, mse=mse, vb=vb)


def _refuse_other_count(t: int | Tensor, x: Images) -> None:
    """Refuse steps that are not one per sample."""
    if isinstance(t, Tensor) and t.ndim == 1 and len(t) != len(x):
        raise SettingsError(f"t: {len(x)} steps wanted, one per sample, got {len(t)}")


def _denoised(pred_xstart: object, like: Images) -> Images:
    """Return what a denoised_fn returned, if it is an x_0.

    Raises:
        SettingsError: no tensor, or one of another shape.
    """
    shape = tuple(like.shape)
    if not isinstance(pred_xstart, Tensor):
        raise SettingsError(f"denoised_fn: a tensor of shape {shape} wanted from it, got {type(pred_xstart).__name__}")
    if pred_xstart.shape != shape:
        raise SettingsError(f"denoised_fn: a tensor of shape {shape} wanted from it, got {tuple(pred_xstart.shape)}")
    return pred_xstart


def _noise_like(x_start: Tensor, noise: Tensor | None) -> Tensor:
    if noise is None:
        return torch.randn_like(x_start)
    if noise.shape != x_start.shape:
        raise SettingsError(f"noise: shape {tuple(x_start.shape)} wanted, as x_start has, got {tuple(noise.shape)}")
    return noise
