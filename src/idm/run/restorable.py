"""A trained model that restores a user's own samples from what was observed of them, or changes them."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from idm.core.counts import at_least, whole_number
from idm.core.notebook import listener_or_quiet
from idm.core.progress import Listener
from idm.restoration import Method, Operator
from idm.run import unknown_classes
from idm.run.draws import Draws, InMemory, draw_all
from idm.run.editable import Editable
from idm.run.edits import SDEDIT, EditPlan, known_of, plan_edits
from idm.run.inputs import as_inputs
from idm.run.labels import Labels
from idm.run.method_settings import find_method
from idm.run.observing import as_observed
from idm.run.operators import parse_operator
from idm.run.restored import Restored
from idm.run.restoring import RestorePlan, plan_draws
from idm.samplers import Sampler


@dataclass(frozen=True, eq=False, repr=False)
class Restorable(Editable):
    """The part of a ``Run`` that restores. Samples come and go in the data's own units, type and order of axes."""

    def operator(self, text: str) -> Operator:
        """Make an operator for samples of this run: "mask:hole.png", "channels:0,2", "downsample:4", "blur:1.5", ...

        Raises:
            SettingsError: no such operator, or one that does not fit the samples.
            DataError: its file cannot be read.
        """
        return parse_operator(text, self.spec)

    def method(self, name: str, /, **options: Any) -> Method:
        """Make a method of restoration: ``run.method("repaint", jumps=20)``; ``idm.restoration.METHODS`` lists them.

        ``data_deviation``, where it is not said, follows from the error curves that ``run.calibrate()`` measured.

        Raises:
            SettingsError: there is no such method, or option, or one out of its range.
        """
        return find_method(self, name, options)

    def restore(
        self,
        observed: npt.ArrayLike,
        operator: Operator,
        *,
        noise: float = 0.0,
        num: int = 8,
        method: Method | None = None,
        sampler: Sampler | None = None,
        labels: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        seed: int = 0,
        class_particles: int | None = None,
        batch_size: int | None = None,
        listener: Listener | None = None,
    ) -> Restored:
        """Draw samples that agree with what was observed, o = A v + noise n, of data v.

        Args:
            observed: o, one or several; where A picks values whole samples, with hidden ones, or NaN, among them.
            operator: A, from ``run.operator`` or ``idm.restoration``.
            noise: standard deviation, in the data's units.
            num: samples of each observation.
            method: from ``run.method``; PiGDM by default, and DPS where A is not linear.
            sampler: from ``run.sampler``; 40 steps by default, of multistep with the noise of ancestral sampling.
            labels: classes of the observations, in turn. Where neither class nor method is told, each draw has a class
                drawn from p(class | o), with the shares of the training data; ``found.classes`` says which.
            condition: conditions of the observations, in turn, where the network is told conditions.
            seed: draw j of observation i is drawn from seed + num i + j.
            class_particles: by which such classes are found, of each that may be it, for each observation: 64 by
                default; 0, as by default where a method is named, or of more than 100 classes: draws are told none.
            batch_size: samples per call of the network; the run's own by default.
            listener: hears how it gets on; as in ``sample``.

        Raises:
            DataError: observations that do not fit the operator.
            SettingsError: numbers out of range, a method that does not go with the operator, or a guided run.
            NumericalError: samples are not finite.
        """
        kind = self.spec.label_kind
        of_each = kind.read(kind.asked(labels, condition))
        particles = unknown_classes.class_particles(self, class_particles, is_method_named=method is not None)
        plan = RestorePlan(operator, noise, num, method, sampler, of_each, seed, particles).checked()
        draws = plan_draws(self, as_observed(self, operator, observed), plan)
        return self._drawn(draws, batch_size, listener, doing="restoring")

    def edit(
        self,
        samples: npt.ArrayLike,
        *,
        strength: float = 0.5,
        method: str = SDEDIT,
        label_a: Labels | None = None,
        label_b: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        num: int = 1,
        seed: int = 0,
        batch_size: int | None = None,
        listener: Listener | None = None,
        **settings: Any,
    ) -> Restored:
        """Change samples: part of the way to noise and back, as another class if wished, by the run as it is guided.

        Args:
            samples: one or several, such as sketches; in the data's units.
            strength: how far, from 0 (nothing changes) to 1 (nothing stays).
            method: "sdedit" draws anew what noise hides; one of ``idm.editing.INVERSIONS``, such as "bdia", carries
                samples up as one class and down as another, and draws nothing.
            label_a: classes that they have, in turn, for methods that invert; no class by default.
            label_b: classes that they shall have, in turn; ``label_a`` by default.
            condition: their conditions, in turn, where the network is told conditions.
            num: results of each; 1 where nothing is drawn.
            seed: result j of sample i is drawn from seed + num i + j.
            batch_size: as in ``restore``.
            listener: as there.
            settings: of the sampler, DDPM in 100 steps by default; steps, spacing and threshold of an inversion.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: numbers out of range, or no such method or setting.
            NumericalError: samples are not finite.
        """
        inputs = as_inputs(self, samples)
        read = self.label_kind.read
        before, after = read(label_a, "label_a"), read(label_b, "label_b")
        plan = EditPlan(method, strength, whole_number(num, "num"), before, after, whole_number(seed, "seed"), settings)
        draws = plan_edits(self, inputs.x, known_of(self, inputs.labels, condition), plan)
        return self._drawn(draws, batch_size, listener, doing="editing")

    def _drawn(self, draws: Draws, batch_size: int | None, listener: Listener | None, *, doing: str) -> Restored:
        size = self.batch_size if batch_size is None else at_least(1, batch_size, "batch_size")
        found = draw_all(self, draws, InMemory(len(draws), size), listener_or_quiet(listener), doing=doing)
        return Restored.of(self, found, draws.num, draws.kept)
