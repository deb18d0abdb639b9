"""Changing samples of a user's own: part of the way to noise, and back again, as another class if wished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from idm.core.counts import at_least, finite_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener, Within
from idm.restoration import Mask, Observation, SDEdit
from idm.run.carrying import carrying_denoiser
from idm.run.drawing import require_memory
from idm.run.draws import SAMPLES, Draws, Look, Part
from idm.run.inversions import InversionChoice, choose_inversion
from idm.run.label_kind import Fields, Label, plain_labels, refuse_more_fields
from idm.run.opened import Opened
from idm.run.restoring import Restorations, editing_sampler

SDEDIT = "sdedit"
"""The way to edit that draws what noise hides; the others are ways to invert."""

OF_INVERSIONS = {"steps", "spacing", "threshold"}
"""Settings that an inversion has."""


STRENGTHS = "a number above 0 and up to 1"


@dataclass(frozen=True)
class EditPlan:
    """How samples are to be changed.

    Attributes:
        method: "sdedit", which draws anew what noise hides (Meng et al. 2022), or one of ``idm.editing.INVERSIONS``,
            which carry samples up under one class and down under another, and draw nothing.
        strength: how much of the way to noise samples go, from 0 to 1.
        num: results of each.
        label_a: classes that they have, in turn, where ``method`` inverts; those known by default.
        label_b: classes that they shall have, in turn; their own by default.
        seed: result j of sample i is drawn from seed + num i + j.
        settings: of the sampler; steps, spacing and threshold alone, where ``method`` inverts.
    """

    method: str
    strength: float
    num: int
    label_a: Sequence[Label] | None
    label_b: Sequence[Label] | None
    seed: int
    settings: Mapping[str, Any]


@final
@dataclass(frozen=True, eq=False)
class ReEncoded(Draws):
    """Samples that are carried up to a place under one class, and down from it under another.

    Attributes:
        choice: how.
        place: of the grid, where they turn round.
        before: class of each sample as it is; None where it has none.
    """

    choice: InversionChoice
    place: int
    before: Sequence[Label | None]

    @property
    def steps(self) -> int:
        """Steps up, and as many down."""
        return 2 * (self.place + 1)

    @property
    def way(self) -> str:
        """The way to invert."""
        return f"{self.choice.method} up to place {self.place} and down again"

    def to_plain(self) -> dict[str, Any]:
        """The way to invert, its levels, and the classes before."""
        choice, before = self.choice, plain_labels(self.before)
        levels = {"timesteps": choice.process.grid.levels.time.tolist(), "place": self.place}
        return {"inversion": choice.method, "threshold": choice.threshold, **levels, "before": before}

    def draw_batch(self, run: Opened, numbers: Sequence[int], observation: Observation, look: Look) -> Part:
        """Encode and decode."""
        inversion, listener, seeds = self.choice.inversion, Within(_Looks(look, len(numbers))), self.seeds(numbers)
        x = observation.values.view(len(numbers), *run.spec.shape)
        known, wanted = (
            carrying_denoiser(run, self.choice, self.labels_of(run, numbers, labels))
            for labels in (self.before, self.labels)
        )
        states = inversion.encode(known, (x,), level=self.place, seed=seeds, listener=listener)
        return {SAMPLES: inversion.decode(wanted, states, level=self.place, seed=seeds, listener=listener)[0].to(x)}


@final
@dataclass(frozen=True)
class _Looks:
    """Progress of a batch that calls ``look`` at every step."""

    look: Look
    size: int

    def advance(self, units: int = 1, status: str = "") -> None:
        """Call ``look`` with the size of the batch."""
        self.look(self.size)


def known_of(run: Opened, known: Sequence[Label | None], condition: Fields | None) -> Sequence[Label | None]:
    """Return what is known of samples, with the conditions that are given for them, in turn.

    Raises:
        SettingsError: conditions for a run that is told none.
    """
    kind = run.label_kind
    if condition is None:
        return known
    told = kind.read(kind.asked(None, condition))
    refuse_more_fields(told, len(known))
    return kind.laid_over(told, known)


def plan_edits(
    run: Opened, x: Tensor, known: Sequence[Label | None], plan: EditPlan, listener: Listener = SILENT
) -> Draws:
    """Check what is asked for of samples x in the model's range, with the numbers of their classes, if known.

    Raises:
        SettingsError: numbers out of range, settings that the method has not, or no class for a network that knows
            classes only.
    """
    strength = finite_number(plan.strength, "strength", STRENGTHS)
    if not 0 < strength <= 1:
        raise SettingsError(f"strength: {STRENGTHS} wanted, got {strength:g}; 0 would change nothing")
    at_least(1, plan.num, "num")
    require_memory(len(x) * plan.num, run.spec.shape)
    before = run.label_kind.laid_over(plan.label_a, known)
    wanted = before if plan.label_b is None else run.label_kind.laid_over(plan.label_b, known)
    run.labels_of(None, wanted, "label_b=CLASSES" if plan.method == SDEDIT else "label_a=CLASSES")
    whole = Mask.whole(run.spec.shape)
    seen = [Observation(whole, whole.apply(sample[None])) for sample in x]
    if plan.method == SDEDIT:
        if plan.label_a is not None:
            raise SettingsError(f"label_a: a method that inverts wanted beside it, such as bdia, got {SDEDIT}")
        sampler = editing_sampler(run, plan.settings, listener)
        return Restorations(seen, plan.num, wanted, plan.seed, SDEdit(strength=strength), sampler)
    return _inverted(run, seen, before, wanted, plan)


def _inverted(
    run: Opened,
    seen: Sequence[Observation],
    before: Sequence[Label | None],
    wanted: Sequence[Label | None],
    plan: EditPlan,
) -> Draws:
    """Plan what is encoded and decoded.

    Raises:
        SettingsError: more than one result of each, settings of samplers, or no such method.
    """
    if plan.num > 1:
        raise SettingsError(f"num: 1 wanted with method={plan.method}, which draws nothing, got {plan.num}")
    if other := sorted(plan.settings.keys() - OF_INVERSIONS):
        raise SettingsError(
            f"method: {SDEDIT} wanted beside the sampler's {other[0]}, got {plan.method}, which takes steps, "
            "spacing and threshold alone"
        )
    run.labels_of(None, before, "label_a=CLASSES")
    choice = choose_inversion(run.diffusion, plan.method, **plan.settings)
    place = max(1, round(plan.strength * choice.process.num_timesteps)) - 1
    return ReEncoded(seen, 1, wanted, plan.seed, choice, place, before)
