"""The reverse direction of a diffusion process: what a network finds, and where a step goes from there.

What the network sees is ``time``, made in ``network_time`` only. It is called in one place (``predict``); what its
output means is pure arithmetic (``interpret``).
"""

from abc import ABC

from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import made_once, network_output
from idm.core.types import Images, Network
from idm.diffusion.denoiser import Clipped, Denoised, DenoisedFn, Denoiser, ModelKwargs, NetworkDenoiser, clipped
from idm.diffusion.process import TIME_SCALE, Place, Process, expanded
from idm.diffusion.results import NetworkOutput, ReverseStep
from idm.schedules import Level, Transition


class ReverseProcess(Process, ABC):
    """A process whose reverse steps a network describes."""

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
        return ReverseStep(self.reverse_mean(found, at, x), expanded(log_variance, x), found.x_start)

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
