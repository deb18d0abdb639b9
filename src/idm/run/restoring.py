"""Drawing samples of a trained model that agree with what was observed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor

from idm.core.counts import at_least, finite_number, whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.restoration import Method, Observation, Operator, Selection, restoring
from idm.run.build import words_of
from idm.run.drawing import require_memory
from idm.run.draws import CLASSES, EFFECTIVE, SAMPLES, Draws, Look, Part
from idm.run.label_kind import Label, class_of, refuse_more_fields
from idm.run.method_settings import find_method, method_in_words, usual_method
from idm.run.observing import Observed, observations_of, seen_exactly
from idm.run.opened import Opened
from idm.run.unknown_classes import UnknownClasses, unknown_classes
from idm.samplers import Sampler, SampleStep

RESTORING_STEPS, EDITING_STEPS = 40, 100
"""Steps of a restoration and of an edit where nothing else is said."""

ANCESTRAL: Mapping[str, Any] = {"name": "ddpm"}
SECOND_ORDER: Mapping[str, Any] = {"name": "multistep", "tau": 1.0}
"""Samplers that draw noise, which forgets early mistakes; the second needs half of the steps."""


@final
@dataclass(frozen=True, eq=False)
class Restorations(Draws):
    """Samples that are drawn on a walk that heeds the observation.

    Attributes:
        method: how it is heeded.
        sampler: how steps are taken.
        exact: what was seen without noise, which comes back as it is; see ``kept``.
        unknown: how classes are found that nobody told; None: none are.
    """

    method: Method
    sampler: Sampler
    exact: Tensor | None = None
    unknown: UnknownClasses | None = None

    @property
    def kept(self) -> Tensor | None:
        """As was said."""
        return self.exact

    @property
    def steps(self) -> int:
        """Number of steps that the method takes."""
        return self.method.num_steps(self.sampler, self.observations[0])

    @property
    def looks(self) -> int:
        """Steps of particles that classes are found by, too."""
        return self.steps + (0 if self.unknown is None else self.unknown.looks)

    @property
    def way(self) -> str:
        """Method and sampler."""
        return f"{method_in_words(self.method)} and {type(self.sampler).__name__}"

    def to_plain(self) -> dict[str, Any]:
        """Method and sampler in words."""
        unknown = {} if self.unknown is None else {"classes": self.unknown.to_plain()}
        return {"method": repr(self.method), "sampler": words_of(self.sampler), **unknown}

    def shapes(self, run: Opened) -> dict[str, tuple[int, ...]]:
        """With the class of each sample, where these are found."""
        return super().shapes(run) | ({} if self.unknown is None else {CLASSES: ()})

    @property
    def has_particles(self) -> bool:
        """Whether the method draws with particles."""
        return self.method.has_particles

    def draw_batch(self, run: Opened, numbers: Sequence[int], observation: Observation, look: Look) -> Part:
        """Walk down from noise; the guidance of the run, if there is any, is an edit's."""
        if self.exact is not None and isinstance(observation.operator, Selection) and observation.operator.seen.all():
            return self._complete(run, observation, look)
        sampler, seeds = self.sampler, self.seeds(numbers)
        labels: list[Label | None] = [self.labels[number // self.num] for number in numbers]
        if self.unknown is not None:
            labels = [*self.unknown.find(run, numbers, observation, self, look)]
        denoise = run.guided_denoiser(sampler.diffusion, run.labels_of(None, labels))
        x = sampler.initial_noise((len(numbers), *run.spec.shape), seed=seeds, device=run.device)
        state = SampleStep(x)
        for reached in restoring(sampler, denoise, observation, x, method=self.method, seed=seeds):
            state = reached
            look(len(numbers))
        effective = self.method.effective(state)
        found = {} if effective is None else {EFFECTIVE: effective}
        if self.unknown is not None:
            found[CLASSES] = torch.tensor([class_of(label) for label in labels])
        return {SAMPLES: state.sample, **found}

    def _complete(self, run: Opened, observation: Observation, look: Look) -> Part:
        """Return samples without holes, of which nothing is to be drawn."""
        x = observation.values.view(-1, *run.spec.shape)  # all of them, in the order of the data
        for _ in range(self.looks):
            look(len(x))
        found = {EFFECTIVE: x.new_ones(len(x))} if self.has_particles else {}
        if self.unknown is not None:  # no class, for there was nothing to tell it for
            found[CLASSES] = torch.full((len(x),), self.unknown.count)
        return {SAMPLES: x, **found}


@dataclass(frozen=True, eq=False)
class RestorePlan:
    """How samples are to be restored; all as of ``Run.restore``, with classes by their numbers.

    Attributes:
        operator: what was observed.
        noise: standard deviation of its noise, in the data's units.
        num: samples of each observation.
        method: how it is heeded; the usual one of the operator where None.
        sampler: how steps are taken; the usual one of the method where None.
        labels: classes of the observations, in turn; by default those known, and found ones.
        seed: draw j of observation i is drawn from seed + num i + j.
        class_particles: by which classes that nobody told are found, of each that may be it, for each observation; 0:
            draws are told no class.
    """

    operator: Operator
    noise: float
    num: int
    method: Method | None
    sampler: Sampler | None
    labels: Sequence[Label] | None
    seed: int
    class_particles: int = 0

    def checked(self) -> "RestorePlan":
        """Return the same with numbers as Python's own.

        Raises:
            SettingsError: numbers out of range, or what is no operator or method.
        """
        _require(self.operator, Operator, 'operator: run.operator("mask") or the like')
        _require(self.method, (Method, type(None)), 'method: run.method("ddnm") or the like')
        noise = finite_number(self.noise, "noise", NOISES)
        if noise < 0:
            raise SettingsError(f"noise: {NOISES} wanted, got {noise:g}")
        num, particles = at_least(1, self.num, "num"), at_least(0, self.class_particles, "class_particles")
        return replace(self, noise=noise, num=num, seed=whole_number(self.seed, "seed"), class_particles=particles)


NOISES = "a finite number of at least 0"


def plan_draws(run: Opened, observed: Observed, plan: RestorePlan) -> Restorations:
    """Check what is asked for, all but the observations.

    Raises:
        SettingsError: numbers out of range, a method that does not go with operator or sampler, or a guided run.
        DataError: holes where none can be.
    """
    run.require_unguided()
    plan = plan.checked()
    require_memory(len(observed.values) * plan.num, run.spec.shape)
    refuse_more_fields(plan.labels, len(observed.values))
    known = run.spec.label_kind.laid_over(plan.labels, observed.labels)
    method = plan.method or find_method(run, usual_method(plan.operator), {})
    sampler = restoring_sampler(run, method, {}) if plan.sampler is None else plan.sampler
    seen = observations_of(run, plan.operator, observed, plan.noise)
    unknown = unknown_classes(run, seen, known, plan.class_particles)
    if unknown is None:
        run.labels_of(None, known)
    for observation in {id(one.operator): one for one in seen}.values():
        method.check(sampler, observation)
    exact = seen_exactly(plan.operator, observed, plan.noise)
    return Restorations(seen, plan.num, known, plan.seed, method, sampler, exact, unknown)


def _require(given: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Refuse what is not of a kind.

    Raises:
        SettingsError: as said.
    """
    if not isinstance(given, kind):
        raise SettingsError(f"{wanted} wanted, got {given!r}")


def restoring_sampler(run: Opened, method: Method, changes: Mapping[str, Any], listener: Listener = SILENT) -> Sampler:
    """Return the sampler of a restoration: multistep of second order with the noise of ancestral sampling, in 40 steps.

    Ancestral sampling itself where the method takes densities of its steps, where the network knows the levels of its
    chain alone, and for another variance than the model's, of which multistep samplers have no use.
    """
    ancestral = method.weighs_steps or run.diffusion.prediction.is_mean or run.variance != "model"
    return _sampler(run, ANCESTRAL if ancestral else SECOND_ORDER, RESTORING_STEPS, changes, listener)


def editing_sampler(run: Opened, changes: Mapping[str, Any], listener: Listener = SILENT) -> Sampler:
    """Return the sampler of an edit: DDPM in 100 steps, with settings changed."""
    return _sampler(run, ANCESTRAL, EDITING_STEPS, changes, listener)


def _sampler(
    run: Opened, usual: Mapping[str, Any], steps: int, changes: Mapping[str, Any], listener: Listener
) -> Sampler:
    """Return a usual sampler unless another is named, of ``steps`` steps, or all where there are fewer."""
    settings: dict[str, Any] = {} if {"name", "eta"} & changes.keys() else dict(usual)
    if "plan" not in changes:
        settings["steps"] = min(steps, run.diffusion.num_timesteps)
    return run.sampler(listener=listener, **{**settings, **changes})
