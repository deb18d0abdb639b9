"""Data that a page carries to noise, and the way to do so."""

from dataclasses import dataclass
from typing import final

from idm.editing.inversion import MAX_NOISE_TO_SIGNAL
from idm.run.inputs import Inputs
from idm.run.inversions import InversionChoice, choose_inversion
from idm.run.label_kind import Label
from idm.tasks.reporting.subject import Subject


@final
@dataclass(frozen=True, eq=False)
class Carried:
    """Data that are carried.

    Attributes:
        inputs: held-out samples with their labels, or training data where fewer than two are held out.
        choice: the usual way to invert, in as many steps as the page may cost.
    """

    inputs: Inputs
    choice: InversionChoice

    @property
    def in_words(self) -> str:
        """The way and its steps."""
        return f"{self.choice.method} in {self.choice.process.num_timesteps:,} steps"

    @classmethod
    def of(cls, subject: Subject, num: int, places: int = 1) -> "Carried":
        """Take the first ``num`` samples, each of which makes as many ``places`` on the way back."""
        run, data = subject.run, subject.data
        x, y = (data.held_out if len(data.held_out) >= 2 else data.train).first(num)
        labels: list[Label | None] = [None] * len(x) if y is None else list(run.spec.label_kind.labels_of(y))
        available = run.diffusion.grid.num_steps_below(MAX_NOISE_TO_SIGNAL)
        steps = max(1, min(subject.effort.carried(len(x) * places), available))
        return cls(Inputs(x, labels), choose_inversion(run.diffusion, steps=steps))
