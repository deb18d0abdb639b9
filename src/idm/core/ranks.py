"""The processes that work on one job: what ``torchrun`` starts, or one alone.

Every process ("rank") runs the same program on its share of the data. Two groups connect them: one for tensors, on
the device's own transport, and one on the host for flags and for results of the main process, so that the device never
waits for those.
"""

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from idm.core import launch
from idm.core.errors import IdmError, ProcessError, that_travels
from idm.core.text import one_line

T = TypeVar("T")

TENSORS_TIMEOUT = timedelta(minutes=10)
"""Longest time that a process waits for the tensors of the others."""

HOST_TIMEOUT = timedelta(hours=24)
"""Longest time while the main process saves, draws samples or measures, or for another's share of a long job."""

SECONDS_BETWEEN_LOOKS = 0.02

GLOO = ("connection", "broken pipe", "timed out", "timeout")
NCCL = ("remote process", "remote error", "was aborted", "timeout", "timed out", "system error")
"""What errors of the two transports say where another process is gone."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """The processes of a job; with ``size`` 1 nothing is communicated.

    Attributes:
        rank: number of this process, from 0; 0 is the main process, which writes and prints.
        size: number of processes.
        host: group of the processes on the host.
    """

    rank: int = 0
    size: int = 1
    host: Any = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return which of ``count`` things in a row are this process's: shares differ by one at the most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up a tensor over all processes, in place, and return it."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def on_main(self, action: Callable[[], T]) -> T:
        """Let the main process alone do something, and return on every process what came of it.

        Raises:
            IdmError: what the main process raised, on every process.
            ProcessError: it raised something else, on the other processes.
        """
        if self.size == 1:
            return action()
        # Result and error: an error has to travel, too, or the others would wait for the result for ever.
        outcome: list[Any] = [None, None]
        failure: Exception | None = None
        if self.is_main:
            try:
                outcome[0] = action()
            except Exception as error:
                failure = error
                # An error of some library may not survive the journey, so that only words of it are sent.
                outcome[1] = self._told(error)
        dist.broadcast_object_list(outcome, group=self.host)
        if outcome[1] is not None:
            raise failure or outcome[1]  # where it happened, with its traceback
        return outcome[0]

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, in their order, on every process."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value, group=self.host)
        return found

    def each(self, make: Callable[[], T]) -> T:
        """Let every process make something, each for itself, and return it once all have.

        Raises:
            IdmError: what another process raised, on every process.
            ProcessError: another process raised something else.
        """
        made, failure = list[T](), None
        try:
            made.append(make())
        except Exception as error:  # it has to travel, or the others would wait for ever
            failure = error
        self.agree(failure)
        return made[0]

    def agree(self, failure: Exception | None) -> None:
        """Raise on every process what one of them raised, its own on the one that did; nothing where none did.

        Raises:
            IdmError: as said.
            ProcessError: another process raised something else.
        """
        if self.size == 1 and failure is not None:
            raise failure
        told = None if failure is None else self._told(failure)
        errors = [error for error in self.gather(told) if error is not None]
        if errors:
            raise failure or errors[0]

    def wait(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier(group=self.host)

    def _told(self, error: Exception) -> IdmError:
        return that_travels(error) if isinstance(error, IdmError) else self._ended_by(error)

    def _ended_by(self, error: Exception) -> ProcessError:
        words = f"{type(error).__name__}: {one_line(error)}"[:200]
        return ProcessError(f"process {self.rank} of {self.size}: ended by an error ({words})")


@contextmanager
def joined_ranks(device: torch.device) -> Generator[Ranks]:
    """Join the processes that ``torchrun`` started, if it did, and leave them in order.

    A group that is there already is used and left alone. Whatever holds tensors of the group must be out of scope at
    the end: a group that outlives its tensors, or the program, can abort a process that has succeeded.

    Args:
        device: where this process computes.

    Raises:
        ProcessError: another process is gone.
        SettingsError: the environment tells of several processes, and not where they are.
    """
    rank, size = launch.rank(), launch.num_processes()
    if size == 1:
        yield Ranks()
        return
    # A caller that made a group of its own also ends it.
    ours = not dist.is_initialized()
    if ours:
        launch.require_address()
    try:
        if ours:
            _join(device)
        ranks = Ranks(rank, size, dist.new_group(backend="gloo", timeout=HOST_TIMEOUT))
        yield ranks
        if ours:
            # Garbage with tensors of the group goes first; then none leaves while another still sends.
            gc.collect()
            ranks.wait()
            dist.barrier()
    except BaseException as error:
        if ours and dist.is_initialized():
            _leave_in_haste(device)
        _raise_lost(error, rank, size)
        raise
    if ours:
        dist.destroy_process_group()


def _raise_lost(error: BaseException, rank: int, size: int) -> None:
    """Say where a connection is lost: of a process that died the others only see that it answers no more."""
    if isinstance(error, RuntimeError) and _is_lost_connection(error):
        raise ProcessError(
            f"process {rank} of {size}: the connection to another process is lost; that one says why, or was killed; "
            "make the same call to continue from the last checkpoint"
        ) from error


def _join(device: torch.device) -> None:
    """Form the group, under a name of this start's own: ``torchrun`` may keep the address book of one that failed."""
    book, rank, size = next(rendezvous("env://", timeout=TENSORS_TIMEOUT))
    # The main process chooses the name; the others learn it through the address book, which is all that they share yet.
    name = _give_name(book, size) if rank == 0 else _ask_for_name(book, rank)
    if device.type == "cuda":
        # Before the group, which would take the first GPU for every process.
        torch.cuda.set_device(device)
    dist.init_process_group(
        dist.get_default_backend_for_device(device),
        store=dist.PrefixStore(name, book),  # pyright: ignore[reportPrivateImportUsage]
        rank=rank,
        world_size=size,
        timeout=TENSORS_TIMEOUT,
        device_id=device if device.type == "cuda" else None,
    )


def _give_name(book: Any, size: int) -> str:
    """Name this start, and tell all others: each asks with a word of its own, which none of an earlier start knows.

    The number of restarts would not do: every machine's ``torchrun`` counts its own.
    """
    name, waiting = uuid4().hex, set(range(1, size))
    end = time.monotonic() + TENSORS_TIMEOUT.total_seconds()
    while waiting and time.monotonic() < end:
        # Over and over: a process that was started anew asks again, with another word.
        for rank in waiting:
            if book.check([f"asked-{rank}"]):
                book.set(f"answer-{book.get(f'asked-{rank}').decode()}", name)
        waiting = {rank for rank in waiting if not book.check([f"heard-{name}-{rank}"])}
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return name


def _ask_for_name(book: Any, rank: int) -> str:
    word = uuid4().hex
    book.set(f"asked-{rank}", word)
    name = book.get(f"answer-{word}").decode()
    book.set(f"heard-{name}-{rank}", "")
    return name


def _leave_in_haste(device: torch.device) -> None:
    """Leave the group after an error: on a GPU the others are not waited for, which may never come."""
    if device.type == "cuda":
        dist.distributed_c10d._abort_process_group()  # pyright: ignore[reportPrivateUsage]
    else:
        dist.destroy_process_group()


def _is_lost_connection(error: RuntimeError) -> bool:
    text = str(error).lower()
    if isinstance(error, dist.DistBackendError):
        return any(word in text for word in NCCL)
    in_gloo = "gloo" in text and not isinstance(error, IdmError) and any(word in text for word in GLOO)
    return in_gloo or isinstance(error, (dist.DistNetworkError, dist.DistStoreError))
