"""What metrics see of samples: kept in parts, gone on from, and told from what others see."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from idm.core.errors import NumericalError
from idm.core.progress import SILENT
from idm.run import Run, open_run_data
from idm.run.views import Views
from idm.tasks import (
    ScoreRequest,
    evaluate_into,
    evaluate_sets_into,
)

from .conftest import by_name

NUM = 40


class Stopped(Exception):
    """What interrupts an evaluation."""


@pytest.fixture
def begun(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write) -> Callable[..., tuple[dict, int]]:
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

    def go_on(*metrics: str) -> tuple[dict[str, float], int]:
        seen.clear()
        asked = replace(request, metrics=list(metrics)) if metrics else request
        found = evaluate_into(run.folder, asked, tmp_path / "out", device="cpu", listener=SILENT)
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


def test_rows_of_another_subclass_are_not_gone_on_from(run: Run, begun, write, tmp_path: Path, monkeypatch) -> None:
    see = Views.see

    def stopped(self: Views, x: Tensor, numbers: range) -> dict[str, Tensor]:
        if numbers.start == 16:
            raise Stopped
        return see(self, x, numbers)

    begun()
    with monkeypatch.context() as patch:
        patch.setattr(Views, "see", stopped)
        with pytest.raises(Stopped):
            begun("own_rows:Other", "kid")
    found, count = begun("own_rows:Third", "kid")
    assert count == 5
    assert found["mean"] == pytest.approx(2.5 * begun("own_rows:Other", "kid")[0]["mean"], rel=1e-6)


def test_a_look_is_tried_on_a_real_sample_and_its_class(run: Run, write) -> None:
    found = run.evaluate(metrics=["own_rows:ByClass"], samples=NUM, sampler=run.sampler(steps=2))
    assert found["by_class"].value > 0.0


def test_a_look_that_sees_no_number_is_named_as_it_was_asked_for(run: Run, write) -> None:
    with pytest.raises(
        NumericalError, match=r"^metrics: finite numbers .* of the look of own_rows:Nothing, .*; mend it, or leave the"
    ):
        run.evaluate(metrics=["own_rows:Nothing"], samples=NUM, sampler=run.sampler(steps=2))
