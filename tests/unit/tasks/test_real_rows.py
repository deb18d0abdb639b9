"""What metrics see of real data: read once, within limits, and shared by processes."""

from collections import Counter
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
from idm.run import Run, compared
from idm.run.held_data import Held
from idm.run.real_rows import held_for
from idm.tasks import (
    ScoreRequest,
    SetsRequest,
    evaluate_into,
    evaluate_samples,
    evaluate_samples_into,
)

from ..training.together import run_together
from .conftest import by_name

NUM = 40


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


def test_continuous_data_are_read_once_more_for_the_ends_of_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, times = np.random.default_rng(0), Counter[tuple[int, int]]()
    for name, count in (("samples", 50), ("real", 120)):
        np.savez(tmp_path / f"{name}.npz", fields=rng.normal(size=(count, 1, 8, 8)).astype(np.float32))
    batch = Dataset.batch

    def counted(self: Dataset, indices: np.ndarray) -> object:
        times.update((len(self), int(number)) for number in indices)
        return batch(self, indices)

    monkeypatch.setattr(Dataset, "batch", counted)
    monkeypatch.setattr(Comparison, "drawings", 9)
    names = ["kid", "spectrum", "values"]
    evaluate_samples(tmp_path / "samples.npz", tmp_path / "real.npz", metrics=names, features="values")
    assert {times[120, number] for number in range(2, 120)} == {
        2
    }  # on the first two it is tried what features are like
    assert {times[50, number] for number in range(1, 50)} == {1}


def test_no_more_rows_are_kept_of_real_data_than_of_samples(run: Run, monkeypatch: pytest.MonkeyPatch, write) -> None:
    monkeypatch.setattr(compared, "MOST_ROW_BYTES", 4 * 16 * 80)  # of 80 samples, of the 16 ends of their bins
    sampler = run.sampler(steps=2)
    found = run.evaluate(samples=90, sampler=sampler, metrics=["values", "spectrum"], features="pca:2")
    assert found["values"].note.endswith("; 40 samples and 40 real")
    count = run.spec.num_train - run.spec.num_train // 2  # components are fitted to the others
    assert found["spectrum"].note.endswith(f"; {count // 2} samples and {count - count // 2} real")
    monkeypatch.setattr(compared, "MOST_ROW_BYTES", 4 * 70)  # a number each of 70 samples
    found = run.evaluate(samples=90, sampler=sampler, metrics=["own_rows:Mean"])
    assert found["mean"].note == "70 samples, 70 real"


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
    assert "wanted to return, got ValueError (torn); mend it" in str(ended.value)


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
