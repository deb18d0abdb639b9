"""The stream of batches of an order, read ahead by a thread or by processes; a dead or hung process is replaced."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing.util import Finalize
from typing import Protocol, runtime_checkable

import torch

from idm.core.errors import ProcessError
from idm.core.progress import warn
from idm.data.base import Indices
from idm.data.reading.reader import Batch, NoBatchError, ThreadReader
from idm.data.reading.worker import ProcessReader, Worker

TIMEOUT_SECONDS = 25.0
"""Seconds that the reading of a batch may take unless told otherwise: what hangs is known within half a minute."""


@runtime_checkable
class Batched(Protocol):
    """What batches are read from; see ``Dataset``."""

    def batch(self, indices: Indices) -> Batch:
        """Return the samples of those numbers and their labels."""
        ...

    def describe(self, indices: Indices) -> str:
        """Name the samples of those numbers for people."""
        ...


class Batches(Iterator[Batch]):
    """The batches of an order, the same for any number of processes.

    Batch k is read by process k modulo their number. A process that dies, or does not answer in time, is killed with
    all the others, and all are started anew at the same batch, which is then read sample by sample; the second time
    the error names the sample. A thread that does not answer cannot be ended, so there is no second time.
    """

    def __init__(
        self,
        dataset: Batched,
        order: Iterable[Indices],
        *,
        ahead: int = 2,
        workers: int = 0,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Begin to read when the first batch is asked for.

        Args:
            dataset: what is read.
            order: numbers of the samples of each batch; it may be endless.
            ahead: how many batches each reader has ready, at least 1; 0: each is read when it is wanted.
            workers: number of processes; 0: a thread reads.
            timeout: seconds that a batch may be waited for.
        """
        self._dataset, self._order, self._ahead = dataset, iter(order), ahead
        self._workers, self._timeout, self._waited = workers, timeout, 0.0
        self._asked: deque[Indices] = deque()
        self._number = 0
        self._readers: list[ThreadReader] = []
        Finalize(self, _close, args=(self._readers,), exitpriority=1)  # before processes are waited for

    def __next__(self) -> Batch:
        """Return the next batch.

        Raises:
            ProcessError: it cannot be read; the message says which samples, and why.
            DataError: a file that was damaged or changed meanwhile.
        """
        start = time.monotonic()
        # After any error, a stop included, nobody asks again: threads and processes end with it.
        try:
            return self._next() if self._ahead else self._dataset.batch(next(self._order))
        except BaseException:
            self.close()
            raise
        finally:
            self._waited += time.monotonic() - start

    def seconds_waited(self) -> float:
        """Return for how many seconds batches were not there when they were wanted, since the last call."""
        waited, self._waited = self._waited, 0.0
        return waited

    def close(self) -> None:
        """End all threads and processes; no more batches come."""
        # Whoever asks all the same is told that there are no more, and starts nothing.
        self._order = iter(())
        self._asked.clear()
        _close(self._readers)

    def _next(self) -> Batch:
        if not self._readers:
            self._open()
        # The batch at hand, and so many more for each reader that none of them is idle while it is trained on.
        wanted = 1 + self._ahead * len(self._readers) - len(self._asked)
        for indices in islice(self._order, wanted):
            self._reader(len(self._asked)).ask(indices)
            self._asked.append(indices)
        if not self._asked:
            raise StopIteration
        # Always from the reader whose turn it is: the order is the same however fast each of them reads.
        try:
            batch = self._reader(0).result(self._timeout)
        except NoBatchError as error:
            batch = self._once_more(str(error))
        self._asked.popleft()  # not before it is there: until then it may have to be read once more
        self._number += 1
        return batch

    def _reader(self, place: int) -> ThreadReader:
        """Return the reader of the batch at that place among those that were asked for."""
        return self._readers[(self._number + place) % len(self._readers)]

    def _open(self) -> None:
        for _ in range(self._workers):
            self._readers.append(ProcessReader(Worker(self._dataset.batch)))
        if not self._workers:
            self._readers.append(ThreadReader(self._dataset.batch))

    def _once_more(self, reason: str) -> Batch:
        """Start all processes anew, and read the batch at hand sample by sample."""
        indices = self._asked[0]
        # A thread cannot be killed, so a second one would wait beside the first for the same disk.
        if not self._workers:
            raise self._failure(indices, reason)
        warn(f"data: reading {self._dataset.describe(indices)} {reason}; trying again with new processes")
        # All of them: what kept one from answering, such as memory that is short, may have reached the others.
        _close(self._readers)
        self._open()
        # One by one, so that a second failure names the sample; then what was asked for after it, in the same order.
        singles = [indices[place : place + 1] for place in range(len(indices))]
        for single in singles:
            self._reader(0).ask(single)
        for place, later in enumerate(self._asked):
            if place:
                self._reader(place).ask(later)
        parts = [self._single(single) for single in singles]
        labels = [part for _, part in parts if part is not None]
        return torch.cat([x for x, _ in parts]), torch.cat(labels) if labels else None

    def _single(self, indices: Indices) -> Batch:
        try:
            return self._reader(0).result(self._timeout)
        except NoBatchError as error:
            raise self._failure(indices, f"{error}, as before") from error

    def _failure(self, indices: Indices, reason: str) -> ProcessError:
        return ProcessError(
            f"data: reading {self._dataset.describe(indices)} {reason}; check the disk and free memory, "
            "or give it longer with data.timeout"
        )


def _close(readers: list[ThreadReader]) -> None:
    while readers:
        readers.pop().close()
