"""Classes of observations of which nobody told the class: each draw is told one that explains what was observed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

import torch
from torch import Tensor

from idm.core.rng import Rng, derive_seed
from idm.core.tensors import require_finite
from idm.restoration import TDS, LinearOperator, Observation, Particles, restoring
from idm.restoration.methods.particles import systematic
from idm.run.draws import Draws, Look
from idm.run.label_kind import Label, class_of
from idm.run.method_settings import find_method
from idm.run.opened import Opened
from idm.samplers import Sampler

CLASS_PARTICLES, CLASS_STEPS = 64, 12
"""Particles of each class that may be it, for each observation, and the steps that they take, where nothing is said.

On the demo's digits 25 steps weigh classes no better than 12 (docs/restoration.md).
"""

MOST_CLASSES = 100
"""Most classes that are looked at where nobody asks for it: of more, looking takes far longer than drawing."""

PILOT_SHARE = 8
"""Particles of each class for each particle of the pilot, which says which classes may be it."""

MARGIN_NATS = 12.0
"""How far the log-evidence of a class may be below the best one's in the pilot for the class to be looked at again."""


@final
@dataclass(frozen=True, eq=False)
class _Case:
    """Observations whose classes are wanted.

    Attributes:
        seen: them, a row each.
        labels: what else is known of each.
        seeds: of each.
        counts: samples that are drawn of each, in this batch.
        num: samples of each in all.
    """

    seen: Observation
    labels: Sequence[Label | None]
    seeds: Sequence[int]
    counts: Sequence[int]
    num: int

    def __len__(self) -> int:
        """Count them."""
        return len(self.seeds)

    def select(self, rows: Sequence[int]) -> "_Case":
        """Return some of them."""
        labels, seeds = [self.labels[row] for row in rows], [self.seeds[row] for row in rows]
        counts = [self.counts[row] for row in rows]
        return _Case(self.seen.select(torch.tensor(rows)), labels, seeds, counts, self.num)


@final
@dataclass(frozen=True, eq=False)
class UnknownClasses:
    """Draws classes from p(class | o), which is p(class) p(o | class) over its sum.

    p(class) is the share of the training data. p(o | class) is the evidence of twisted particles that walk down as that
    class: without bias, whatever guidance is wrong about. A walk that is told its class chooses no kind of data
    too early, which is what walks without one get wrong. A few particles say which classes may be it, more of them how
    likely each of these is.

    Attributes:
        method: the particles.
        sampler: of ancestral sampling, in few steps.
        count: how many classes there are.
        found: the classes of the draws of each observation, by its number, once they are found.
    """

    method: TDS
    sampler: Sampler
    count: int
    found: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    @classmethod
    def of(cls, run: Opened, particles: int) -> "UnknownClasses":
        """Weigh the classes of a run by so many particles of each."""
        method = find_method(run, "tds", {"particles": particles})
        assert isinstance(method, TDS)
        sampler = run.sampler(name="ddpm", steps=min(CLASS_STEPS, run.diffusion.num_timesteps))
        return cls(method, sampler, run.spec.num_classes or 0)

    @property
    def pilot(self) -> TDS:
        """The few particles that look at every class."""
        return replace(self.method, particles=max(1, self.method.particles // PILOT_SHARE))

    @property
    def looks(self) -> int:
        """Steps of an observation, with all its particles of a class at once: of each class twice at the most."""
        return 2 * self.count * self.sampler.diffusion.num_timesteps

    @property
    def calls(self) -> tuple[int, int]:
        """Fewest and most calls of the network for an observation."""
        each = self.count * self.sampler.diffusion.num_timesteps
        return each * self.pilot.particles, each * (self.pilot.particles + self.method.particles)

    def to_plain(self) -> dict[str, int]:
        """Return what tells one way from another."""
        return {"particles": self.method.particles, "steps": self.sampler.diffusion.num_timesteps}

    def find(self, run: Opened, numbers: Sequence[int], seen: Observation, draws: Draws, look: Look) -> list[Label]:
        """Return the labels of samples of those numbers, each with a class.

        Args:
            run: the run.
            numbers: of the samples; no more particles than these are in memory, or those of one class.
            seen: their observations, a row each.
            draws: says which observation a sample is of, and what is known of it.
            look: as of ``draw_batch``; it hears of ``looks`` steps of every sample.

        Raises:
            NumericalError: the network gives what is not finite.
        """
        places: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            places.setdefault(number // draws.num, []).append(place)
        new = [row for row in places if row not in self.found and class_of(draws.labels[row]) is None]
        look(self.looks * sum(len(places[row]) for row in places.keys() - set(new)))  # nothing to find of these
        if new:
            one_of_each = _with_rounding(run, seen.select(torch.tensor([places[row][0] for row in new])))
            seeds = [derive_seed(draws.seed + row * draws.num, "classes") for row in new]
            counts = [len(places[row]) for row in new]
            case = _Case(one_of_each, [draws.labels[row] for row in new], seeds, counts, draws.num)
            self.found.update(zip(new, self._draw(run, case, len(numbers), look), strict=True))
        return [self._label(run, number, draws) for number in numbers]

    def _label(self, run: Opened, number: int, draws: Draws) -> Label:
        row, turn = divmod(number, draws.num)
        known = draws.labels[row]
        if known is not None and class_of(known) is not None:
            return known
        return run.spec.label_kind.with_class(known, self.found[row][turn])

    def _draw(self, run: Opened, case: _Case, at_once: int, look: Look) -> list[list[int]]:
        """Draw the classes of all samples of each observation, each as often as it deserves, in an order at random."""
        classes = range(self.count)
        first = [self._log_evidence(run, self.pilot, case, number, at_once, look) for number in classes]
        log_prior = _log_prior(run).to(first[0])
        log_evidence = require_finite(torch.stack(first, 1), "evidence of classes") + log_prior
        near = log_evidence >= log_evidence.amax(1, keepdim=True) - MARGIN_NATS
        for number, may_be in zip(classes, (near & (near.sum(1, keepdim=True) > 1)).T.tolist(), strict=True):
            rows = [row for row, again in enumerate(may_be) if again]
            look(self.sampler.diffusion.num_timesteps * (sum(case.counts) - sum(case.counts[row] for row in rows)))
            if rows:
                again = self._log_evidence(run, self.method, case.select(rows), number, at_once, look)
                log_evidence[rows, number] = again + log_prior[number]
        weights = torch.softmax(log_evidence.masked_fill(~near, -math.inf), 1)
        rng = Rng.from_seed(case.seeds, len(case), weights.device)
        order = rng.uniform("order", count=case.num).argsort(1)
        return systematic(require_finite(weights, "classes"), rng.uniform("class"), case.num).gather(1, order).tolist()

    def _log_evidence(self, run: Opened, method: TDS, case: _Case, number: int, at_once: int, look: Look) -> Tensor:
        """Return log p(o | class) up to a constant of all classes [n]; the same noise serves all of them."""
        size, found = max(1, at_once // method.particles), list[Tensor]()
        for first in range(0, len(case), size):
            some = case.select(range(first, min(first + size, len(case))))
            y = run.labels_of(None, [run.spec.label_kind.with_class(label, number) for label in some.labels])
            denoise = run.guided_denoiser(self.sampler.diffusion, y)
            x, cloud = some.seen.values.new_zeros(len(some), *run.spec.shape), None
            for state in restoring(self.sampler, denoise, some.seen, x, method=method, seed=some.seeds):
                look(sum(some.counts))
                cloud = state.memory
            assert isinstance(cloud, Particles)
            found.append(cloud.log_evidence)
        return torch.cat(found)


def class_particles(run: Opened, asked: int | None, *, is_method_named: bool) -> int:
    """Return the particles that are asked for, by default ``CLASS_PARTICLES``; 0 of many classes, or a method named."""
    are_few = (run.spec.num_classes or 0) <= MOST_CLASSES
    usual = CLASS_PARTICLES if are_few and not is_method_named else 0
    return usual if asked is None else asked


def unknown_classes(
    run: Opened, observations: Sequence[Observation], labels: Sequence[Label | None], particles: int
) -> UnknownClasses | None:
    """Return how classes are found; None where there are none to be found, or no evidence can be taken.

    Args:
        run: whose classes they are.
        observations: what was seen; evidence wants a linear operator.
        labels: what is known of each.
        particles: of each class; 0: none are found.
    """
    lacking = any(class_of(label) is None for label in labels)
    is_linear = isinstance(observations[0].operator, LinearOperator)
    can_be_found = lacking and is_linear and (run.spec.num_classes or 0) > 1
    return UnknownClasses.of(run, particles) if particles and can_be_found else None


def _log_prior(run: Opened) -> Tensor:
    """Return the logarithm of the share of each class in the training data; of equal ones where it is not known."""
    counts = run.spec.class_counts
    shares = torch.ones(run.spec.num_classes or 0) if counts is None else torch.tensor(counts).double()
    return (shares / shares.sum()).log()


def _with_rounding(run: Opened, seen: Observation) -> Observation:
    """Return observations with the noise that rounding to levels is: a bin's width over the root of 12."""
    levels = run.spec.codec.levels
    rounding = 0.0 if levels is None else 1.0 / (levels - 1) / math.sqrt(3.0)
    return replace(seen, noise=max(seen.noise, rounding))
