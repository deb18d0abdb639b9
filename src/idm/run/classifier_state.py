"""An unfinished training of a classifier: its weights and what its optimiser remembers, kept beside the checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from idm.storage import Fits

NAME, KIND = "classifier-unfinished", "classifier_state"
MEMORY = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of every parameter, besides the number of steps."""


@final
@dataclass(frozen=True, eq=False)
class ClassifierState:
    """A classifier in training.

    Attributes:
        network: what is trained.
        optimizer: what trains it.
        about: what the training was asked for; another one begins anew.
    """

    network: nn.Module
    optimizer: AdamW
    about: Mapping[str, Any]

    def keep(self, fits: Fits, step: int) -> None:
        """Keep what the steps done so far led to, ``step`` of them.

        Raises:
            NumericalError: something is not finite.
            CheckpointError: the disk refuses.
        """
        tensors = {f"weights.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            memory = self.optimizer.state.get(parameter, {})
            tensors |= {f"{each}.{name}": memory[each] for each in MEMORY if each in memory}
        fits.write(NAME, KIND, {**self.about, "step": step}, tensors)

    def restore(self, fits: Fits) -> int:
        """Go back to what was kept, if it is of the same training, and return how many steps that were; else 0."""
        found = fits.find(NAME)
        if found is None or found.kind != KIND:
            return 0
        step = found.content.get("step")
        if type(step) is not int or step < 1 or found.content != {**self.about, "step": step}:
            return 0
        shapes = {name: value.shape for name, value in self._expected().items()}
        if shapes != {name: value.shape for name, value in found.tensors.items()}:
            return 0
        self.network.load_state_dict(_of("weights", found.tensors))
        averages = {each: _of(each, found.tensors) for each in MEMORY}
        for name, parameter in self.network.named_parameters():
            memory: dict[str, Tensor] = {each: averages[each][name].to(parameter) for each in MEMORY}
            self.optimizer.state[parameter] = {"step": torch.tensor(float(step)), **memory}
        return step

    def _expected(self) -> dict[str, Tensor]:
        weights: dict[str, Tensor] = {f"weights.{name}": value for name, value in self.network.state_dict().items()}
        for each in MEMORY:
            weights |= {f"{each}.{name}": value for name, value in self.network.named_parameters()}
        return weights


def remove_state(fits: Fits) -> None:
    """Remove what was kept of a training that is finished.

    Raises:
        CheckpointError: there is a link in its place.
    """
    fits.remove(NAME)


def _of(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a kind, without it."""
    return {name.removeprefix(f"{kind}."): value for name, value in tensors.items() if name.startswith(f"{kind}.")}
