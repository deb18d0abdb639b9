"""Samples are drawn a batch at a time for metrics, of which what is seen is kept, and not they."""

import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from idm.core.errors import NumericalError
from idm.core.progress import SILENT
from idm.core.ranks import Ranks
from idm.metrics import Comparison, Evidence, Figure, Frechet, Labelled, measure_all
from idm.run import Run, draw, load, open_run_data
from idm.run.compared import MOST_REAL_SAMPLES, thinned
from idm.run.figures import Metrics, choose_metrics
from idm.run.views import Views
from idm.tasks import ScoreRequest, evaluate_into, evaluate_samples, train

from ..training.together import run_together

MINE = """
from idm.metrics import Figure
def brightness(evidence):
    return Figure("brightness", float(evidence.samples.x.mean()), note=str(len(evidence.samples.x)))
"""
NUM = 40
NAMES = ("kid", "spectrum", "values", "memorisation", "classifier")


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> Run:
    return load(tiny_run, device="cpu")


def by_name(found: dict[str, list[Figure]]) -> dict[str, float]:
    return {figure.name: figure.value for figures in found.values() for figure in figures}


def whole(run: Run, metrics: Metrics, x: Tensor) -> dict[str, list[Figure]]:
    """Measure on samples and on data that are held whole."""
    data, codec = open_run_data(run), run.spec.codec
    (held_out, of_held), (training, of_training) = (
        part.batch(np.arange(len(part))) for part in (data.held_out, data.train)
    )
    given = Evidence(
        Labelled(codec.rounded(x), torch.arange(len(x)) % 10),
        Labelled(held_out, of_held),
        Labelled(training, of_training),
        features=metrics.features,
        levels=codec.levels,
        compared=Labelled(data.train.batch(metrics.compared.numbers)[0]),
    )
    return measure_all(metrics.members, given)


def test_figures_are_those_of_samples_that_are_held_whole(run: Run) -> None:
    sampler = run.sampler(steps=2)
    x = draw(run, NUM, seed=3, sampler=sampler)
    chosen = choose_metrics(run, open_run_data(run), NAMES, samples=NUM, sampler=sampler)
    found = run.evaluate(samples=NUM, seed=3, sampler=sampler, metrics=NAMES)
    assert by_name(found.figures) == pytest.approx(by_name(whole(run, chosen, x)), rel=1e-6)


def test_no_more_than_a_batch_of_samples_is_held(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[weakref.ref[Tensor]] = []
    most = [0]
    see = Views.see

    def noted(self: Views, x: Tensor, numbers: range) -> dict[str, Tensor]:
        seen.append(weakref.ref(x))
        most[0] = max(most[0], sum(one() is not None for one in seen))
        return see(self, x, numbers)

    monkeypatch.setattr(Views, "see", noted)
    asked = {"samples": NUM, "metrics": ["kid", "values"]}
    request = ScoreRequest(**asked, sampler={"steps": 2}, batch_size=8)
    in_parts = evaluate_into(run.folder, request, tmp_path / "out", device="cpu")
    at_once = run.evaluate(**asked, sampler=run.sampler(steps=2))
    assert in_parts is not None
    assert (len(seen), most[0]) == (NUM // 8 + 1, 1)
    assert by_name(in_parts.evaluation.figures) == by_name(at_once.figures)


def test_a_metric_of_ones_own_sees_all_samples(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_views.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    sampler = run.sampler(steps=2)
    found = run.evaluate(samples=NUM, sampler=sampler, metrics=["kid", "my_views:brightness"])["brightness"]
    assert found.note == str(NUM)
    assert found.value == pytest.approx(float(run.spec.codec.rounded(draw(run, NUM, sampler=sampler)).mean()), rel=1e-5)
    sys.modules.pop("my_views")


REAL = """
from idm.metrics import Figure
def real(evidence):
    return Figure("real", float(evidence.real.x.double().mean()), note=str(len(evidence.real.x)))
"""


def test_a_metric_of_ones_own_sees_the_same_real_data_beside_any_others(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_real.py").write_text(REAL)
    monkeypatch.syspath_prepend(tmp_path)
    how = {"samples": NUM, "sampler": run.sampler(steps=2), "features": "pca:4"}
    chosen = choose_metrics(run, open_run_data(run), ["kid"], **how)
    expected = open_run_data(run).train.batch(chosen.compared.numbers)[0].double()
    for others in ([], ["kid"], ["kid", "memorisation"]):
        found = run.evaluate(metrics=["my_real:real", *others], **how)["real"]
        assert found.note == str(len(expected))
        assert found.value == pytest.approx(float(expected.mean()), rel=1e-9)
    sys.modules.pop("my_real")


def test_moments_are_those_of_all_samples_where_only_some_are_compared(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Comparison, "most_seen", 64)
    monkeypatch.setattr(Frechet, "drawings", 9)
    sampler = run.sampler(steps=2)
    found = run.evaluate(samples=100, sampler=sampler, metrics=["frechet"], features="pca:4")
    features, train = found.features, open_run_data(run).train
    ours = features(run.spec.codec.rounded(draw(run, 100, sampler=sampler))).numpy()
    assert "100 samples and the moments of" in found["frechet_moments"].note
    chosen = choose_metrics(run, open_run_data(run), ["frechet"], samples=100, features="pca:4", sampler=sampler)
    numbers = np.union1d(chosen.compared.numbers, thinned(chosen.compared.left, 100))
    real = features(train.batch(numbers)[0]).numpy()
    a, b, apart = np.cov(ours.T), np.cov(real.T), ours.mean(0) - real.mean(0)
    expected = apart @ apart + np.trace(a + b - 2.0 * np.real(scipy.linalg.sqrtm(a @ b)))
    assert found["frechet_moments"].value == pytest.approx(expected, rel=1e-4)
    assert "64 samples" in found["frechet"].note


def test_processes_share_samples_and_real_data(run: Run, tmp_path: Path) -> None:
    request = ScoreRequest(samples=NUM, metrics=["kid", "values"], sampler={"steps": 2})

    def work(ranks: Ranks) -> dict[str, float] | None:
        found = evaluate_into(run.folder, request, tmp_path / "out", device="cpu", listener=SILENT)
        return None if found is None else by_name(found.evaluation.figures)

    alone = by_name(run.evaluate(samples=NUM, metrics=["kid", "values"], sampler=run.sampler(steps=2)).figures)
    assert run_together(2, tmp_path / "ranks", work) == [alone, None]


def test_samples_of_every_class_in_turn_are_thinned_to_all_classes() -> None:
    chosen = thinned(np.arange(2 * MOST_REAL_SAMPLES), MOST_REAL_SAMPLES)
    assert (len(chosen), len(np.unique(chosen))) == (MOST_REAL_SAMPLES, MOST_REAL_SAMPLES)
    assert (chosen // 2 == np.arange(MOST_REAL_SAMPLES)).all()  # evenly
    assert abs((chosen % 2).mean() - 0.5) < 0.02  # 4 deviations
    assert (thinned(np.arange(70), 1_000) == np.arange(70)).all()


class Inception(torch.nn.Module):
    """What the network of FID looks like from outside: colours from 0 to 255, and features where they are asked for."""

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
        assert x.shape[1] == 3
        assert bool((x == x.round()).all())
        assert float(x.max()) > 100.0
        return torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3))], dim=1) if return_features else x.flatten(1)


def test_the_network_of_fid_sees_samples_of_a_run_as_it_sees_them_in_a_file(experiment, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3)).astype(np.uint8)
    np.savez(tmp_path / "real.npz", images=pictures)
    torch.jit.script(Inception()).save(tmp_path / "inception.pt")
    data = {"source": {"name": "arrays", "path": str(tmp_path / "real.npz")}, "range": "type", "held_out": 0}
    settings = experiment(data=data, training__num_steps=2, training__save_interval=2, training__bound_interval=0)
    run, how = (
        train(settings, tmp_path / "run", device="cpu", listener=SILENT),
        {"features": str(tmp_path / "inception.pt")},
    )
    sampler = run.sampler(steps=2)
    beside_run = run.evaluate(samples=24, sampler=sampler, metrics=["kid", "frechet"], **how)
    np.savez(tmp_path / "samples.npz", arr_0=run.sample(24, sampler=sampler))
    in_files = evaluate_samples(tmp_path / "samples.npz", tmp_path / "real.npz", metrics=["kid", "frechet"], **how)
    assert beside_run.features.name == "inception.pt"
    assert by_name(beside_run.figures) == pytest.approx(by_name(in_files.figures), rel=1e-6)
    assert [beside_run[name].null for name in ("kid", "frechet")] == [
        in_files[name].null for name in ("kid", "frechet")
    ]


@pytest.mark.parametrize("batch_size", [12, 4], ids=["one part", "several"])
def test_features_of_a_sample_that_are_not_finite_are_refused_with_its_number(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    see = Views.see

    def damaged(self: Views, x: Tensor, numbers: range) -> dict[str, Tensor]:
        look = self.looks["features"]

        def nan_of_six(of: Labelled) -> Tensor:
            rows = look(of)
            return torch.where((torch.tensor([*numbers]) == 6)[:, None], torch.nan, rows)

        return see(replace(self, looks={"features": nan_of_six}), x, numbers)

    monkeypatch.setattr(Views, "see", damaged)
    request = ScoreRequest(samples=12, metrics=["kid"], sampler={"steps": 2}, batch_size=batch_size)
    with pytest.raises(
        NumericalError, match=r"^features: finite numbers of .* infinity from pca.* of sample 6 and of 0 others of"
    ):
        evaluate_into(run.folder, request, tmp_path / "out", device="cpu")
