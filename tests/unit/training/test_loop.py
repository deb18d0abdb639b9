"""The loop: what it does at which step, and when it stops."""

import ctypes
import json
import os
import signal
import threading
import time

import pytest
import torch

from idm.core.errors import InterruptedRunError, NumericalError, ProcessError
from idm.training import Trainer, latest_checkpoint
from idm.training.manifest import Score, score_of
from idm.training.signals import SAME_REQUEST, stop_on_signals


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
        network, step, step.settings, tmp_path / "run", describe=lambda averaged: {},
        measure=lambda averaged: {"bpd": next(bounds)}, show_progress=False,
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
        network, step, step.settings, tmp_path / "run", describe=lambda averaged: {},
        preview=short, measure=short, show_progress=False,
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


def test_a_signal_that_comes_twice_is_one_request_and_a_later_one_acts_at_once():
    with stop_on_signals() as stop:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert stop.received
        time.sleep(SAME_REQUEST)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_later_signal_ends_a_process_in_which_python_does_not_get_to_run():
    def send_another():
        time.sleep(SAME_REQUEST)
        os.kill(os.getpid(), signal.SIGTERM)

    number = os.fork()
    if number == 0:
        with stop_on_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Thread(target=send_another).start()
            library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
            library.pthread_mutex_lock(mutex)
            library.pthread_mutex_lock(mutex)  # for ever, and no signal ends it
    start = time.monotonic()
    _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGTERM
    assert SAME_REQUEST <= time.monotonic() - start < 10


def test_threads_get_no_signals_and_no_error():
    seen = []

    def work():
        with stop_on_signals() as stop:
            seen.append(stop.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
