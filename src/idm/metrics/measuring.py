"""Measuring several metrics on one evidence; features are made once for all that read nothing else of samples."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.metrics.base import Metric
from idm.metrics.comparison import Comparison, in_own_order
from idm.metrics.evidence import Evidence, Labelled
from idm.metrics.features import FeatureCache, FeatureExtractor, Values, hash_of
from idm.metrics.figure import Figure

SAMPLES_PER_PIECE = 512
"""Samples whose features are made at a time."""


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
    most = max((metric.most for metric in members.values() if reads_features(metric)), default=0)
    of_features = in_features(evidence, most, listener, cache or FeatureCache()) if most else evidence
    return measure_on(members, of_features, evidence, listener)


def measure_on(
    members: Mapping[str, Metric], of_features: Evidence, of_values: Evidence, listener: Listener = SILENT
) -> dict[str, list[Figure]]:
    """Do the same where features were made before, of which the first evidence has rows in the place of samples."""
    found: dict[str, list[Figure]] = {}
    with listener.follow("measuring", len(members), unit="metrics") as bar:
        for name, metric in members.items():
            found[name] = metric.measure(of_features if reads_features(metric) else of_values)
            bar.advance()
    return found


def reads_features(metric: Metric) -> TypeGuard[Comparison]:
    """Whether a metric looks at samples by their features alone, as comparisons do that have no rows of their own."""
    return isinstance(metric, Comparison) and type(metric).rows is Comparison.rows


def in_features(evidence: Evidence, most: int, listener: Listener, cache: FeatureCache) -> Evidence:
    """Put rows of features in the place of samples and real ones, at most that many of both together and no others.

    Which ones does not depend on the order that they come in. Rows of both are rounded alike, to float32, so that equal
    samples are at no distance.
    """
    drawn, there = evidence.samples, evidence.real
    count = min(most // 2, len(there.x) // 2)
    drawn, there = in_own_order(drawn, count), in_own_order(there, most)
    features = evidence.features
    ours = make_features(features, drawn.x, listener).float().double()  # rounded as those that are kept
    size = len(there.x), ours.shape[1]
    made = partial(make_features, features, there.x, listener)
    theirs = cache.rows(features, lambda: {"contents": hash_of(there.x)}, size, made).to(ours)
    return replace(evidence, drawn=Labelled(ours, drawn.y), compared=Labelled(theirs, there.y), features=Values())


def make_features(features: FeatureExtractor, x: Tensor, listener: Listener = SILENT) -> Tensor:
    """Return the features of samples [n, d], made a piece at a time."""
    with listener.follow("extracting", len(x), unit="samples") as bar:
        parts: list[Tensor] = []
        for part in x.split(SAMPLES_PER_PIECE):
            parts.append(features(part))
            bar.advance(len(part))
    return torch.cat(parts)
