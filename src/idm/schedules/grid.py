"""The levels that a walk from noise to data visits.

Place i in [0, T) is a level, 0 the least noisy one; clean data lie below it. A place is looked up as the transition
that starts there. Levels beside the grid are computed on its path.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from idm.core.counts import refuse_one, whole_number
from idm.core.errors import SettingsError
from idm.core.tensors import append_dims, made_once
from idm.schedules.grid_tables import joined, level_table, transition_table
from idm.schedules.level import Level, Transition
from idm.schedules.path import Path
from idm.schedules.table import Float64, StepOutsideError, StepTable, held_in

SAME_TIME = 1e-5
"""Difference of two times, relative or not, below which they are the same: float32 keeps no more."""


class Grid(ABC):
    """Levels on a path, from the least noisy up."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """Where the levels lie."""

    @property
    @abstractmethod
    def times(self) -> Float64:
        """Times of the levels on the path [T], growing."""

    @property
    @abstractmethod
    def schedule_times(self) -> Float64:
        """Times of the levels of the schedule that these are from [n], growing."""

    @abstractmethod
    def respace(self, keep: Iterable[int]) -> "Grid":
        """Return the grid that visits only some places; the levels there are unchanged."""

    @abstractmethod
    def of_ratios(self, kappas: Float64) -> "Grid":
        """Return the levels on the same path that have these noise-to-signal ratios [n], growing."""

    @property
    def num_timesteps(self) -> int:
        """T, the number of levels."""
        return self.times.size

    @cached_property
    def levels(self) -> Level:
        """All levels, float64 [T]; their times are int64 where all of them are whole."""
        alpha, sigma = self.path.at(self.times)
        whole = bool((self.times % 1.0 == 0.0).all())
        times = self.times.astype(np.int64 if whole else np.float64)
        return Level(*(torch.from_numpy(values) for values in (alpha, sigma, times)))

    @cached_property
    def new_noise(self) -> Float64:
        """Share of each level's noise variance that the level below does not hold [T], 1 - (kappa_down / kappa)^2."""
        ratio = np.append(0.0, self.levels.kappa.numpy()[:-1]) / self.levels.kappa.numpy()
        return (1.0 - ratio) * (1.0 + ratio)

    @cached_property
    def transitions(self) -> Transition:
        """The transitions of all levels to the ones below, float64 [T]; the first one ends at clean data."""
        up, one = self.levels, torch.ones(1, dtype=torch.float64)
        # Clean data are shown to the network as the least noisy level.
        down = joined(Level(one, 0.0 * one, up.time[:1]), up.map(lambda values: values[:-1]))
        made = Transition.between(up, down, torch.from_numpy(self.new_noise))
        # The decoder p(x_0 | x_1) has no posterior variance; that of the next transition up takes its place.
        log_posterior = made.log_posterior_variance
        log_posterior = torch.cat([log_posterior[1:2] if len(log_posterior) > 1 else log_posterior, log_posterior[1:]])
        half = 0.5 * (made.log_beta - log_posterior)
        return replace(made, log_posterior_variance=log_posterior, half_log_variance_range=half)

    @cached_property
    def _transition_table(self) -> StepTable[Transition]:
        return transition_table(self.transitions, self.levels.time.dtype)

    @cached_property
    def _level_table(self) -> StepTable[Level]:
        return level_table(self.levels, self.transitions, self.path.span)

    def transition(self, i: int | Tensor, like: Tensor) -> Transition:
        """Look up the step down from a place: an int, or int64 [b] for one per sample.

        Args:
            i: the place or places.
            like: the data; its device, dtype (at least float32) and number of axes shape the result.

        Raises:
            SettingsError: no such place or places, see ``refuse_other_steps``.
        """
        made = self._transition_table.at(i, like)
        if isinstance(i, int):  # the host knows, and need not ask the device
            vars(made)["may_be_last"] = i == 0
        return made

    def level(self, i: int | Tensor, like: Tensor) -> Level:
        """Look up the level of a place or places; -1 is clean data, T is noise without any signal.

        Raises:
            SettingsError: no such place.
        """
        on_host = [i] if isinstance(i, int) else i.flatten().tolist() if i.device.type == "cpu" else []
        if outside := [place for place in on_host if not -1 <= place <= self.num_timesteps]:
            raise StepOutsideError(
                f"place: one from -1 (clean data) to {self.num_timesteps} (noise alone) wanted, got {outside[0]}"
            )
        return self._level_table.at(i + 1, like)

    def at_times(self, times: Float64, like: Tensor) -> Level:
        """Compute levels at times on the path, on the grid or not; float64 [b], one for each sample."""
        found = Level(*(torch.from_numpy(values).to(held_in(like)) for values in (*self.path.at(times), times)))
        return found.map(lambda values: append_dims(values, like.ndim).to(like.device))

    def at_ratio(self, kappa: float, like: Tensor) -> Level:
        """Compute the level of a noise-to-signal ratio, on the grid or not; its nearest on the path beyond the ends.

        Raises:
            SettingsError: a ratio that is not positive and finite.
        """
        if not (kappa > 0 and math.isfinite(kappa)):
            raise SettingsError(f"kappa: a positive noise-to-signal ratio wanted, got {kappa}")
        level = self.at_times(self.path.time_of(np.array([math.log(kappa)])), like)
        return level.map(lambda values: values.flatten()[0])

    def transition_from(self, level: Level, like: Tensor) -> Transition:
        """Look up the step down from a level of this grid.

        Raises:
            SettingsError: a level that is not on the grid.
        """
        try:
            return self.transition(self.places_of(level.time.flatten()), like)
        except StepOutsideError as error:
            raise SettingsError(
                f"level: {error}; what lies between has no neighbour there: give a Transition"
            ) from error

    def nearest_places(self, times: Tensor) -> Tensor:
        """Return the places [b] of the levels that are nearest in time to these times [b]."""
        known, between = self._times_on(times.device, held_in(times))
        return torch.bucketize(times.to(known.dtype).contiguous(), between)

    def places_of(self, times: Tensor) -> Tensor:
        """Return the places [b] of the levels that have these times [b].

        Times on another device than the CPU are not compared with the levels': the host would have to wait for them.

        Raises:
            StepOutsideError: a time that no level of the grid has.
        """
        places = self.nearest_places(times)
        if times.device.type == "cpu":
            known, _ = self._times_on(times.device, held_in(times))
            wanted = times.to(known.dtype)
            strange = ~torch.isclose(known[places], wanted, rtol=SAME_TIME, atol=SAME_TIME)
            if bool(strange.any()):
                raise StepOutsideError(
                    f"times of the {len(known):,} steps of the grid wanted (from {float(known[0]):g} to "
                    f"{float(known[-1]):g}), got {float(wanted[strange][0]):g}"
                )
        return places

    def _times_on(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the times of all levels, and those half-way between them, copied once to each device."""

        def make() -> tuple[Tensor, Tensor]:
            known = self.levels.time.to(dtype).to(device)
            return known, 0.5 * (known[1:] + known[:-1])

        return made_once(self._times_of_devices, (device, dtype), make)

    @cached_property
    def _times_of_devices(self) -> dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]]:
        return {}

    def with_noise_floor(self, sigma: float) -> "Grid":
        """Drop the levels whose noise is below ``sigma``.

        Quantised data carry no information below about half a bin: there a model can only learn the grid of values,
        and spends its likelihood on it. Half a bin is 1 / (levels - 1) in the model range.

        Raises:
            SettingsError: a floor outside of [0, 1), or above every level that has some signal.
        """
        highest = float(self.levels.sigma[self.levels.alpha > 0].max())
        if not (0.0 <= sigma < 1.0 and sigma <= highest):
            raise SettingsError(f"noise_floor: a number from 0 to {highest:.4g} wanted, got {sigma}")
        return self.respace((self.levels.sigma >= sigma).nonzero()[:, 0].tolist())

    def num_steps_below(self, noise_to_signal: float) -> int:
        """Count the levels, from the least noisy one, whose ratio sigma / alpha is at most ``noise_to_signal``.

        Where x_0 is not clipped, an error of a predicted eps becomes one of x_0 that many times as large; a cosine
        schedule ends at a ratio of 20,000.
        """
        return int((self.levels.kappa <= noise_to_signal).sum())


def sorted_places(keep: Iterable[int], number: int) -> list[int]:
    """Return places of a grid of ``number``, sorted.

    Raises:
        SettingsError: one number, no place, a place outside of [0, number), or one named twice.
    """
    refuse_one(keep, "respacing", "range(0, 1000, 20)")
    places = sorted(whole_number(place, "respacing") for place in keep)
    if not places or places[0] < 0 or places[-1] >= number or len(set(places)) < len(places):
        more = " ..." if len(places) > 8 else ""
        raise SettingsError(f"respacing: distinct steps in [0, {number}) wanted, got {places[:8]}{more}")
    return places
