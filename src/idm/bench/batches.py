"""How much batches that double give per second, as long as there is memory and patience for them."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from idm.bench.harness import Clock, Contestant, undisturbed
from idm.core.errors import ProcessError
from idm.training.memory import is_out_of_memory

LONGEST_SECONDS = 10.0
"""Longest time of a batch after which a larger one is tried."""


@dataclass(frozen=True)
class BatchSpeed:
    """What a batch gives.

    Attributes:
        size: samples in it.
        samples_per_second: whole samples drawn, or samples trained on.
    """

    size: int
    samples_per_second: float


def by_batch(
    sizes: Sequence[int],
    make: Callable[[int], Contestant],
    clock: Clock,
    tick: Callable[[], None],
    *,
    share: float = 1.0,
) -> tuple[BatchSpeed, ...]:
    """Time batches that grow, up to the first that memory is too short for.

    Args:
        sizes: samples in each.
        make: given a number of samples, builds the work on them.
        clock: where times are read.
        tick: called after each batch, for progress.
        share: what the timed work is of the whole.

    Raises:
        ProcessError: memory is short even for the first.
    """
    found: list[BatchSpeed] = []
    for size in sizes:
        if found and found[-1].size / found[-1].samples_per_second * share > LONGEST_SECONDS:
            break
        try:
            with enough_memory("single samples"):
                contestant = make(size)
                contestant()
                seconds, _ = undisturbed(contestant, clock)
        except ShortMemoryError:
            if not found:
                raise
            break
        found.append(BatchSpeed(size, size * share / seconds))
        tick()
    return tuple(found)


class ShortMemoryError(ProcessError):
    """Memory is short for what is measured."""


@contextmanager
def enough_memory(samples: str) -> Generator[None]:
    """Do what needs memory for some samples; ``samples`` says how many in words.

    Raises:
        ShortMemoryError: there is not enough.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise ShortMemoryError(f"memory: not enough even for {samples}; choose a smaller network") from error
