"""What every method of restoration is: a walk down the chain that heeds an observation.

A method is a value; nothing changes while it walks.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.limits import refuse_out_of_range
from idm.core.rng import NoiseSource
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.restoration.observation import Observation
from idm.restoration.operators.base import LinearOperator, Operator, Selection
from idm.samplers import Sampler, SampleStep

WORDS: dict[type[Operator], str] = {
    Selection: "an operator that picks values, such as mask or channels",
    LinearOperator: "a linear operator, such as matrix",
    Operator: "an operator",
}


@dataclass(frozen=True)
class Method(ABC):
    """How a walk heeds an observation.

    Attributes:
        takes: the operators that it works with.
        uses_gradients: whether it differentiates the denoiser.
        weighs_steps: whether it wants ancestral sampling, of whose steps it takes densities.
        has_particles: whether each sample is drawn from particles, of which ``effective`` says how many count.
    """

    takes: ClassVar[type[Operator]] = LinearOperator
    uses_gradients: ClassVar[bool] = False
    weighs_steps: ClassVar[bool] = False
    has_particles: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse options beyond the ranges that their annotations state.

        Raises:
            SettingsError: a line per wrong option.
        """
        refuse_out_of_range(type(self), vars(self))

    def check(self, sampler: Sampler, observation: Observation) -> None:
        """Refuse a sampler or an operator that the method cannot work with.

        Raises:
            SettingsError: as said.
        """
        if not observation.operator.is_a(self.takes):
            got = type(observation.operator).__name__
            raise SettingsError(
                f"method: {WORDS[self.takes]} wanted by {type(self).__name__}, got {got}; choose another method"
            )

    def for_data(self, deviation: float) -> "Method":
        """Return the method for data of that standard deviation about their means; the same by default."""
        return self

    def effective(self, state: SampleStep) -> Tensor | None:
        """Return, of the last state of ``walk``, which share of the particles of each sample counts [b].

        None where there are no particles.
        """
        return None

    @abstractmethod
    def num_steps(self, sampler: Sampler, observation: Observation) -> int:
        """Count the states that ``walk`` yields."""

    @abstractmethod
    def walk(
        self, sampler: Sampler, denoise: Denoiser, observation: Observation, x: Images, noise: NoiseSource
    ) -> Iterator[SampleStep]:
        """Yield the state after each step.

        Args:
            sampler: how to go down.
            denoise: finds x_0.
            observation: what is known, with one entry per sample.
            x: noise of the noisiest level.
            noise: what else is drawn, one stream per sample.
        """


def changed(found: Denoised, x_start: Images) -> Denoised:
    """Return what was found with another x_0; a mean of the reverse step, which is of the old one, is left out."""
    return replace(found, x_start=x_start, raw=x_start, mean=None)
