"""What is kept of samples as they are drawn, so that only a batch of them is held at a time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.rng import Rng
from idm.metrics import Evidence, Labelled, Look, Metric, Needs, by_sight
from idm.metrics.by_sample import BySample
from idm.metrics.comparison import FEATURES
from idm.metrics.moments import MOST_FEATURES, MomentSums
from idm.run.compared import most_rows, thinned
from idm.run.figures import Metrics
from idm.run.opened import Opened
from idm.run.real_rows import own_name, seen_beside
from idm.run.ways_of_features import SAMPLES_PER_PIECE, require_finite_rows

WHOLE = "samples"
"""What samples are called that are kept as they are."""


@final
@dataclass(frozen=True, eq=False)
class Views:
    """What metrics see of each sample.

    Attributes:
        run: what draws the samples, guided or not.
        members: the metrics by name.
        looks: what sees it, by name.
        kept: numbers of the samples of which it is kept, by name.
        num: how many samples are drawn.
        shapes: of what is seen of one sample, by name.
        are_summed: whether moments of the features of all samples are wanted.
        makers: of what is made by extractors: in words, which.
        own: names of the metrics of somebody's own that see it.
    """

    run: Opened
    members: Mapping[str, Metric]
    looks: Mapping[str, Look]
    kept: Mapping[str, NDArray[np.int64]]
    num: int
    shapes: Mapping[str, tuple[int, ...]]
    are_summed: bool
    makers: Mapping[str, str]
    own: Mapping[str, str]

    @classmethod
    def of(cls, run: Opened, metrics: Metrics, num: int, evidence: Evidence) -> "Views":
        """Make the looks of metrics; of those that see samples whole these are kept, all of them.

        Args:
            run: what draws the samples, guided or not.
            metrics: the metrics, and what samples are compared with.
            num: how many samples are drawn.
            evidence: what is known of real data.
        """
        members, example = metrics.members, Labelled(_example(run, metrics), classes_of(run, range(1)))
        sights = by_sight(members)
        looks = {name: metric.make_look(evidence) for name, metric in sights.items()}
        if any(one.needs & Needs.SAMPLES and not isinstance(one, BySample) for one in members.values()):
            looks[WHOLE] = _whole
        shapes = {name: tuple(look(example).shape[1:]) for name, look in looks.items()}
        kept = {name: np.arange(num) for name in looks}
        for name, metric in sights.items():
            kept[name] = thinned(kept[name], min(metric.most_seen, most_rows(shapes[name][0])))
        is_some = FEATURES in sights and len(kept[FEATURES]) < num and evidence.moments is not None
        are_summed = is_some and shapes[FEATURES][0] <= MOST_FEATURES
        makers = {FEATURES: f" from {evidence.features.name}"}
        own = {name: own_name(metric) for name, metric in sights.items()}
        return cls(run, members, looks, kept, num, shapes, are_summed, makers, own)

    def see(self, x: Tensor, numbers: range) -> dict[str, Tensor]:
        """Return what is seen of drawn samples of those numbers, by name, float32 on the CPU.

        Raises:
            NumericalError: it is not finite.
        """
        samples = Labelled(self.run.spec.codec.rounded(x), classes_of(self.run, numbers))
        seen = {name: look(samples).float().cpu() for name, look in self.looks.items()}
        for name, rows in seen.items():
            require_finite_rows(name, rows, numbers, self.makers.get(name, ""), self.own.get(name, ""))
        return seen


def classes_of(run: Opened, numbers: range) -> Tensor | None:
    """Return the classes that samples of those numbers are drawn of, every one in turn; None where there are none."""
    kind = run.label_kind
    if not kind.is_told:
        return None
    return kind.classes_in(kind.tensor(kind.in_turn(None, lambda: run.usual_labels(kind), numbers)))


def _example(run: Opened, metrics: Metrics) -> Tensor:
    """Return a sample [1, c, *space], on which it is tried what looks see: a real one, or noise."""
    compared = metrics.compared
    if compared.dataset is not None:
        return compared.dataset.batch(compared.numbers[:1])[0]
    return Rng.from_seed(0, 1).normal("example", 0, run.spec.shape, torch.float32).clamp(-1.0, 1.0)


def _whole(of: Labelled) -> Tensor:
    return of.x


@final
class Gathered:
    """Rows of drawn samples that are kept, as they come in, and moments of the features of all."""

    def __init__(self, views: Views, lender: "Gathered | None" = None) -> None:
        """Begin with none.

        Args:
            views: what is seen.
            lender: gathers the same samples for other metrics; those that it keeps whole are not kept twice.
        """
        self._views = views
        self._sums: MomentSums | None = None
        shapes = views.shapes.items()
        self._rows = {name: torch.empty(len(views.kept[name]), *shape) for name, shape in shapes if name != WHOLE}
        if WHOLE in views.shapes:
            lent = None if lender is None else lender.whole
            self._rows[WHOLE] = torch.empty(views.num, *views.shapes[WHOLE]) if lent is None else lent

    @property
    def whole(self) -> Tensor | None:
        """Samples that are kept as they are; None where none are."""
        return self._rows.get(WHOLE)

    def add(self, numbers: range, seen: Mapping[str, Tensor]) -> None:
        """Take what was seen of samples of those numbers."""
        for name, rows in self._rows.items():
            kept = self._views.kept[name]
            first, last = np.searchsorted(kept, (numbers.start, numbers.stop))
            rows[first:last] = seen[name][torch.from_numpy(kept[first:last] - numbers.start)]
        if not self._views.are_summed:
            return
        if self._sums is None:
            self._sums = MomentSums(seen[FEATURES])
        else:
            self._sums.add(seen[FEATURES])

    def beside(self, evidence: Evidence) -> Evidence:
        """Put what was gathered beside what is known of real data."""
        rows, drawn = dict(self._rows), None
        if WHOLE in rows:
            drawn = Labelled(rows.pop(WHOLE), classes_of(self._views.run, range(self._views.num)))
        moments = None if self._sums is None else self._sums.moments
        evidence = seen_beside(self._views.members, self._views.looks, evidence)
        return replace(evidence, drawn=drawn, drawn_rows=rows, drawn_moments=moments)


def seen_of(run: Opened, metrics: Metrics, evidence: Evidence, batches: Iterable[tuple[range, Tensor]]) -> Evidence:
    """Look at drawn samples, a batch at a time, and put what was seen beside what is known of real data.

    Args:
        run: what draws them, guided or not.
        metrics: what is measured.
        evidence: what is known of real data.
        batches: numbers of samples, and these.
    """
    views = Views.of(run, metrics, metrics.num_samples, evidence)
    gathered = Gathered(views)
    for numbers, x in batches:
        gathered.add(numbers, views.see(x, numbers))
    return gathered.beside(evidence)


def in_batches(samples: Tensor) -> Iterator[tuple[range, Tensor]]:
    """Take samples that are there apart, as ``seen_of`` wants them."""
    for first in range(0, len(samples), SAMPLES_PER_PIECE):
        part = samples[first : first + SAMPLES_PER_PIECE]
        yield range(first, first + len(part)), part
