"""Killed, or refused by the disk, at any operation: the end is the same as if nothing had happened."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from idm.core.errors import CheckpointError
from idm.storage import latest_checkpoint
from idm.timesteps import LossSecondMoment
from idm.training import Trainer, verify_run
from idm.training.spread import Alone

spec = importlib.util.spec_from_file_location("operations", Path(__file__).with_name("operations.py"))
operations = importlib.util.module_from_spec(spec)
spec.loader.exec_module(operations)

SETTINGS = {"num_steps": 6, "save_interval": 2, "log_interval": 4, "snapshot_interval": 2, "ema_rates": (0.9, 0.5)}


@pytest.fixture
def train(make_step, network):
    """Train a new network of the same first weights in a folder."""
    first = {name: value.clone() for name, value in network.state_dict().items()}

    def run(folder):
        torch.set_num_threads(1)
        network.load_state_dict(first)
        step = make_step(timesteps=LossSecondMoment(10), **SETTINGS)
        describe = lambda averaged: {"data": {"mean": float(averaged.map.weight.mean())}}  # noqa: E731
        return Trainer(Alone(network), step, folder, describe=describe).run()

    return run


def everything(run):
    """All that must be the same: hashes of the last checkpoint, metrics without clock times, names of files."""
    checkpoint = latest_checkpoint(run)
    files = json.loads((checkpoint.path / "manifest.json").read_text())["files"]
    files["training.json"] = {k: v for k, v in checkpoint.document("training").items() if k not in CLOCK}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    metrics = [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]
    return checkpoint.step, files, metrics, sorted(path.name for path in run.rglob("*"))


CLOCK = ("seconds", "waited", "images_per_second", "metrics_length")


@pytest.fixture(scope="module")
def known():
    """What an uninterrupted run makes, once it is known."""
    return []


@pytest.fixture
def whole(train, tmp_path, known):
    """What an uninterrupted run makes, and how many operations it takes."""
    if not known:
        known.append(uninterrupted(train, tmp_path / "whole"))
    return known[0]


def uninterrupted(train, run):
    count = operations.Countdown()
    writes = operations.Countdown(names=operations.WRITES)

    def both(name):
        count(name)
        writes(name)

    with operations.watched(both):
        train(run)
    return everything(run), count.seen, writes.seen


def test_a_crash_at_any_operation_loses_nothing(train, whole, tmp_path, prove, record):
    expected, num_operations, _ = whole
    assert num_operations > 90
    for at in range(1, num_operations + 1, 1 if prove else 4):
        run = tmp_path / f"run-{at}"

        def crash(run=run, at=at):
            with operations.watched(operations.Countdown(operations.die, at)):
                train(run)

        assert operations.in_a_fork(crash) == 137
        assert train(run).step == 6
        assert everything(run) == expected, f"after a crash at operation {at}"
    record("killed at any file operation: the end is bit-identical", f"{num_operations} of {num_operations}")


def intact(run):
    """Steps of the intact checkpoints."""
    try:
        return {verdict.step for verdict in verify_run(run) if not verdict.problems}
    except CheckpointError:
        return set()


@pytest.mark.parametrize("for_ever", [False, True])
def test_a_full_disk_at_any_write_loses_nothing(train, whole, tmp_path, capsys, for_ever, prove, record):
    expected, _, num_writes = whole
    assert num_writes > 60
    num_errors = 0
    for at in range(1, num_writes + 1, 1 if prove else 4):
        run, before = tmp_path / f"run-{at}", set()

        def refuse(run=run, before=before):
            if not before:  # nothing is added once the disk is full
                before.update(intact(run))
            operations.full_disk()

        refusing = operations.Countdown(refuse, at, names=operations.WRITES, and_after=for_ever)
        error = None
        try:
            with operations.watched(refusing):
                train(run)
        except CheckpointError as caught:
            error = caught
        if error is not None:
            assert (error.exit_code, len(error.lines)) == (4, 1)
            assert str(run) in str(error)
            assert "No space left on device" in str(error)
            num_errors += 1
        left = intact(run)
        assert len(before - left) <= (not for_ever)  # pruned by a save that came through
        assert left or not before
        warnings = capsys.readouterr().err.splitlines()
        assert all(line.startswith("warning: ") for line in warnings)
        assert train(run).step == 6
        assert everything(run)[:3] == expected[:3], f"after a full disk at write {at}"
    assert num_errors > 5
    record(
        "full disk at a write (once, or from then on): nothing lost", len(range(1, num_writes + 1, 1 if prove else 4))
    )


def test_the_message_of_a_full_disk_says_how_much_is_needed(train, tmp_path):
    names = ("fsync",)
    refusing = operations.Countdown(operations.full_disk, 1, names=names, and_after=True)
    with operations.watched(refusing), pytest.raises(CheckpointError) as error:
        train(tmp_path / "run")
    assert "bytes needed" in str(error.value)
    assert "free" in str(error.value)
    assert "earlier checkpoints are untouched" in str(error.value)
