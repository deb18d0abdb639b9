"""A run folder has one trainer."""

import os
import signal
import time

import pytest

from idm.core.errors import CheckpointError
from idm.training.lock import locked


def in_a_fork(action):
    number = os.fork()
    if number == 0:
        try:
            action()
        finally:
            os._exit(0)
    return number


def test_another_process_is_refused_by_name(tmp_path):
    with locked(tmp_path / "run"):
        reader, writer = os.pipe()

        def second():
            try:
                with locked(tmp_path / "run"):
                    os.write(writer, b"held")
            except CheckpointError as error:
                os.write(writer, str(error).encode())

        os.waitpid(in_a_fork(second), 0)
        told = os.read(reader, 1_000).decode()
    assert f"process {os.getpid()} on" in told
    assert len(told.splitlines()) == 1


def test_a_lock_ends_with_its_block(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            pass


def test_a_copy_of_the_process_does_not_hold_on(tmp_path):
    with locked(tmp_path):
        number = in_a_fork(lambda: ((tmp_path / "there").touch(), time.sleep(60)))
        while not (tmp_path / "there").exists():
            time.sleep(0.01)
    try:
        with locked(tmp_path):
            pass
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)


def test_a_lock_ends_with_its_process(tmp_path):
    def hold():
        with locked(tmp_path):
            (tmp_path / "held").touch()
            time.sleep(60)

    number = in_a_fork(hold)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    with pytest.raises(CheckpointError), locked(tmp_path):
        pass
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    with locked(tmp_path):
        pass
