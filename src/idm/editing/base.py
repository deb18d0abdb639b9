"""What every way to invert shares: data are carried up a grid to its noisiest place, and back down.

Places of the process's grid are explicit: CLEAN (-1) is the data, place t in [0, T) is x_t. A way is one class that
says how a single place is gone up, and how that is undone. What it needs to undo a step exactly is in the states: x_t
is the first of them, and some ways carry a second one beside it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.limits import refuse_out_of_range
from idm.core.progress import SILENT, Listener
from idm.core.rng import NoiseSource, Rng
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing.deterministic import refuse_dropout
from idm.samplers import Seed

CLEAN = -1
"""The level of clean data, one below step 0."""

States = tuple[Tensor, ...]
"""x_t, and what else is carried; each of the shape of the data."""


@dataclass(frozen=True)
class Inversion(ABC):
    """Carries data to the noise that they could have been made from, and back.

    Attributes:
        diffusion: the process, on the grid to go by; see ``inversion_process``.
        follows_flow: whether codes are the noise that the flow makes of data, which paths between them are of.
        num_states: how many states it carries; one that carries two undoes its own steps exactly, up to rounding.
        calls_per_step: calls of the denoiser for a step of ``encode``.
    """

    follows_flow: ClassVar[bool] = True
    num_states: ClassVar[int] = 1
    diffusion: GaussianDiffusion

    def __post_init__(self) -> None:
        """Refuse options beyond the ranges that their annotations state.

        Raises:
            SettingsError: a line per wrong option.
        """
        refuse_out_of_range(type(self), vars(self))

    @property
    def calls_per_step(self) -> int:
        """One, unless a way says otherwise."""
        return 1

    @abstractmethod
    def up(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """Go from a place to the one above.

        Args:
            denoise: finds x_0.
            states: those at the place, as ``opened`` returns them; x_t alone where nothing else is known.
            place: from CLEAN to T - 2.
            noise: the numbers of those ways that draw any, the same ones up and down.
        """

    @abstractmethod
    def down(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """Undo ``up``: go from a place, from 0 to T - 1, to the one below."""

    def with_noise(self) -> "Inversion":
        """Return the way that begins at data with the noise of the least noisy level, if it undoes that; or itself."""
        return self

    def opened(self, states: States) -> States:
        """Return states in the form that steps take them; as they are, unless a way says otherwise."""
        return states

    def encode(
        self,
        denoise: Denoiser,
        states: Sequence[Images],
        *,
        level: int | None = None,
        seed: Seed = 0,
        listener: Listener = SILENT,
    ) -> States:
        """Carry clean data up to a place.

        Args:
            denoise: what finds x_0, under the conditioning of the data; best made with ``clip=False``.
            states: clean data alone; or all that ``decode`` returned, where its start shall come back exactly.
            level: where to stop, from CLEAN to T - 1; the noisiest place by default.
            seed: of the noise of those ways that draw any, as in ``Sampler.draw``.
            listener: hears how it gets on.

        Returns:
            The states at that place, x_t first.

        Raises:
            SettingsError: a place outside of the grid, dropout that is on, or another number of states.
        """
        return self._walk(denoise, states, range(CLEAN, checked_place(self.diffusion, level)), seed, listener)

    def decode(
        self,
        denoise: Denoiser,
        states: Sequence[Images],
        *,
        level: int | None = None,
        seed: Seed = 0,
        listener: Listener = SILENT,
    ) -> States:
        """Carry states at a place down to clean data; arguments and errors as of ``encode``.

        Args:
            denoise: what it was there, where the data shall come back.
            states: x_t alone; or all that ``encode`` returned, where the data shall come back exactly.
            level: the place that they are at.
            seed: as there.
            listener: as there.

        Returns:
            The states at the clean level, the data first.
        """
        return self._walk(denoise, states, range(checked_place(self.diffusion, level), CLEAN, -1), seed, listener)

    def _walk(
        self, denoise: Denoiser, given: Sequence[Images], places: range, seed: Seed, listener: Listener
    ) -> States:
        refuse_dropout(denoise)
        if len(given) not in {1, self.num_states}:
            raise SettingsError(
                f"states: one or all of {self.num_states} wanted, got {len(given)}; give what was returned"
            )
        step, doing = (self.up, "encoding") if places.step > 0 else (self.down, "decoding")
        noise = Rng.from_seed(seed, len(given[0]), given[0].device)
        states = self.opened(tuple(given))
        with torch.no_grad(), listener.follow(doing, len(places)) as bar:
            for place in places:
                states = step(denoise, states, place, noise)
                bar.advance()
        return states


def checked_place(diffusion: GaussianDiffusion, level: int | None) -> int:
    """Return a place of the grid; the noisiest one for None.

    Raises:
        SettingsError: another number.
    """
    top = diffusion.num_timesteps - 1
    if level is None:
        return top
    wanted = f"a number from {CLEAN} (clean) to {top}"
    level = whole_number(level, "level", wanted)
    if not CLEAN <= level <= top:
        raise SettingsError(f"level: {wanted} wanted, got {level}")
    return level


def shown(place: int) -> int:
    """Return the place whose level a network is shown at a place: clean data are shown as the least noisy level."""
    return max(place, 0)
