"""Several metrics on one evidence."""

import pytest
import torch
from torch import Tensor

from idm.metrics import (
    Evidence,
    Figure,
    KernelDistance,
    Labelled,
    Metric,
    OwnMetric,
    PrecisionRecall,
    SlicedWasserstein,
    ValueHistograms,
    measure_all,
    reads_features,
)
from idm.metrics.features import OwnFeatures


def normal(number: int, seed: int) -> Labelled:
    return Labelled(torch.randn(number, 1, 4, generator=torch.Generator().manual_seed(seed)))


SAMPLES, REAL = normal(30, 0), normal(90, 1)


def test_features_are_made_once_for_all_metrics_that_read_them_alone() -> None:
    seen: list[int] = []

    def features(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x.flatten(1)[:, :2]

    def shape(evidence: Evidence) -> Figure:
        return Figure("places", evidence.samples.x[0].numel())

    members: dict[str, Metric] = {
        "kid": KernelDistance(drawings=3),
        "sliced": SlicedWasserstein(drawings=3),
        "values": ValueHistograms(drawings=3),
        "own": OwnMetric("mine:shape", shape),
    }
    assert [name for name, metric in members.items() if reads_features(metric)] == ["kid", "sliced"]
    found = measure_all(members, Evidence(SAMPLES, trained_on=REAL, features=OwnFeatures("f", features)))
    assert sum(seen) == 30 + 90
    assert found["own"][0].value == 4.0


@pytest.mark.parametrize("metric", [KernelDistance(drawings=5), PrecisionRecall(drawings=5)], ids=["kid", "precision"])
def test_by_the_values_themselves_figures_are_those_of_the_metric_alone(metric: Metric) -> None:
    evidence = Evidence(SAMPLES, trained_on=REAL)
    alone, together = metric.measure(evidence), measure_all({"one": metric}, evidence)["one"]
    for one, other in zip(alone, together, strict=True):
        assert (other.name, other.value, other.note) == (one.name, pytest.approx(one.value, rel=1e-12), one.note)
        assert other.null == one.null
