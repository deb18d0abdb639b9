"""The loop: what it does at which step, and when it stops."""

import json
import os
import signal
import time

import pytest
import torch

from idm.core.errors import InterruptedRunError, NumericalError, ProcessError
from idm.core.progress import SILENT
from idm.storage import latest_checkpoint
from idm.storage.manifest import Score, score_of
from idm.training import Trainer
from idm.training import pace as pace_module
from idm.training.spread import Alone

from .conftest import Small

pytestmark = pytest.mark.usefixtures("default_signals")


@pytest.fixture
def make_trainer(make_step, network, tmp_path):
    def make(run=tmp_path / "run", preview=None, **settings):
        step = make_step(**settings)
        return Trainer(Alone(network), step, run, describe=lambda averaged: {}, preview=preview, listener=SILENT)

    return make


def test_everything_happens_at_its_step(make_trainer, tmp_path):
    shown = []
    trainer = make_trainer(
        num_steps=7,
        log_interval=2,
        save_interval=3,
        sample_interval=5,
        preview=lambda step, network: shown.append(step),
    )
    assert trainer.run().step == 7
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6, 7]
    assert [row["images"] for row in rows] == [16, 32, 48, 56]
    assert shown == [5, 7]
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-00000006",
        "step-00000007",
    ]
    assert {"loss", "mse", "grad_norm", "learning_rate", "images_per_second", "seconds"} <= rows[0].keys()


def test_the_recorded_learning_rate_is_the_one_that_was_used(make_trainer, tmp_path):
    make_trainer(num_steps=4, log_interval=1, warmup_steps=2, learning_rate=0.4, decay="linear").run()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["learning_rate"] for row in rows] == pytest.approx([0.2, 0.4, 0.4, 0.2])


def test_a_grid_that_a_stop_came_before_is_drawn_by_the_next_start(make_trainer, tmp_path):
    shown = []
    trainer = make_trainer(num_steps=6, sample_interval=1, preview=lambda step, network: shown.append(step))
    trainer.deadline.passed = lambda: trainer.num_steps_done == 3  # after the update, before the grid
    with pytest.raises(InterruptedRunError):
        trainer.run()
    assert latest_checkpoint(tmp_path / "run").step == 3
    assert shown == [1, 2]
    make_trainer(num_steps=6, sample_interval=1, preview=lambda step, network: shown.append(step)).run()
    assert shown == [1, 2, 3, 4, 5, 6]


def test_a_bound_that_is_not_finite_harms_nothing(make_step, network, tmp_path):
    step = make_step(num_steps=4, bound_interval=2, save_interval=2, keep_best=1)
    bounds = iter([float("nan"), 3.0])
    trainer = Trainer(
        Alone(network), step, tmp_path / "run", describe=lambda averaged: {},
        measure=lambda averaged: {"bpd": next(bounds)},
    )  # fmt: skip
    assert trainer.run().step == 4
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["bpd"] for row in rows] == [None, 3.0]
    scores = [score_of(path) for path in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    assert scores == [None, Score("bpd", 3.0)]


def test_memory_that_is_short_for_a_grid_or_a_bound_stops_nothing(make_step, network, tmp_path, capsys):
    def short(*_):
        raise ProcessError("out of memory with a single image")

    step = make_step(num_steps=4, bound_interval=2, sample_interval=2)
    trainer = Trainer(
        Alone(network), step, tmp_path / "run", describe=lambda averaged: {},
        preview=short, measure=short,
    )  # fmt: skip
    assert trainer.run().step == 4
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 4
    assert sum("no samples are drawn (out of memory" in line for line in told) == 2
    assert sum("held-out data are not measured (out of memory" in line for line in told) == 2


def test_a_finished_run_is_left_alone(make_trainer, tmp_path):
    make_trainer(num_steps=3).run()
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert make_trainer(num_steps=3).run().step == 3
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_the_averaged_network_is_a_copy_at_rest(make_trainer, network):
    trainer = make_trainer(num_steps=3, ema_rates=(0.5,))
    trainer.run()
    averaged = trainer.averaged_network()
    assert not averaged.training
    assert torch.equal(averaged.map.weight, trainer.state.averages.state(0)["map.weight"])
    assert all(not parameter.requires_grad for parameter in averaged.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_loss_that_is_not_finite_stops_the_run(make_trainer, network):
    with torch.no_grad():
        network.map.weight[0, 0] = float("nan")
    with pytest.raises(NumericalError, match="not finite 3 times from step 1 to 3, before any checkpoint") as error:
        make_trainer(num_steps=9, log_interval=1).run()
    assert error.value.exit_code == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [1, 2, 4])
def test_a_signal_loses_no_step(make_trainer, tmp_path, number, moment):
    def send(step, network):
        if step == moment:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(InterruptedRunError) as error:
        make_trainer(num_steps=6, sample_interval=1, save_interval=4, preview=send).run()
    assert error.value.exit_code == 75
    assert f"stopped at step {moment} of 6" in str(error.value)
    assert latest_checkpoint(tmp_path / "run").step == moment
    assert signal.getsignal(number) is before


def test_a_signal_at_the_last_step_finishes(make_trainer):
    def send(step, network):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    assert make_trainer(num_steps=6, sample_interval=1, preview=send).run().step == 6


def ask():
    """Ask this process to stop."""
    os.kill(os.getpid(), signal.SIGTERM)


def rows(run):
    """All metrics, without what a clock says."""
    clock = ("seconds", "waited", "images_per_second")
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [{name: value for name, value in json.loads(line).items() if name not in clock} for line in lines]


@pytest.mark.parametrize("moment", [2, 4])
def test_a_measurement_that_a_stop_came_into_is_made_by_the_next_start(make_step, tmp_path, moment):
    def go(run, stop=None, **more):
        torch.manual_seed(0)
        network = Small()
        step = make_step(net=network, num_steps=4, bound_interval=2, log_interval=3, save_interval=3, keep_best=1)
        measured = []

        def measure(averaged):
            measured.append(trainer.num_steps_done)
            if trainer.num_steps_done == stop:
                ask()
                pytest.fail("measured in spite of a stop")
            return {"bpd": float(averaged.map.weight.sum())}

        trainer = Trainer(
            Alone(network), step, tmp_path / run, describe=lambda averaged: {}, measure=measure,
            **more,
        )  # fmt: skip
        return trainer.run(), measured

    go("whole")
    with pytest.raises(InterruptedRunError, match=f"stopped at step {moment} of 4, saved"):
        go("stopped", moment)
    assert latest_checkpoint(tmp_path / "stopped").step == moment
    assert [row["step"] for row in rows(tmp_path / "stopped")] == [step for step in (2, 3) if step < moment]
    _, measured = go("stopped")
    assert measured == [step for step in (2, 4) if step >= moment]
    assert rows(tmp_path / "stopped") == rows(tmp_path / "whole")
    lines = [json.loads(line) for line in (tmp_path / "stopped" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["images_per_second"] is None] == [moment]
    ends = [tmp_path / run / "checkpoints" / "step-00000004" for run in ("whole", "stopped")]
    assert score_of(ends[0]) == score_of(ends[1])
    assert len({(end / "network.safetensors").read_bytes() for end in ends}) == 1


def test_samples_that_a_stop_came_into_are_drawn_by_the_next_start(make_trainer, tmp_path):
    def drawing(stop):
        def draw(step, network):
            if step == stop:
                ask()
                pytest.fail("drawn in spite of a stop")
            shown.append(step)

        return draw

    shown = []
    with pytest.raises(InterruptedRunError, match="stopped at step 2 of 3"):
        make_trainer(num_steps=3, sample_interval=1, preview=drawing(2)).run()
    assert latest_checkpoint(tmp_path / "run").step == 2
    assert make_trainer(num_steps=3, sample_interval=1, preview=drawing(3)).run().step == 3
    make_trainer(num_steps=3, sample_interval=1, preview=drawing(None)).run()
    assert shown == [1, 2, 3]


@pytest.mark.parametrize("moment", [0, 2])
def test_a_stop_while_data_are_waited_for_saves_what_is_there(make_trainer, tmp_path, moment):
    trainer = make_trainer(num_steps=4)
    real = trainer.train_step._batches_from

    def wait(batches):
        if trainer.num_steps_done == moment:
            ask()
            time.sleep(20)
        return next(batches)

    trainer.train_step._batches_from = lambda step: (wait(batches) for batches in [real(step)])
    start = time.monotonic()
    with pytest.raises(InterruptedRunError) as error:
        trainer.run()
    assert time.monotonic() - start < 10
    found = latest_checkpoint(tmp_path / "run")
    assert (None if found is None else found.step) == (moment or None)
    assert ("before the first step" in str(error.value)) == (moment == 0)


def test_the_clock_is_heard_while_samples_are_drawn(make_trainer, tmp_path):
    def draw(step, network):
        trainer.deadline.passed = lambda: True
        time.sleep(20)

    trainer = make_trainer(num_steps=3, sample_interval=1, preview=draw)
    start = time.monotonic()
    with pytest.raises(InterruptedRunError, match="stopped at step 1 of 3"):
        trainer.run()
    assert time.monotonic() - start < 10


def test_no_sample_is_drawn_without_an_interval(make_trainer):
    make_trainer(num_steps=2, sample_interval=0, preview=lambda *_: pytest.fail("drawn")).run()


def test_samples_that_take_long_are_drawn_less_often_which_is_told_once(make_trainer, monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(pace_module.time, "monotonic", lambda: clock[0])
    shown = []

    def draw(step, network):
        shown.append(step)
        clock[0] += 20.0

    trainer = make_trainer(num_steps=9, sample_interval=1, preview=draw)
    real = trainer.train_step.accumulate_gradients

    def step(*arguments):
        clock[0] += 200.0
        return real(*arguments)

    trainer.train_step.accumulate_gradients = step
    trainer.run()
    # After n steps, 200 n s of training allow 5 + 10 n s of drawing: 40 s from step 4 on, 60 s from 6 on, and so on.
    # The first is drawn to find out how long it takes, and the last in any case.
    assert shown == [1, 4, 6, 8, 9]
    (line,) = capsys.readouterr().err.splitlines()
    assert "drawing samples takes 20 s" in line
    assert "less often than every 1 steps, so that it takes at most 5% of the time" in line


def test_a_measurement_that_is_not_finite_is_told_and_training_goes_on(make_step, network, tmp_path, capsys):
    def measure(averaged):
        raise NumericalError("decoder variance: finite predictions wanted")

    step = make_step(num_steps=2, bound_interval=2)
    trainer = Trainer(
        Alone(network), step, tmp_path / "run", describe=lambda averaged: {}, measure=measure,
    )  # fmt: skip
    assert trainer.run().step == 2
    assert "held-out data are not measured (decoder variance: finite predictions wanted)" in capsys.readouterr().err


def test_samples_that_are_not_finite_are_told_and_training_goes_on(make_trainer, capsys):
    def draw(step, network):
        raise NumericalError("samples: finite numbers wanted")

    assert make_trainer(num_steps=2, sample_interval=2, preview=draw).run().step == 2
    assert "no samples are drawn (samples: finite numbers wanted); training goes on" in capsys.readouterr().err
