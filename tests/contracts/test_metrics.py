"""What every metric keeps to. A new metric is tested without being told."""

import json
import math

import pytest
import torch

from idm.core.errors import SettingsError
from idm.core.estimate import Estimate
from idm.core.level_errors import LevelErrors
from idm.core.registry import Registry
from idm.metrics import METRICS as INCLUDED
from idm.metrics import BoundParts, Evidence, Figure, FlowScores, Labelled, LevelScores, Metric, Needs
from idm.metrics.features import find_features

from ..pages import contributed

METRICS = Registry("metrics", {**INCLUDED, "nearest": contributed().Nearest})
"""The metrics of the package, and the example of CONTRIBUTING.md, which is to promise the same."""

NUM, LEVELS = 60, 5


def made(name: str) -> Metric:
    """The metric, with few drawings of its null."""
    return METRICS.build(name, {"drawings": 19} if "drawings" in METRICS.options(name) else {})


def pictures(number: int, seed: int) -> Labelled:
    """Bright or dark stripes of two classes, in levels."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(number) % 2
    x = torch.rand(number, 1, 8, 8, generator=generator) - 0.5 + (y - 0.5)[:, None, None, None]
    return Labelled((x.clamp(-1, 1) * 2).round() / 2, y)


def errors(number: int, seed: int) -> LevelErrors:
    values = torch.rand(number, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return LevelErrors(torch.tensor([0.2, 1.0, 9.0]).double(), values + 1.0, values, values)


def evidence(drawn: Labelled, trained_on: Labelled | None = None) -> Evidence:
    scored, trained_on = pictures(50, 1), trained_on or pictures(140, 2)
    parts = [torch.rand(50, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    bound = BoundParts(sum(parts), *parts, Estimate(2.0, 0.1), "50 held-out samples")
    flow = FlowScores(torch.rand(50, generator=torch.Generator().manual_seed(7)), "50 held-out samples")
    features, levels = find_features("pca:4", trained_on.x), LevelScores(errors(50, 8), errors(60, 9))
    told = {"flow_scores": flow, "level_scores": levels, "endless": bound}
    return Evidence(drawn, scored, trained_on, bound, features, LEVELS, "60 samples", **told)


@pytest.fixture(scope="module")
def usual() -> Evidence:
    return evidence(pictures(NUM, 0))


@pytest.mark.parametrize("name", METRICS)
def test_figures_have_names_of_their_own_and_are_finite(name: str, usual: Evidence) -> None:
    figures = made(name).measure(usual)
    assert figures
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert math.isfinite(figure.value)
        assert figure.note
        assert f"{figure.value:{figure.form}}" in figure.in_words()
        json.dumps(figure.to_plain(), allow_nan=math.isnan(figure.standard_error))


def test_no_two_metrics_have_a_figure_of_the_same_name(usual: Evidence) -> None:
    names = [figure.name for name in METRICS for figure in made(name).measure(usual)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_reads_nothing_but_what_it_needs(name: str, usual: Evidence) -> None:
    metric = made(name)
    needs = metric.needs
    given = Evidence(
        drawn=usual.drawn if Needs.SAMPLES in needs else None,
        scored=usual.scored if Needs.HELD_OUT in needs else None,
        trained_on=usual.trained_on if needs & (Needs.TRAINING | Needs.REAL) else None,
        parts=usual.parts if Needs.BOUND in needs else None,
        flow_scores=usual.flow_scores if Needs.FLOW in needs else None,
        level_scores=usual.level_scores if Needs.LEVELS in needs else None,
        endless=usual.endless if Needs.CONTINUOUS in needs else None,
        features=usual.features,
        levels=LEVELS,
    )
    found = {figure.name: figure.value for figure in metric.measure(given)}
    assert found == {figure.name: figure.value for figure in metric.measure(usual)}
    with pytest.raises(SettingsError, match=r"wanted by this metric, got none"):
        metric.measure(Evidence(features=usual.features, levels=LEVELS))


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_samples_and_data_does_not_matter(name: str, usual: Evidence) -> None:
    turn = torch.randperm(NUM, generator=torch.Generator().manual_seed(3))
    other = torch.randperm(140, generator=torch.Generator().manual_seed(4))
    samples, data = pictures(NUM, 0), pictures(140, 2)
    turned = evidence(Labelled(samples.x[turn], samples.y[turn]), Labelled(data.x[other], data.y[other]))
    before, after = (made(name).measure(given) for given in (usual, turned))
    for one, two in zip(before, after, strict=True):
        assert one.value == pytest.approx(two.value, rel=1e-6, abs=1e-9)


def test_the_bound_and_its_parts_have_their_means_and_standard_errors() -> None:
    total, rest = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0])
    given = Evidence(parts=BoundParts(total, rest, rest, total, None, "2 samples"))
    found = {figure.name: figure for figure in made("bound").measure(given)}
    assert (found["total"].value, found["total"].standard_error) == (2.0, 1.0)
    assert found["total"].in_words() == "2.0000 ± 1.0000 bits/dim  2 samples"
    assert "histogram" not in found


def test_a_figure_without_an_error_is_written_without_one() -> None:
    assert Figure("a", 0.25, form=".1%", note="of all").in_words() == "25.0%  of all"
