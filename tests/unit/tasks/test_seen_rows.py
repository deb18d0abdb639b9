"""What metrics see of samples and of real data: kept in parts, gone on from, read once, and shared by processes."""

import importlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import NumericalError, SettingsError
from idm.core.progress import SILENT
from idm.core.ranks import Ranks
from idm.data import Dataset
from idm.metrics import Classifier, Comparison, Figure, Frechet, Memorisation, Needs, OwnMetric, Recognised
from idm.metrics.features import RandomConvolutions
from idm.run import Run, compared, load, open_run_data
from idm.run.held_data import Held
from idm.run.real_rows import held_for
from idm.run.views import Views
from idm.tasks import (
    ScoreRequest,
    SetsRequest,
    evaluate_into,
    evaluate_samples,
    evaluate_samples_into,
    evaluate_sets_into,
)

from ..training.together import run_together

NUM = 40
OWN = """
import os
from idm.metrics import BySample, Comparison, Figure, Needs

class Mean(BySample):
    sees = "values"
    needs = Needs.SAMPLES | Needs.HELD_OUT

    def look(self, evidence):
        return lambda of: FACTOR * of.x.flatten(1).mean(1, keepdim=True)

    def beside(self, evidence):
        return evidence.held_out

    def judge(self, rows, real, evidence):
        return [Figure.mean_of("mean", rows[:, 0]), Figure.mean_of("mean_of_real", real[:, 0])]

class Torn(Comparison):
    sees = "torn"

    def look(self, evidence):
        def look(of):
            if os.environ.get("RANK") == "1":
                raise ValueError("torn")
            return of.x.flatten(1)
        return look

    def prepare(self, pool):
        return lambda first: []

    kinds = ()

def held(evidence):
    return Figure("held", float(evidence.samples.x.double().mean()), note=str(evidence.samples.x.data_ptr()))

def means(x):
    return FACTOR * x.flatten(1)[:, 20:23]
"""


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> Run:
    return load(tiny_run, device="cpu")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Write the module of a user's own, or write it anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def written(factor: float) -> None:
        (tmp_path / "own_rows.py").write_text(f"FACTOR = {factor}\n{OWN}")
        sys.modules.pop("own_rows", None)
        importlib.invalidate_caches()

    written(1.0)
    yield written
    sys.modules.pop("own_rows", None)


def by_name(found: dict[str, list[Figure]]) -> dict[str, float]:
    return {figure.name: figure.value for figures in found.values() for figure in figures}


class Stopped(Exception):
    """What interrupts an evaluation."""


@pytest.fixture
def begun(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write) -> Callable[[], tuple[dict, int]]:
    """Begin an evaluation of five batches, which ends after two; what is returned goes on, and counts what it draws."""
    seen: list[int] = []
    see, stop = Views.see, [True]

    def counted(self: Views, x: Tensor, numbers: range) -> dict[str, Tensor]:
        if stop[0] and numbers.start == 16:
            raise Stopped
        seen.append(numbers.start)
        return see(self, x, numbers)

    monkeypatch.setattr(Views, "see", counted)
    request = ScoreRequest(
        samples=NUM, metrics=["own_rows:Mean", "kid"], features="values", sampler={"steps": 2}, batch_size=8
    )

    def go_on() -> tuple[dict[str, float], int]:
        seen.clear()
        found = evaluate_into(run.folder, request, tmp_path / "out", device="cpu", listener=SILENT)
        assert found is not None
        return by_name(found.evaluation.figures), len(seen)

    with pytest.raises(Stopped):
        go_on()
    stop[0] = False
    return go_on


def test_rows_that_were_kept_are_gone_on_from_and_figures_are_those_of_an_uninterrupted_evaluation(
    run: Run, begun
) -> None:
    found, count = begun()
    assert count == 3
    assert (found, 5) == begun()  # whose parts were removed


def test_rows_of_code_that_was_edited_since_are_made_anew(begun, write) -> None:
    write(3.0)
    found, count = begun()
    assert count == 5
    write(1.0)
    assert found["mean"] == pytest.approx(3.0 * begun()[0]["mean"], rel=1e-6)


def test_rows_of_another_version_of_idm_are_made_anew(begun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idm.tasks.parts.__version__", "0.0.1")
    assert begun()[1] == 5


def test_rows_of_code_that_is_in_no_file_are_made_anew(begun, write) -> None:
    module = importlib.import_module("own_rows")
    del module.__file__
    assert begun()[1] == 5


def test_a_metric_whose_rows_are_called_as_those_of_another_has_its_own(run: Run, write) -> None:
    how = {"samples": NUM, "sampler": run.sampler(steps=2)}
    both = by_name(run.evaluate(metrics=["values", "own_rows:Mean"], **how).figures)
    alone = [by_name(run.evaluate(metrics=[name], **how).figures) for name in ("values", "own_rows:Mean")]
    assert both == alone[0] | alone[1]


def test_samples_that_are_kept_whole_are_held_once_for_all_data_sets(run: Run, tmp_path: Path, write) -> None:
    fields = run.spec.codec.decode(open_run_data(run).train.batch(np.arange(60))[0])
    sets = [str(tmp_path / f"{name}.npz") for name in "ab"]
    for number, path in enumerate(sets):
        np.savez(path, images=fields[number:], labels=np.arange(60 - number) % 10)
    request = ScoreRequest(samples=20, metrics=["own_rows:held", "kid"], sampler={"steps": 2}, batch_size=8)
    found = evaluate_sets_into(run.folder, request, sets, tmp_path / "out", device="cpu")
    assert found is not None
    first, other = (found.evaluations[path]["held"] for path in sets)
    assert (first.note, first.value) == (other.note, other.value)


def test_real_data_are_read_once_for_all_that_look_at_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    times, trained = Counter[tuple[int, int]](), []
    batch, make = Dataset.batch, Classifier.__init__

    def counted(self: Dataset, indices: np.ndarray) -> object:
        times.update((len(self), int(number)) for number in indices)
        return batch(self, indices)

    monkeypatch.setattr(Dataset, "batch", counted)
    monkeypatch.setattr(Classifier, "__init__", lambda *given: trained.append(1) or make(*given))
    names = ["kid", "spectrum", "values", "memorisation", "classifier"]
    run.evaluate(samples=20, sampler=run.sampler(steps=2), metrics=names, features="values")
    assert len(times) == run.spec.num_train + run.spec.num_held_out
    several = [number for number, count in times.items() if count > 1]
    assert len(several) <= 2  # on which it is tried what features look like
    assert len(trained) == 1


def test_no_more_rows_are_kept_of_real_data_than_of_samples(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "MOST_ROW_BYTES", 4 * 16 * 80)  # of 80 samples, of the 16 ends of their bins
    sampler = run.sampler(steps=2)
    found = run.evaluate(samples=90, sampler=sampler, metrics=["values", "spectrum"], features="pca:2")
    assert found["values"].note.endswith("; 40 samples and 40 real")
    count = run.spec.num_train - run.spec.num_train // 2  # components are fitted to the others
    assert found["spectrum"].note.endswith(f"; {count // 2} samples and {count - count // 2} real")


def test_a_process_that_does_not_measure_holds_what_its_looks_read_alone() -> None:
    members = {"own": OwnMetric("mine:held", lambda evidence: Figure("held", 0.0)), "kid": Frechet()}
    assert held_for(members, is_main=True) == Needs.SAMPLES | Needs.HELD_OUT | Needs.REAL
    assert held_for(members, is_main=False) == Needs.NOTHING
    for metric in (Memorisation(), Recognised()):
        assert held_for({"one": metric}, is_main=False) == Needs.TRAINING


def test_processes_share_moments_and_every_kind_of_rows_and_the_main_one_holds_real_data(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write
) -> None:
    monkeypatch.setattr(Comparison, "most_seen", 64)
    monkeypatch.setattr(Comparison, "drawings", 9)
    monkeypatch.setattr(Frechet, "drawings", 9)
    names = ["frechet", "spectrum", "memorisation", "own_rows:Mean", "own_rows:held"]
    asked = {"samples": 100, "metrics": names, "features": "pca:4"}
    alone = by_name(run.evaluate(sampler=run.sampler(steps=2), **asked).figures)
    assert "frechet_moments" in alone
    held: list[int] = []
    some = Held.some.__func__

    def noted(cls: type[Held], dataset: Dataset, numbers: np.ndarray, *by: object) -> Held:
        held.append(len(dataset))
        return some(cls, dataset, numbers, *by)

    monkeypatch.setattr(Held, "some", classmethod(noted))

    def work(ranks: Ranks) -> list[object]:
        request = ScoreRequest(sampler={"steps": 2}, batch_size=30, **asked)
        found = evaluate_into(run.folder, request, tmp_path / "out", device="cpu", listener=SILENT)
        return [None if found is None else by_name(found.evaluation.figures), held]

    (first, of_main), (other, of_other) = run_together(2, tmp_path / "ranks", work)
    assert first == pytest.approx(alone, rel=1e-5)
    assert other is None
    train, held_out = run.spec.num_train, run.spec.num_held_out
    assert sorted(of_main) == sorted([held_out, train, train])
    assert sorted(of_other) == sorted([held_out, train])  # a look of one's own may read held-out data, a distance all


@pytest.mark.parametrize("of", ["samples", "real data"])
def test_an_error_of_one_process_within_a_look_ends_all_of_them(run: Run, tmp_path: Path, of: str, write) -> None:
    def work(ranks: Ranks) -> None:
        from own_rows import Mean, Torn

        if of == "samples":
            Mean.look = Torn.look
        name = "own_rows:Mean" if of == "samples" else "own_rows:Torn"
        request = ScoreRequest(samples=NUM, metrics=[name], sampler={"steps": 2}, batch_size=8)
        evaluate_into(run.folder, request, tmp_path / "out", device="cpu", listener=SILENT)

    with pytest.raises(AssertionError) as ended:
        run_together(2, tmp_path / "ranks", work, seconds=20)
    assert "([1, 1]," in str(ended.value)
    assert "ProcessError: process 1 of 2: ended by an error (ValueError: torn)" in str(ended.value)


def test_features_of_real_data_that_are_not_finite_are_refused_with_their_number(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = RandomConvolutions.__call__

    def damaged(self: RandomConvolutions, x: Tensor) -> Tensor:
        rows = make(self, x)
        rows[5:, 1] = torch.nan
        return rows

    monkeypatch.setattr(RandomConvolutions, "__call__", damaged)
    with pytest.raises(NumericalError, match=r"^features: finite numbers of .* from random of sample \d+ and of \d+ o"):
        run.evaluate(samples=10, sampler=run.sampler(steps=2), metrics=["kid"], features="random")


def test_statistics_of_a_function_that_was_edited_since_are_refused(tmp_path: Path, write) -> None:
    digits = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "real.npz", images=digits)
    real, kept = str(tmp_path / "real.npz"), str(tmp_path / "kept.safetensors")
    how = {"features": "own_rows:means", "metrics": ["frechet"]}
    evaluate_samples_into(SetsRequest(real, save_reference=kept, features="own_rows:means"))
    assert evaluate_samples(real, kept, **how)["frechet"].value >= 0.0
    write(2.0)
    with pytest.raises(SettingsError, match=r"^features: those that .* is of wanted, own_rows:means .*, got own_rows"):
        evaluate_samples(real, kept, **how)
