"""A run folder has one trainer."""

import os
import signal
import threading
import time

import pytest

from idm.core.errors import CheckpointError
from idm.storage.lock import locked


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


def test_a_second_thread_is_refused_and_nothing_is_left_at_the_end(tmp_path):
    refused = []

    def second():
        try:
            with locked(tmp_path / "run"):
                pass
        except CheckpointError as error:
            refused.append(str(error))

    with locked(tmp_path / "run"):
        other = threading.Thread(target=second)
        other.start()
        other.join()
        assert len(refused) == 1
    assert list((tmp_path / "run").iterdir()) == []


def test_work_under_another_name_goes_on_beside(tmp_path):
    with locked(tmp_path), locked(tmp_path, ".other"):
        pass


def test_what_a_dead_process_left_is_no_lock(tmp_path):
    (tmp_path / ".lock").write_text("process 1 on a machine")
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_elses_in_place_of_the_lock_keeps_what_it_holds(tmp_path):
    (tmp_path / ".lock").write_text("precious")
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == "precious"
        with pytest.raises(CheckpointError, match="but another process does"), locked(tmp_path):
            pass
    assert (tmp_path / ".lock").read_text() == "precious"


def test_a_link_in_place_of_the_lock_is_refused_and_not_followed(tmp_path):
    (tmp_path / "precious").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to("../precious")
    with pytest.raises(CheckpointError, match=r"\.lock: a file wanted, got a link"), locked(tmp_path / "run"):
        pass
    assert (tmp_path / "precious").read_text() == ""


def test_the_lock_of_a_copy_by_hard_links_is_not_altered(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / ".lock").write_text("process 1 on a machine")
    os.link(tmp_path / "a" / ".lock", tmp_path / "b" / ".lock")
    with locked(tmp_path / "b"):
        assert (tmp_path / "a" / ".lock").read_text() == "process 1 on a machine"
    assert list((tmp_path / "b").iterdir()) == []
