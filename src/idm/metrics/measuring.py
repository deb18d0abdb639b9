"""Measuring several metrics on one evidence; what several see in samples is made once for all of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from idm.core.code import call_code
from idm.core.progress import SILENT, Listener
from idm.metrics.base import Metric
from idm.metrics.by_sample import BySample, Look
from idm.metrics.comparison import FEATURES
from idm.metrics.evidence import Evidence, Labelled
from idm.metrics.features import FeatureCache, hash_of
from idm.metrics.figure import Figure

SAMPLES_PER_PIECE = 512
"""Samples that are looked at at a time."""


def measure_all(
    members: Mapping[str, Metric],
    evidence: Evidence,
    listener: Listener = SILENT,
    cache: FeatureCache | None = None,
) -> dict[str, list[Figure]]:
    """Measure all on the same evidence, and return their figures by metric.

    Args:
        members: metrics by name.
        evidence: what they need.
        listener: hears how it gets on.
        cache: where features of real data are kept, and found again; nowhere by default.

    Raises:
        SettingsError: what a metric needs is missing.
    """
    return measure_seen(members, seen(members, evidence, listener, cache or FeatureCache()), listener)


def measure_seen(
    members: Mapping[str, Metric], evidence: Evidence, listener: Listener = SILENT
) -> dict[str, list[Figure]]:
    """Do the same where what metrics see was made before.

    A figure whose name another metric has, too, is called by that of its metric besides: "mine:sharpness kid".
    """
    found: dict[str, list[Figure]] = {}
    with listener.follow("measuring", len(members), unit="metrics") as bar:
        for name, metric in members.items():
            own = metric.is_own
            found[name] = call_code(metric.measure, name, "metrics", evidence) if own else metric.measure(evidence)
            bar.advance()
    counts = Counter(figure.name for figures in found.values() for figure in figures)
    return {name: [_told_apart(figure, name, counts) for figure in figures] for name, figures in found.items()}


def _told_apart(figure: Figure, metric: str, counts: Mapping[str, int]) -> Figure:
    """Return a figure under a name that no other one has; metrics of the package, which no colon names, keep theirs."""
    is_own = ":" in metric
    return replace(figure, name=f"{metric} {figure.name}") if is_own and counts[figure.name] > 1 else figure


def by_sight(members: Mapping[str, Metric]) -> dict[str, BySample]:
    """Return one metric for each kind of rows that any of them sees, by what the rows are called."""
    return {metric.sight: metric for metric in members.values() if isinstance(metric, BySample)}


def reads_features(metric: Metric) -> bool:
    """Whether a metric looks at samples by their features alone."""
    return isinstance(metric, BySample) and metric.sight == FEATURES


def seen(members: Mapping[str, Metric], evidence: Evidence, listener: Listener, cache: FeatureCache) -> Evidence:
    """Return the evidence with what metrics see of samples and of real data, where it has them whole."""
    drawn, real = dict(evidence.drawn_rows), dict(evidence.real_rows)
    for name, metric in by_sight(members).items():
        if name in drawn and name in real:
            continue
        look = metric.make_look(evidence)
        if name not in drawn:
            drawn[name] = make_rows(look, evidence.samples, listener)
        if name not in real:
            beside = metric.real_of(evidence)
            make = partial(make_rows, look, beside, listener)
            real[name] = _kept(evidence, beside, drawn[name].shape[1], make, cache) if name == FEATURES else make()
    return replace(evidence, drawn_rows=drawn, real_rows=real)


def _kept(evidence: Evidence, of: Labelled, size: int, make: partial[Tensor], cache: FeatureCache) -> Tensor:
    """Return features of real data from a cache, where it has them."""
    return cache.rows(evidence.features, lambda: {"contents": hash_of(of.x)}, (len(of.x), size), make)


def make_rows(look: Look, of: Labelled, listener: Listener = SILENT) -> Tensor:
    """Return what is seen of samples [n, k], float32, made a piece at a time."""
    with listener.follow("extracting", len(of.x), unit="samples") as bar:
        parts: list[Tensor] = []
        for start in range(0, len(of.x), SAMPLES_PER_PIECE):
            piece = slice(start, start + SAMPLES_PER_PIECE)
            parts.append(look(Labelled(of.x[piece], None if of.y is None else of.y[piece])).float())
            bar.advance(len(parts[-1]))
    return torch.cat(parts)
