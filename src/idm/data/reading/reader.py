"""Reading batches beside training, in a thread."""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from jaxtyping import Float, Shaped
from torch import Tensor

from idm.core.signals import StopError
from idm.data.base import Indices

Batch = tuple[Float[Tensor, "b c *space"], Shaped[Tensor, "b *told"] | None]
"""Samples in the model's range, float32, and what the network is told of them: classes, int64 [b], numbers [b, k],
conditions [b, k, *space or smaller], or rows of both, see ``told_rows``; None: nothing."""

Read = Callable[[Indices], Batch]
"""Reads the samples of those numbers."""

LOOK_SECONDS = 0.5
"""A wait is made of looks of at most this length: a program that was suspended loses no more of it than one."""

JOIN_SECONDS = 5.0
"""How long a thread or process may take to end before it is left or killed."""


class NoBatchError(Exception):
    """Why a batch does not come, in a few words: the process is gone, or nothing came in time."""


class ThreadReader:
    """A thread that reads batches, one after another."""

    def __init__(self, read: Read, *, start_seconds: float = 0.0) -> None:
        """Make the thread: a daemon, so that a read that never returns does not keep the program from ending.

        Args:
            read: reads a batch.
            start_seconds: how much longer the first batch may take.
        """
        self._start_seconds = start_seconds
        self._requests: SimpleQueue[Indices | None] = SimpleQueue()
        self._results: SimpleQueue[Batch | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=_serve, args=(read, self._requests, self._results), daemon=True)
        self._hung = False

    def ask(self, indices: Indices) -> None:
        """Have the samples of those numbers read after all that was asked for before."""
        if self._thread.ident is None:
            self._thread.start()
        self._requests.put(indices)

    def result(self, timeout: float) -> Batch:
        """Return the first batch that was asked for and not yet returned.

        Raises:
            NoBatchError: it does not come, or not within ``timeout`` seconds.
            Exception: whatever reading raised.
        """
        # The clock is not asked: while the program is suspended it goes on, and the reading does not.
        left, self._start_seconds = timeout + self._start_seconds, 0.0
        while left > 0:
            piece = min(LOOK_SECONDS, left)
            left -= piece
            with suppress(Empty):
                try:
                    result = self._results.get(timeout=piece)
                except StopError:
                    self._hung = True  # nobody waits for it any more
                    raise
                if isinstance(result, BaseException):
                    raise result
                return result
        self._hung = True
        raise NoBatchError(f"took longer than {timeout:g} s")

    def close(self) -> None:
        """End the thread when the batch that it reads is there; no wait for one that nobody waits for any more."""
        # Requests that are still waiting are dropped, so that the end is the next thing that the thread sees.
        with suppress(Empty):
            while True:
                self._requests.get_nowait()
        self._requests.put(None)
        if self._thread.is_alive() and not self._hung and self._thread is not threading.current_thread():
            self._thread.join(JOIN_SECONDS)


def _serve(read: Read, requests: "SimpleQueue[Indices | None]", results: "SimpleQueue[Batch | BaseException]") -> None:
    while (indices := requests.get()) is not None:
        try:
            results.put(read(indices))
        except BaseException as error:  # raised where the batch is wanted
            results.put(error)
