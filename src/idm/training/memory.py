"""Micro-batches that fit into memory: halved where it is short, and remembered in the run folder."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch

from idm.core.errors import ProcessError
from idm.core.files import write_atomically
from idm.core.progress import warn
from idm.core.ranks import Ranks
from idm.storage.manifest import read_json

T = TypeVar("T")

MEMORY = "micro_batch.json"


class MicroBatches:
    """How a process's share of every batch is split.

    Splitting changes sums in their last digits, and nothing else: the batch stays what it is, and t and noise belong to
    its images.
    """

    def __init__(self, batch_size: int, micro_batch_size: int, num_processes: int) -> None:
        """Start with the largest micro-batches that are allowed.

        Args:
            batch_size: images per step, over all processes.
            micro_batch_size: images per forward pass of a process; 0: its whole share.
            num_processes: number of processes.
        """
        self._smallest_share, self._largest_share = batch_size // num_processes, -(-batch_size // num_processes)
        self._key = {"batch_size": batch_size, "micro_batch_size": micro_batch_size, "processes": num_processes}
        self.size = min(micro_batch_size or self._largest_share, self._largest_share)
        self._memory: Path | None = None

    @property
    def may_shrink(self) -> bool:
        """Whether to split batches further where memory is short: in a run, whose next start remembers it."""
        return self._memory is not None

    @property
    def count(self) -> int:
        """Number of micro-batches of a step, the same in every process: of one image each, some shares give two."""
        return min(-(-self._largest_share // self.size), self._smallest_share)

    def parts(self, share: int) -> list[slice]:
        """Split ``share`` images; sizes differ by one at the most."""
        count = self.count
        return [slice(share * i // count, share * (i + 1) // count) for i in range(count)]

    def remember_in(self, run_folder: Path, ranks: Ranks) -> None:
        """Take up what was found in a run folder before, on such a device, and write there what is found from now on.

        Args:
            run_folder: folder of the run; nothing is written before memory is short.
            ranks: the processes, which all take up what the main one reads.
        """
        self._memory = run_folder / MEMORY
        size = ranks.on_main(lambda: self._remembered(run_folder / MEMORY))
        if size < self.size and ranks.is_main:
            warn(f"training: micro-batches of {size:,}, because memory was short before ({self._memory})")
        self.size = size

    def _remembered(self, path: Path) -> int:
        """Return the size in a file; that of now if the file is none, or of another device."""
        try:
            found = read_json(path)
            size = found.pop("size")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return self.size
        known = found == {**self._key, "device": _device_name()}
        return size if known and isinstance(size, int) and 1 <= size < self.size else self.size

    def shrink(self, ranks: Ranks) -> None:
        """Halve the micro-batches after memory was short.

        Raises:
            ProcessError: they hold a single image already, or other processes wait for this one: the next start of
                the run is made with smaller ones.
        """
        if self.size == 1 or self.count == self._smallest_share:
            raise ProcessError(
                "training: out of memory with a single image at a time; choose a smaller network or "
                "network.checkpoint_stages, which stores less"
            )
        self.size = -(-self.size // 2)
        if self._memory is not None:
            found = {**self._key, "device": _device_name(), "size": self.size}
            with suppress(OSError):  # a disk that refuses costs the next start a try
                write_atomically(self._memory, json.dumps(found) + "\n", durable=True)
        if ranks.size > 1:
            raise ProcessError(
                f"process {ranks.rank} of {ranks.size}: out of memory; make the same call to continue from the last "
                f"checkpoint with micro-batches of {self.size:,}"
            )
        _give_back()
        warn(
            f"training: out of memory; going on with micro-batches of {self.size:,}, the same batch "
            "(last digits may differ from now on)"
        )


def in_smaller_pieces(size: int, work: Callable[[int], T]) -> T:
    """Do work on ``size`` images at a time, and on half as many where memory is short.

    Args:
        size: images at a time, at first.
        work: given how many images at a time, does all of it; begun anew where memory was short.

    Raises:
        ProcessError: memory is short even for single images.
    """
    while True:
        try:
            return work(size)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise ProcessError(
                    "out of memory with a single image at a time beside the training; choose a smaller network"
                ) from error
        size = -(-size // 2)
        _give_back()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that memory is short."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _give_back() -> None:
    """Give memory that is held for reuse back to the device, so that it can be cut anew."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
