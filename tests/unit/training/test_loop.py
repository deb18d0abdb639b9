"""The loop: what it does at which step, and when it stops."""

import json
import os
import signal
import threading

import pytest
import torch

from idm.core.errors import InterruptedRunError, NumericalError
from idm.training import Trainer, latest_checkpoint
from idm.training.signals import stop_on_signals


@pytest.fixture
def make_trainer(make_step, network, tmp_path):
    def make(run=tmp_path / "run", preview=None, **settings):
        step = make_step(**settings)
        return Trainer(
            network, step, step.settings, run, describe=lambda averaged: {}, preview=preview, show_progress=False
        )

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
    with pytest.raises(NumericalError, match="not finite from step 1 to 3, before any checkpoint") as error:
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


def test_the_second_signal_acts_at_once():
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.received
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_threads_get_no_signals_and_no_error():
    seen = []

    def work():
        with stop_on_signals() as stop:
            seen.append(stop.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
