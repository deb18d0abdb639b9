"""Processes that read batches, one for each reading thread.

A process reads for one thread, over a pipe of its own: nothing is shared that a dead process could leave locked, and
a batch that has arrived needs its process no more. The queues of ``torch.utils.data.DataLoader`` keep neither promise.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import torch

from idm.core.errors import IdmError, ProcessError, SettingsError
from idm.core.signals import SIGNALS
from idm.data.base import Indices
from idm.data.reading.reader import JOIN_SECONDS, LOOK_SECONDS, Batch, NoBatchError, Read, ThreadReader

METHOD = "fork" if sys.platform == "linux" else "spawn"
"""How processes are made. A copy of this one has open files and memory maps of any source; others must rebuild it."""

START_SECONDS = {"fork": 0.0, "spawn": 60.0}
"""How much longer the first batch may take, since the process imports the package before."""


class ProcessReader(ThreadReader):
    """A thread that has a process read for it."""

    def __init__(self, worker: "Worker") -> None:
        """Make the thread; the process runs already."""
        super().__init__(worker.read, start_seconds=START_SECONDS[METHOD])
        self._worker = worker

    def close(self) -> None:
        """Kill the process, whatever it does, and end the thread."""
        self._worker.kill()
        self._hung = False
        super().close()


class Worker:
    """A process that reads batches."""

    def __init__(self, read: Read) -> None:
        """Start the process.

        Raises:
            ProcessError: the system does not start any more.
            SettingsError: this source cannot be handed to a new process where processes are no copies.
        """
        context: Any = multiprocessing.get_context(METHOD)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(read, theirs, os.getpid()), name="idm-data", daemon=True)
        try:
            # A terminal or scheduler sends them to all of a job: training decides what becomes of them.
            with _held(SIGNALS):
                self._process.start()
        except OSError as error:
            raise ProcessError(
                f"data.workers: cannot start a process ({error.strerror}); set data.workers lower"
            ) from error
        except Exception as error:  # whatever the source's parts raise where they cannot be sent
            raise SettingsError(
                f"data.workers: 0 wanted for data that cannot be opened twice, got more ({error}); set data.workers=0"
            ) from error
        finally:
            theirs.close()  # held by the process alone, it closes when that ends, which ``read`` sees

    def read(self, indices: Indices) -> Batch:
        """Have the process read a batch, and wait for it.

        Raises:
            NoBatchError: the process is gone.
            Exception: whatever reading raised.
        """
        try:
            self._connection.send(indices)
            result = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(JOIN_SECONDS)  # it has an exit code only once it was waited for
            raise NoBatchError(f"ended its process ({_how_it_ended(self._process.exitcode)})") from error
        if isinstance(result, Exception):
            raise result
        x, labels = result
        return torch.from_numpy(x), None if labels is None else torch.from_numpy(labels)

    def kill(self) -> None:
        """End the process at once, even a stopped one, and wait for its end."""
        self._process.kill()
        self._process.join(JOIN_SECONDS)


def _work(read: Read, connection: Connection, parent: int) -> None:
    """Answer requests until killed, or until the parent is gone."""
    # Ignored first and let through then: they were held back since before this process began.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)  # the threads of the parent are not in its copy
    with suppress(EOFError, OSError):
        while True:
            connection.send(_answer(read, connection.recv()))
    os._exit(1)  # a copy must not run what the parent does at its end


def _answer(read: Read, indices: Indices) -> Any:
    try:
        x, labels = read(indices)
    except Exception as error:
        return _portable(error)
    return x.numpy(), None if labels is None else labels.numpy()


def _end_with(parent: int) -> None:
    # A parent that was killed closes its end of the pipe, but a read that hangs would not notice.
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return an error that another process can raise; one that is not the input's fault takes its traceback along."""
    if isinstance(error, IdmError):
        return error
    text = "".join(traceback.format_exception(error))
    return RuntimeError(f"{type(error).__name__} in a process that reads data: {error}\n{text}")


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    return f"{name}, perhaps for want of memory" if exit_code == -signal.SIGKILL else name


@contextmanager
def _held(signals: tuple[signal.Signals, ...]) -> Generator[None]:
    """Let signals come only afterwards, so that none meets a new process before it can ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
