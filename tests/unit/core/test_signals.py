"""Signals and the clock: what is a request, who hears of it when, and what a later signal does."""

import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from idm.core import signals
from idm.core.signals import SAME_REQUEST_SECONDS, SIGNALS, StopError, at_once, stop_on_signals, stop_requested

pytestmark = pytest.mark.usefixtures("default_signals")


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def send_and_go_on(number: int = signal.SIGTERM) -> None:
    send(number)
    time.sleep(10)
    pytest.fail("went on")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_request_leaves_work_of_which_nothing_is_lost_and_is_noted_elsewhere(number: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        with pytest.raises(StopError) as error, at_once():
            send_and_go_on(number)
        assert error.value.number == number
        assert stop.received
        assert stop_requested()
        send(number)  # the same request: nothing is left by it here
    assert signal.getsignal(number) is before
    assert not stop_requested()


def test_no_work_is_begun_after_a_request() -> None:
    with stop_on_signals():
        send()
        with pytest.raises(StopError), at_once():
            pytest.fail("begun")


def test_work_that_finishes_first_is_heard_of_when_it_is_over() -> None:
    done = []

    def save() -> None:
        with stop_on_signals("saving"):
            send()
            done.append("saved")
        pytest.fail("went on")

    with stop_on_signals(), pytest.raises(StopError), at_once():
        save()
    assert done == ["saved"]


def test_an_error_on_its_way_out_answers_a_request() -> None:
    def save() -> None:
        with stop_on_signals("saving"):
            send()
            raise ValueError("saved")

    with stop_on_signals(), pytest.raises(ValueError, match="saved"), at_once():
        save()


def test_a_request_that_was_swallowed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SECONDS_BETWEEN_ERRORS", 0.2)
    swallowed = []

    def careless() -> None:
        try:
            send()
        except BaseException as error:
            swallowed.append(error)
        time.sleep(10)

    with stop_on_signals(), pytest.raises(StopError), at_once():
        careless()
    assert len(swallowed) == 1


def test_the_clock_is_a_request_as_well() -> None:
    start = time.monotonic()
    with pytest.raises(StopError) as error, stop_on_signals(passed=lambda: time.monotonic() > start + 0.1), at_once():
        time.sleep(10)
    assert error.value.number == 0
    assert time.monotonic() - start < 5


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            send(signal.SIGHUP)
            assert not stop.received
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_waited_for_is_told_at_once_even_where_python_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.StringIO()  # looked at without emptying it: pytest's capture loses what is written between the two
    monkeypatch.setattr(sys, "stderr", told)
    with stop_on_signals("finishing the running step and saving"):
        send()
        end = time.monotonic() + 20
        while not told.getvalue().endswith("\n") and time.monotonic() < end:
            pass
    line = "stopping: finishing the running step and saving; another signal ends the process at once"
    assert told.getvalue().splitlines() == [line]


def test_a_signal_that_comes_twice_is_one_request_and_a_later_one_acts_at_once() -> None:
    with stop_on_signals() as stop:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            send(number)
        assert stop.received
        time.sleep(SAME_REQUEST_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_a_later_signal_ends_a_process_in_which_python_does_not_get_to_run() -> None:
    def send_another() -> None:
        time.sleep(SAME_REQUEST_SECONDS + 0.5)  # counted from when the first was read, which may take a moment
        send()

    number = os.fork()
    if number == 0:
        with stop_on_signals():
            send()
            threading.Thread(target=send_another).start()
            library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
            library.pthread_mutex_lock(mutex)
            library.pthread_mutex_lock(mutex)  # for ever, and no signal ends it
    start = time.monotonic()
    _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGTERM
    assert SAME_REQUEST_SECONDS <= time.monotonic() - start < 10


def test_threads_get_no_signals_and_no_error() -> None:
    seen = []

    def work() -> None:
        with stop_on_signals() as stop, at_once():
            seen.append(stop.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_hearing_signals_needs_no_torch() -> None:
    script = "import sys, idm.cli; print(sorted({'torch', 'numpy', 'typer'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
