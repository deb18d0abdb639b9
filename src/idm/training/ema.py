"""Running averages of the weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from idm.training.power_function import gamma_of


class Profile(ABC):
    """How much each past step counts in an average."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of its file in a checkpoint."""

    @abstractmethod
    def weight(self, num_updates: int) -> float:
        """Return the weight that update ``num_updates``, counted from 1, gives to the newest weights."""


@dataclass(frozen=True)
class ConstantRate(Profile):
    """An exponential average.

    At update n the rate is at most (1 + n) / (10 + n), so that the start of training is forgotten soon whatever the
    rate is.

    Attributes:
        rate: share of the old average that an update keeps, between 0 and 1.
    """

    rate: float

    @property
    def name(self) -> str:
        """Name of its file in a checkpoint."""
        return f"ema-{self.rate}"

    def weight(self, num_updates: int) -> float:
        """Return 1 - rate."""
        return 1.0 - min(self.rate, (1 + num_updates) / (10 + num_updates))


@dataclass(frozen=True)
class PowerFunction(Profile):
    """An average in which step s of n counts as s^gamma (Karras et al. 2024, section 3.1): it grows with training.

    Attributes:
        sigma_rel: width of the profile relative to the length of training, above 0 and below 0.28.
    """

    sigma_rel: float

    @property
    def name(self) -> str:
        """Name of its file in a checkpoint."""
        return f"power-{self.sigma_rel}"

    @cached_property
    def gamma(self) -> float:
        """The exponent."""
        return gamma_of(self.sigma_rel)

    def weight(self, num_updates: int) -> float:
        """Return 1 - (1 - 1/n)^(gamma + 1): the first update makes the average the weights."""
        return 1.0 - (1.0 - 1.0 / num_updates) ** (self.gamma + 1.0)


class Averages:
    """Averages of all floating-point parameters and buffers, by several profiles.

    Attributes:
        profiles: the profiles; weights are sampled with the first.
        num_updates: how many updates there have been.
    """

    def __init__(self, values: Mapping[str, Tensor], profiles: Sequence[Profile]) -> None:
        """Start every average at the present weights.

        Args:
            values: the network's state, or this process's part of it; the tensors that training changes in place.
            profiles: the profiles.
        """
        self.profiles = tuple(profiles)
        self.num_updates = 0
        self._live = {name: value for name, value in values.items() if value.is_floating_point()}
        self._averages = [[value.detach().clone() for value in self._live.values()] for _ in self.profiles]

    @torch.no_grad()
    def update(self) -> None:
        """Move every average towards the present weights."""
        self.num_updates += 1
        live = list(self._live.values())
        for profile, average in zip(self.profiles, self._averages, strict=True):
            torch._foreach_lerp_(average, live, profile.weight(self.num_updates))  # pyright: ignore[reportPrivateImportUsage]

    def state(self, index: int) -> dict[str, Tensor]:
        """Averaged weights by name, of ``profiles[index]``."""
        return dict(zip(self._live, self._averages[index], strict=True))

    @torch.no_grad()
    def load_state(self, index: int, state: Mapping[str, Tensor]) -> None:
        """Restore one average; the names must be the network's."""
        wanted = [state[name] for name in self._live]
        torch._foreach_copy_(self._averages[index], wanted)  # pyright: ignore[reportPrivateImportUsage]
