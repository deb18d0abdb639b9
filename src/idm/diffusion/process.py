"""The parts of a diffusion process, and its forward direction: marginals and posterior.

``t`` is a step index in [0, T), an int or int64 [b], or the ``Level`` of a step. Notation as in schedules/base.py.
"""

from abc import ABC
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.gaussian import Gaussian
from idm.core.types import Images
from idm.diffusion.decoders import Decoder, DiscretizedDecoder
from idm.diffusion.names import LossType, ModelMeanType, ModelVarType, name_of, strategy
from idm.diffusion.objectives import Objective
from idm.diffusion.predictions import Prediction
from idm.diffusion.variances import ReverseVariance
from idm.schedules import Grid, Level, NoiseSchedule, Transition

AnyProcess = TypeVar("AnyProcess", bound="Process")

Place = int | Tensor | Level | Transition
"""A step: its number, one number per sample [b], the level (or levels) that it starts at, or the step itself."""

TIME_SCALE = 1000.0
"""Network times span [0, 1000) when ``rescale_timesteps`` is on, whatever the number of steps."""


def expanded(value: Tensor, like: Tensor) -> Tensor:
    """Return a value for each of the entries of another tensor."""
    return value if value.shape == like.shape else value.expand_as(like)


class Process(ABC):  # noqa: B024 (the face is GaussianDiffusion)
    """The parts of a Gaussian diffusion process, its levels, and what it does to data."""

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
        return f"{type(self).__name__}({self.grid}, {names}{times}, {self.decoder})"

    @classmethod
    def from_betas(cls: type[AnyProcess], betas: npt.ArrayLike, **options: Any) -> AnyProcess:
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

    def respace(self: AnyProcess, keep: Iterable[int]) -> AnyProcess:
        """Return the process that visits only the steps ``keep``; fixed variances follow the shorter chain."""
        return self.on(self.grid.respace(keep))

    def on(self: AnyProcess, grid: Grid) -> AnyProcess:
        """Return the process that visits other levels of its path."""
        return self.replace(schedule=grid)

    def replace(self: AnyProcess, **changes: Any) -> AnyProcess:
        """Return a copy with some constructor arguments changed."""
        same: dict[str, Any] = {
            "schedule": self.grid,
            "model_mean_type": self.prediction,
            "model_var_type": self.variance,
            "loss_type": self.objective,
            "rescale_timesteps": self.rescale_timesteps,
            "decoder": self.decoder,
        }
        return type(self)(**(same | changes))

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
        """Return the level of a step."""
        return t if isinstance(t, Level) else self.transition(t, x).up

    def q_mean_variance(self, x_start: Images, t: Place) -> Gaussian:
        """q(x_t | x_0) = N(alpha x_0, sigma^2 I)."""
        at = self._level(t, x_start)
        return Gaussian(at.alpha * x_start, expanded(at.log_variance, x_start))

    def q_sample(self, x_start: Images, t: Place, noise: Tensor | None = None) -> Images:
        """Draw x_t ~ q(x_t | x_0).

        Args:
            x_start: clean data in [-1, 1].
            t: step or steps.
            noise: standard normal, of x_start's shape; drawn from torch's default generator if None.
        """
        noise = noise_like(x_start, noise)
        return self._level(t, x_start).diffuse(x_start, noise)

    def q_posterior(self, x_start: Images, x_t: Images, t: Place) -> Gaussian:
        """q(x_{t-1} | x_t, x_0) (Ho et al. 2020, eq. 6-7); at step 0 its log-variance is that of step 1."""
        at = self.transition(t, x_t)
        return Gaussian(at.posterior_mean(x_start, x_t), expanded(at.log_posterior_variance, x_t))

    def predict_xstart_from_eps(self, x_t: Images, t: Place, eps: Images) -> Images:
        """Return the x_0 for which x_t holds the noise ``eps``."""
        return self._level(t, x_t).x_start(x_t, eps)

    def predict_xstart_from_xprev(self, x_t: Images, t: Place, xprev: Images) -> Images:
        """Return the x_0 for which ``xprev`` is the posterior mean."""
        return self.transition(t, x_t).x_start(x_t, xprev)

    def predict_eps_from_xstart(self, x_t: Images, t: Place, pred_xstart: Images) -> Images:
        """Return the noise that x_t holds if its x_0 is ``pred_xstart``."""
        return self._level(t, x_t).eps(x_t, pred_xstart)


def noise_like(x_start: Tensor, noise: Tensor | None) -> Tensor:
    """Return the noise, of the shape of the data; drawn from torch's default generator if None."""
    if noise is None:
        return torch.randn_like(x_start)
    if noise.shape != x_start.shape:
        raise SettingsError(f"noise: shape {tuple(x_start.shape)} wanted, as x_start has, got {tuple(noise.shape)}")
    return noise
