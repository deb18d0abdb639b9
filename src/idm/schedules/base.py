"""The noise schedule: how much signal and noise there is at each step.

Notation: q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I) with abar = ``alphas_cumprod``; beta_t = 1 -
abar_t / abar_{t-1}. Step 0 is the least noisy level, not clean data; the clean level (abar = 1) lies before
it. A schedule may keep some steps of a longer one: the kept steps carry their original numbers along in
``timesteps``, because those are what the network was trained with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.schedules.table import Float64, StepTable

LONGEST = 1_000_000
"""Most steps of a schedule: longer ones take seconds to make and gigabytes to hold."""


@dataclass(frozen=True)
class Coefficients:
    """Every quantity of one step (or of a step per sample) that the diffusion formulas need.

    Each is a tensor of no axes, or one number per sample, shaped to broadcast over the data.
    """

    log_betas: Tensor
    sqrt_alphas_cumprod: Tensor
    sqrt_one_minus_alphas_cumprod: Tensor
    log_one_minus_alphas_cumprod: Tensor
    sqrt_recip_alphas_cumprod: Tensor
    sqrt_recipm1_alphas_cumprod: Tensor
    posterior_log_variance_clipped: Tensor
    posterior_mean_coef1: Tensor
    posterior_mean_coef2: Tensor
    fixed_large_log_variance: Tensor
    half_log_variance_range: Tensor
    is_first: Tensor

    def posterior_mean(self, x_start: Tensor, x_t: Tensor) -> Tensor:
        """Mean of q(x_{t-1} | x_t, x_0) (Ho et al. 2020, eq. 7)."""
        return torch.addcmul(self.posterior_mean_coef1 * x_start, self.posterior_mean_coef2, x_t)

    def x_start_from_eps(self, x_t: Tensor, eps: Tensor) -> Tensor:
        """x_0 = sqrt(1 / abar) x_t - sqrt(1 / abar - 1) eps."""
        return torch.addcmul(self.sqrt_recip_alphas_cumprod * x_t, self.sqrt_recipm1_alphas_cumprod, eps, value=-1)

    def eps_from_x_start(self, x_t: Tensor, x_start: Tensor) -> Tensor:
        """Eps = (x_t - sqrt(abar) x_0) / sqrt(1 - abar)."""
        return torch.addcmul(x_t, self.sqrt_alphas_cumprod, x_start, value=-1) / self.sqrt_one_minus_alphas_cumprod

    def diffuse(self, x_start: Tensor, noise: Tensor) -> Tensor:
        """x_t = sqrt(abar) x_0 + sqrt(1 - abar) noise."""
        return torch.addcmul(self.sqrt_alphas_cumprod * x_start, self.sqrt_one_minus_alphas_cumprod, noise)


def refuse_other_lengths(num_timesteps: int) -> None:
    """Raise SettingsError unless T is from 1 to ``LONGEST``."""
    if num_timesteps < 1:
        raise SettingsError(f"num_timesteps: at least 1 wanted, got {num_timesteps}")
    if num_timesteps > LONGEST:
        raise SettingsError(f"num_timesteps: at most {LONGEST:,} wanted, got {num_timesteps:,}")


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """Signal and noise levels of a chain of T steps, in float64.

    Attributes:
        alphas_cumprod: abar_t [T], strictly decreasing, in (0, 1).
        timesteps: the number that each step had in the schedule it was first defined in, [T].
        num_train_timesteps: how many steps that schedule had.
    """

    alphas_cumprod: Float64
    timesteps: npt.NDArray[np.int64]
    num_train_timesteps: int

    def __repr__(self) -> str:
        """Number of steps and levels in a line: NoiseSchedule(50 of 1,000 steps, abar from 1 to 2.4e-09)."""
        of = "" if self.num_timesteps == self.num_train_timesteps else f" of {self.num_train_timesteps:,}"
        first, last = self.alphas_cumprod[[0, -1]]
        return f"NoiseSchedule({self.num_timesteps:,}{of} steps, abar from {first:.4g} to {last:.4g})"

    def __post_init__(self) -> None:
        """Refuse levels that do not define a chain."""
        levels = self.alphas_cumprod
        if levels.ndim != 1 or levels.size == 0:
            raise SettingsError(f"schedule: one level per step wanted, got an array of shape {levels.shape}")
        steps = np.diff(levels, prepend=1.0)
        if not (np.isfinite(levels).all() and levels[-1] > 0 and (steps < 0).all()):
            raise SettingsError(
                "schedule: every step must add noise and leave some signal (0 < beta < 1), "
                f"got alphas_cumprod from {levels[0]:.6g} to {levels[-1]:.6g}; use fewer or smaller betas"
            )

    @classmethod
    def from_betas(cls, betas: npt.ArrayLike) -> "NoiseSchedule":
        """Define a chain by its betas [T], the noise variance that each step adds; each in (0, 1).

        Raises:
            SettingsError: betas that are not one-dimensional, empty, or outside of (0, 1).
        """
        values = np.asarray(betas, dtype=np.float64)
        if values.ndim != 1 or values.size == 0 or not ((values > 0) & (values < 1)).all():
            seen = f"{values.min():.6g} to {values.max():.6g}" if values.size else "none"
            raise SettingsError(f"betas: a list of numbers in (0, 1) wanted, got {seen}, shape {values.shape}")
        return cls(np.cumprod(1.0 - values, dtype=np.float64), np.arange(values.size), values.size)

    @classmethod
    def from_alpha_bar(
        cls, alpha_bar: Callable[[float], float], num_timesteps: int, max_beta: float = 0.999
    ) -> "NoiseSchedule":
        """Discretise a continuous abar(u), u in [0, 1]; betas are clipped at ``max_beta`` (Nichol & Dhariwal 2021).

        Raises:
            SettingsError: no steps, more than a million, or a function that does not decrease.
        """
        refuse_other_lengths(num_timesteps)
        levels = np.array([alpha_bar(i / num_timesteps) for i in range(num_timesteps + 1)], dtype=np.float64)
        return cls.from_betas(np.minimum(1.0 - levels[1:] / levels[:-1], max_beta))

    @property
    def num_timesteps(self) -> int:
        """T, the number of steps."""
        return self.alphas_cumprod.size

    @cached_property
    def alphas_cumprod_prev(self) -> Float64:
        """abar_{t-1} [T]; the first entry is the clean level, 1."""
        return np.append(1.0, self.alphas_cumprod[:-1])

    @cached_property
    def betas(self) -> Float64:
        """beta_t = 1 - abar_t / abar_{t-1} [T]."""
        # The difference of close levels is exact; 1 - ratio would lose the last digits of small betas.
        return (self.alphas_cumprod_prev - self.alphas_cumprod) / self.alphas_cumprod_prev

    @cached_property
    def posterior_variance(self) -> Float64:
        """Variance of q(x_{t-1} | x_t, x_0) [T] (Ho et al. 2020, eq. 7); 0 at step 0."""
        return self.betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @cached_property
    def posterior_log_variance_clipped(self) -> Float64:
        """Log of the posterior variance [T], with step 0 taken from step 1 (from beta_0 if there is only one step).

        log(0) at step 0 would make the decoder p(x_0 | x_1) infinitely narrow; reusing step 1 is what
        improved DDPM does.
        """
        first = self.posterior_variance[1] if self.num_timesteps > 1 else self.betas[0]
        return np.log(np.append(first, self.posterior_variance[1:]))

    @cached_property
    def alphas_cumprod_next(self) -> Float64:
        """abar_{t+1} [T]; the last entry is pure noise, 0."""
        return np.append(self.alphas_cumprod[1:], 0.0)

    @cached_property
    def sqrt_alphas_cumprod(self) -> Float64:
        """sqrt(abar) [T], the signal level."""
        return np.sqrt(self.alphas_cumprod)

    @cached_property
    def sqrt_one_minus_alphas_cumprod(self) -> Float64:
        """sqrt(1 - abar) [T], the noise level sigma."""
        return np.sqrt(1.0 - self.alphas_cumprod)

    @cached_property
    def log_one_minus_alphas_cumprod(self) -> Float64:
        """log(1 - abar) [T]."""
        return np.log(1.0 - self.alphas_cumprod)

    @cached_property
    def sqrt_recip_alphas_cumprod(self) -> Float64:
        """sqrt(1 / abar) [T]."""
        return np.sqrt(1.0 / self.alphas_cumprod)

    @cached_property
    def sqrt_recipm1_alphas_cumprod(self) -> Float64:
        """sqrt(1 / abar - 1) [T], the noise-to-signal ratio."""
        return np.sqrt(1.0 / self.alphas_cumprod - 1.0)

    @cached_property
    def posterior_mean_coef1(self) -> Float64:
        """Weight of x_0 in the posterior mean [T] (Ho et al. 2020, eq. 7); 1 at step 0."""
        return self.betas * np.sqrt(self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @cached_property
    def posterior_mean_coef2(self) -> Float64:
        """Weight of x_t in the posterior mean [T]; 0 at step 0."""
        return (
            (1.0 - self.alphas_cumprod_prev)
            * np.sqrt(self.alphas_cumprod / self.alphas_cumprod_prev)
            / (1.0 - self.alphas_cumprod)
        )

    @cached_property
    def table(self) -> StepTable[Coefficients]:
        """The coefficients of every step, ready to be looked up."""
        log_betas, log_posterior = np.log(self.betas), self.posterior_log_variance_clipped
        return StepTable(
            Coefficients,
            log_betas=log_betas,
            sqrt_alphas_cumprod=self.sqrt_alphas_cumprod,
            sqrt_one_minus_alphas_cumprod=self.sqrt_one_minus_alphas_cumprod,
            log_one_minus_alphas_cumprod=self.log_one_minus_alphas_cumprod,
            sqrt_recip_alphas_cumprod=self.sqrt_recip_alphas_cumprod,
            sqrt_recipm1_alphas_cumprod=self.sqrt_recipm1_alphas_cumprod,
            posterior_log_variance_clipped=log_posterior,
            posterior_mean_coef1=self.posterior_mean_coef1,
            posterior_mean_coef2=self.posterior_mean_coef2,
            half_log_variance_range=0.5 * (log_betas - log_posterior),
            fixed_large_log_variance=np.append(log_posterior[0], log_betas[1:]),
            is_first=np.eye(1, self.num_timesteps)[0],
        )

    def at(self, t: int | Tensor, like: Tensor) -> Coefficients:
        """Coefficients of step ``t``: an int, or int64 [b] for a step per sample, to broadcast over ``like``."""
        return self.table.at(t, like)

    def respace(self, keep: Iterable[int]) -> "NoiseSchedule":
        """The chain that visits only some steps; marginals q(x_t | x_0) at those steps are unchanged.

        Args:
            keep: steps of this schedule, in any order, without repetition.

        Raises:
            SettingsError: no step, a step outside of [0, T), or one named twice.
        """
        steps = sorted(keep)
        if not steps or steps[0] < 0 or steps[-1] >= self.num_timesteps or len(set(steps)) < len(steps):
            raise SettingsError(
                f"respacing: distinct steps in [0, {self.num_timesteps}) wanted, got {steps[:8]}"
                f"{' ...' if len(steps) > 8 else ''}"
            )
        return NoiseSchedule(self.alphas_cumprod[steps], self.timesteps[steps], self.num_train_timesteps)

    def num_steps_below(self, noise_to_signal: float) -> int:
        """Count the steps, from the least noisy one, whose ratio sqrt(1 / abar - 1) is at most ``noise_to_signal``.

        Where x_0 is not clipped, an error of a predicted eps becomes one of x_0 that many times as large; a cosine
        schedule ends at a ratio of 20,000.
        """
        return int((self.sqrt_recipm1_alphas_cumprod <= noise_to_signal).sum())

    def with_noise_floor(self, sigma: float) -> "NoiseSchedule":
        """Drop the steps whose noise level sqrt(1 - abar) is below ``sigma``.

        Quantised data carry no information below about half a bin: there a model can only learn the grid,
        and spends its likelihood on it. Half a bin is 1 / (levels - 1) in the model range.

        Raises:
            SettingsError: a floor outside of [0, 1), or above every level.
        """
        keep = np.flatnonzero(np.sqrt(1.0 - self.alphas_cumprod) >= sigma)
        if not 0.0 <= sigma < 1.0 or keep.size == 0:
            highest = float(np.sqrt(1.0 - self.alphas_cumprod[-1]))
            raise SettingsError(f"noise_floor: a number from 0 to {highest:.4g} wanted, got {sigma}")
        return self.respace(keep.tolist())
