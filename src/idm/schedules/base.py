"""The noise schedule: how much signal and noise there is at each step of a variance-preserving chain.

It is the grid of a ``Chain``, under the names that the field has for its tables. Notation: q(x_t | x_0) =
N(sqrt(abar_t) x_0, (1 - abar_t) I) with abar = ``alphas_cumprod``; beta_t = 1 - abar_t / abar_{t-1}. Step 0 is the
least noisy level, not clean data; the clean level (abar = 1) lies before it. A schedule may keep some steps of a
longer one: the kept steps carry their original numbers along in ``timesteps``, because those are what the network was
trained with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.schedules.grid import Grid, sorted_places
from idm.schedules.path import Chain
from idm.schedules.table import Float64

LONGEST = 1_000_000
"""Most steps of a schedule: longer ones take seconds to make and gigabytes to hold."""


def refuse_other_lengths(num_timesteps: int) -> None:
    """Raise SettingsError unless T is from 1 to ``LONGEST``."""
    whole_number(num_timesteps, "num_timesteps")
    if num_timesteps < 1:
        raise SettingsError(f"num_timesteps: at least 1 wanted, got {num_timesteps}")
    if num_timesteps > LONGEST:
        raise SettingsError(f"num_timesteps: at most {LONGEST:,} wanted, got {num_timesteps:,}")


@dataclass(frozen=True, eq=False)
class NoiseSchedule(Grid):
    """Signal and noise levels of a chain of T steps, in float64.

    Attributes:
        alphas_cumprod: abar_t [T], strictly decreasing, in (0, 1); the last one may be 0: no signal is left.
        timesteps: the number that each step had in the schedule it was first defined in, [T], growing; a fraction
            where it lies between two of them.
        num_train_timesteps: how many steps that schedule had.
        chain: that schedule; None where there is no longer one.
    """

    alphas_cumprod: Float64
    timesteps: npt.NDArray[np.int64] | Float64
    num_train_timesteps: int
    chain: Chain | None = None

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
        ends_in_noise = levels[-1] == 0 and (levels.size > 1 or self.chain is not None)  # noise alone is no path
        if not (np.isfinite(levels).all() and (levels[-1] > 0 or ends_in_noise) and (steps < 0).all()):
            raise SettingsError(
                "schedule: every step must add noise, and all but the last leave some signal (0 < beta < 1), "
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
    def path(self) -> Chain:
        """The whole chain that these steps are from, or they themselves."""
        return self._own_chain if self.chain is None else self.chain

    @cached_property
    def _own_chain(self) -> Chain:
        return Chain(self.alphas_cumprod, self.times, float(self.num_train_timesteps))

    @property
    def times(self) -> Float64:
        """``timesteps`` as floats."""
        return self.timesteps.astype(np.float64)

    @property
    def schedule_times(self) -> Float64:
        """Steps 0, 1, ... of the schedule that these are from."""
        return np.arange(self.num_train_timesteps, dtype=np.float64)

    @property
    def num_timesteps(self) -> int:
        """T, the number of steps."""
        return self.alphas_cumprod.size

    @cached_property
    def new_noise(self) -> Float64:
        """Share of each step's noise variance that the step below does not hold, beta / (1 - abar) [T]."""
        return self.betas / (1.0 - self.alphas_cumprod)

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

    @property
    def posterior_log_variance_clipped(self) -> Float64:
        """Log of the posterior variance [T], with step 0 taken from step 1 (from beta_0 if there is only one step).

        log(0) at step 0 would make the decoder p(x_0 | x_1) infinitely narrow; reusing step 1 is what
        improved DDPM does.
        """
        return self.transitions.log_posterior_variance.numpy()

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
        """sqrt(1 / abar) [T]; infinite where no signal is left."""
        with np.errstate(divide="ignore"):
            return np.sqrt(1.0 / self.alphas_cumprod)

    @cached_property
    def sqrt_recipm1_alphas_cumprod(self) -> Float64:
        """sqrt(1 / abar - 1) [T], the noise-to-signal ratio."""
        with np.errstate(divide="ignore"):
            return np.sqrt(1.0 / self.alphas_cumprod - 1.0)

    @property
    def posterior_mean_coef1(self) -> Float64:
        """Weight of x_0 in the posterior mean [T] (Ho et al. 2020, eq. 7); 1 at step 0."""
        return self.transitions.posterior_mean_coef1.numpy()

    @property
    def posterior_mean_coef2(self) -> Float64:
        """Weight of x_t in the posterior mean [T]; 0 at step 0."""
        return self.transitions.posterior_mean_coef2.numpy()

    def respace(self, keep: Iterable[int]) -> "NoiseSchedule":
        """The chain that visits only some steps; marginals q(x_t | x_0) at those steps are unchanged.

        Args:
            keep: steps of this schedule, in any order, without repetition.

        Raises:
            SettingsError: no step, a step outside of [0, T), or one named twice.
        """
        steps = sorted_places(keep, self.num_timesteps)
        return replace(
            self, alphas_cumprod=self.alphas_cumprod[steps], timesteps=self.timesteps[steps], chain=self.path
        )

    def of_ratios(self, kappas: Float64) -> "NoiseSchedule":
        """Return the chain of these noise-to-signal ratios, as a rule between the steps that it was defined with."""
        times = self.path.time_of(np.log(kappas))
        return replace(self, alphas_cumprod=self.path.at(times)[0] ** 2, timesteps=times, chain=self.path)
