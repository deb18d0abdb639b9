"""Several metrics on one evidence."""

from abc import ABC
from pathlib import Path

import pytest
import torch
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT
from idm.metrics import (
    BySample,
    Evidence,
    Figure,
    KernelDistance,
    Labelled,
    Look,
    Metric,
    OwnMetric,
    PrecisionRecall,
    SlicedWasserstein,
    ValueHistograms,
    measure_all,
    reads_features,
)
from idm.metrics import seen as look_at
from idm.metrics.features import FeatureCache, OwnFeatures


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


def test_features_of_real_data_are_kept_and_those_of_samples_made_anew(tmp_path: Path) -> None:
    seen: list[int] = []

    def features(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x.flatten(1)[:, :2]

    extractor = OwnFeatures("f", features, sha256="of this code")
    members: dict[str, Metric] = {"kid": KernelDistance(drawings=3)}
    found = [
        measure_all(members, Evidence(drawn, trained_on=REAL, features=extractor), cache=FeatureCache(tmp_path))
        for drawn in (SAMPLES, SAMPLES, normal(20, 2))
    ]
    assert seen == [30, 90, 30, 20]
    assert found[0]["kid"][0].value == found[1]["kid"][0].value != found[2]["kid"][0].value
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingsError, match=r"cache=.*: a folder wanted, got a file"):
        FeatureCache.at(tmp_path / "file")


@pytest.mark.parametrize("folder", [None, "kept"])
def test_features_of_equal_samples_are_equal_on_both_sides(tmp_path: Path, folder: str | None) -> None:
    thirds = OwnFeatures("f", lambda x: x.double().flatten(1) / 3.0, sha256="of this code")  # no numbers of float32
    cache = FeatureCache(None if folder is None else tmp_path / folder)
    found = look_at({"kid": KernelDistance()}, Evidence(REAL, trained_on=REAL, features=thirds), SILENT, cache)
    ours, theirs = found.drawn_rows["features"], found.real_rows["features"]
    assert (len(ours), len(theirs)) == (90, 90)
    assert (ours[:, None] == theirs).all(2).any(1).all()


def test_figures_of_one_name_are_told_apart_by_their_metrics_and_two_of_one_metric_are_refused() -> None:
    members: dict[str, Metric] = {
        "a:sharp": OwnMetric("a:sharp", lambda evidence: [Figure("sharp", 1.0), Figure("dull", 2.0)]),
        "kid": KernelDistance(drawings=3),
        "b:sharp": OwnMetric("b:sharp", lambda evidence: [Figure("sharp", 3.0), Figure("kid", 4.0)]),
    }
    found = measure_all(members, Evidence(SAMPLES, trained_on=REAL))
    names = [figure.name for figures in found.values() for figure in figures]
    assert names == ["a:sharp sharp", "dull", "kid", "b:sharp sharp", "b:sharp kid"]
    twice = OwnMetric("a:sharp", lambda evidence: [Figure("sharp", 1.0), Figure("sharp", 2.0)])
    with pytest.raises(DataError, match=r"^metrics: figures with names of their own wanted of a:sharp, got sharp, s"):
        twice.measure(Evidence(SAMPLES, trained_on=REAL))


def test_own_metrics_have_rows_of_their_own() -> None:
    looks: list[int] = []

    class Base(BySample, ABC):
        sees = "features"

        def look(self, evidence: Evidence) -> Look:
            return lambda of: looks.append(len(of.x)) or of.x.flatten(1)

        def beside(self, evidence: Evidence) -> Labelled:
            return evidence.real

    class Mean(Base):
        def judge(self, rows: Tensor, real: Tensor, evidence: Evidence) -> list[Figure]:
            return [Figure.mean_of(type(self).__name__, rows[:, 0])]

    class Other(Mean):
        pass

    members: dict[str, Metric] = {"mean": Mean(), "kid": KernelDistance(drawings=3), "other": Other()}
    found = measure_all(members, Evidence(SAMPLES, trained_on=REAL, features=OwnFeatures("f", lambda x: -x.flatten(1))))
    assert looks == [30, 90, 30, 90]
    expected = float(SAMPLES.x.flatten(1)[:, 0].mean())
    assert [found[name][0].value for name in ("mean", "other")] == [pytest.approx(expected)] * 2
    assert not reads_features(Mean())


class Power(BySample):
    """Sees a mean of powers, whose exponent a subclass says, or whoever makes it."""

    sees = "power"
    power = 1

    def __init__(self, power: int | None = None) -> None:
        if power is not None:
            self.power = power

    def look(self, evidence: Evidence) -> Look:
        return lambda of: of.x.flatten(1).pow(self.power).mean(1, keepdim=True)

    def beside(self, evidence: Evidence) -> Labelled:
        return evidence.real

    def judge(self, rows: Tensor, real: Tensor, evidence: Evidence) -> list[Figure]:
        return [Figure("mean", float(rows.mean()))]


class Square(Power):
    power = 2


def test_a_look_that_reads_an_attribute_has_rows_by_it() -> None:
    members: dict[str, Metric] = {"one": Power(), "square": Square(), "cube": Power(3), "again": Power(3)}
    found = measure_all(members, Evidence(SAMPLES, trained_on=REAL))
    x = SAMPLES.x.double()
    for name, power in (("one", 1), ("square", 2), ("cube", 3), ("again", 3)):
        assert found[name][0].value == pytest.approx(float(x.pow(power).mean()), rel=1e-4)


def test_histograms_of_other_bins_have_rows_of_their_own() -> None:
    members: dict[str, Metric] = {"values": ValueHistograms(drawings=3), "few": ValueHistograms(drawings=3, bins=2)}
    evidence = Evidence(SAMPLES, trained_on=REAL)
    together = measure_all(members, evidence)
    for name, metric in members.items():
        assert together[name][0].value == measure_all({name: metric}, evidence)[name][0].value
    assert together["values"][0].value != together["few"][0].value


@pytest.mark.parametrize("broken", ["look", "beside", "judge"])
def test_an_error_of_a_metric_of_ones_own_names_it(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise ValueError("torn")

    monkeypatch.setattr(Power, broken, fail)
    with pytest.raises(DataError, match=r"^metrics: \S+:Power wanted to return, got ValueError \(torn\); mend it"):
        measure_all({f"{__name__}:Power": Power()}, Evidence(SAMPLES, trained_on=REAL))
