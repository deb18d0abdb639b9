"""When memorisation is said to have begun, and what is made of it."""

import json

import pytest

from idm.core.errors import InterruptedRunError
from idm.storage.manifest import Score, score_of
from idm.training import Trainer
from idm.training.memorisation import Onset, has_begun
from idm.training.spread import Alone

pytestmark = pytest.mark.usefixtures("default_signals")

SHARES = {1: 0.0, 2: 0.02, 3: 0.3, 4: 0.1, 5: 0.4, 6: 0.5}
BOUNDS = {1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0, 5: 1.0, 6: 0.5}


@pytest.mark.parametrize(
    ("share", "error", "begun"),
    [(0.3, 0.05, True), (0.3, 0.11, False), (0.09, 0.001, False), (-0.3, 0.0, False), (float("nan"), 0.1, False)],
)
def test_it_has_begun_where_the_share_is_large_and_three_standard_errors_from_nothing(share, error, begun):
    assert has_begun({"memorised": share, "memorised_error": error}) is begun
    assert not has_begun({})


def test_the_first_step_is_remembered_whatever_comes_later(capsys):
    onset = Onset()
    for step, share in SHARES.items():
        told = onset.heed(step, {"memorised": share, "memorised_error": 0.01}, tells=True)
        assert told.get("memorising_since") == (3 if step >= 3 else None)
    assert onset.heed(7, {}, tells=True) == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert "memorisation began by step 3: errors on training samples are 30% ± 1% below" in line


@pytest.mark.parametrize("since", [-1, 8, 2.0, True, "3", [3]])
def test_what_is_no_step_of_before_is_refused(since):
    with pytest.raises(ValueError, match=r"a step of memorisation up to 7 wanted"):
        Onset().restore(since, 7)


@pytest.fixture
def make_trainer(make_step, network, tmp_path):
    def make(**settings):
        usual = {"num_steps": 6, "bound_interval": 1, "memorisation_interval": 1, "save_interval": 1, "keep_best": 1}
        step = make_step(**usual | settings)

        def measure(averaged):
            return {"bpd": BOUNDS[trainer.num_steps_done]}

        def clock(averaged):
            return {"memorised": SHARES[trainer.num_steps_done], "memorised_error": 0.02}

        run = tmp_path / "run"
        trainer = Trainer(Alone(network), step, run, describe=lambda averaged: {}, measure=measure, clock=clock)
        return trainer

    return make


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def steps_kept(folder):
    return [int(path.name[-8:]) for path in sorted((folder / "checkpoints").iterdir())]


def test_lines_tell_of_it_and_the_bound_alone_ranks_checkpoints(make_trainer, tmp_path):
    make_trainer().run()
    found = rows(tmp_path / "run")
    assert [row["memorised"] for row in found] == list(SHARES.values())
    assert [row.get("memorising_since") for row in found] == [None, None, 3, 3, 3, 3]
    scores = [score_of(path) for path in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    assert scores == [Score("bpd", 1.0), Score("bpd", 0.5)]


def test_the_best_checkpoint_can_be_one_from_before(make_trainer, tmp_path):
    make_trainer(best_before_memorisation=True).run()
    assert steps_kept(tmp_path / "run") == [2, 5, 6]  # the best before step 3, and the two newest
    assert score_of(tmp_path / "run" / "checkpoints" / "step-00000006") is None


def test_a_run_that_was_stopped_remembers_it(make_trainer, tmp_path):
    trainer = make_trainer()
    trainer.deadline.passed = lambda: trainer.num_steps_done == 4
    with pytest.raises(InterruptedRunError):
        trainer.run()
    make_trainer().run()
    assert [row.get("memorising_since") for row in rows(tmp_path / "run")] == [None, None, 3, 3, 3, 3]


def test_without_an_interval_nobody_looks(make_trainer, tmp_path):
    make_trainer(memorisation_interval=0).run()
    assert not any("memorised" in row for row in rows(tmp_path / "run"))
