"""Long jobs in parts on disk: shared by several processes, and continued where they were stopped."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from idm.core.errors import InterruptedRunError
from idm.core.ranks import Ranks
from idm.training.disk import replace_file, replace_text
from idm.training.signals import stop_on_signals

Part = dict[str, Tensor]
Compute = Callable[[range, Callable[[], None]], Part]
"""Given the numbers of a part's samples and what is to be called now and then: its tensors, one row per sample."""

REQUEST = "request.json"


@dataclass(frozen=True)
class Job:
    """A number of samples, of which each is a function of its own number and the request.

    Attributes:
        name: what is done, one word.
        folder: where parts lie until the job is done; nothing else may be there.
        request: JSON-able values that define the results; parts of another request are removed.
        num: number of samples.
        size: samples in a part.
    """

    name: str
    folder: Path
    request: Mapping[str, Any]
    num: int
    size: int

    @property
    def parts(self) -> list[range]:
        """The numbers of the samples of each part."""
        return [range(first, min(first + self.size, self.num)) for first in range(0, self.num, self.size)]

    def progress_of(self, ranks: Ranks) -> tuple[int, int]:
        """Return how many parts a process computes, and how many of them it has from an earlier call."""
        mine = range(ranks.rank, len(self.parts), ranks.size)
        return len(mine), sum(self._path(number).is_file() for number in mine) if self._is_ours else 0

    def run(self, compute: Compute, ranks: Ranks) -> Part | None:
        """Compute what is missing, and return all of it on the main process, None on the others.

        A job of one part is kept in memory.

        Raises:
            InterruptedRunError: stopped on request; finished parts are kept.
        """
        if len(self.parts) == 1 and ranks.size == 1:
            return compute(self.parts[0], _go_on)
        ranks.on_main(self._begin)
        with stop_on_signals() as stop:

            def look() -> None:
                if stop.received:
                    raise InterruptedRunError(self._stopped())

            for number, part in list(enumerate(self.parts))[ranks.rank :: ranks.size]:
                if _read(self._path(number), len(part)) is None:
                    tensors = {name: value.cpu().contiguous() for name, value in compute(part, look).items()}
                    replace_file(self._path(number), save(tensors))
                look()
            ranks.wait()
        return self._together() if ranks.is_main else None

    def drop_first(self) -> None:
        """Have the first part computed anew."""
        self._path(0).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self) -> None:
        """Make the folder, without parts of another request."""
        if not self._is_ours:
            self.clear()
            self.folder.mkdir(parents=True)
            replace_text(self.folder / REQUEST, self._text)

    @property
    def _text(self) -> str:
        return json.dumps({**self.request, "num": self.num, "size": self.size})

    @property
    def _is_ours(self) -> bool:
        """Whether the parts in the folder are of this request."""
        path = self.folder / REQUEST
        return path.is_file() and path.read_text(encoding="utf-8") == self._text

    def _together(self) -> Part:
        found = [load_file(self._path(number)) for number in range(len(self.parts))]
        return {name: torch.cat([part[name] for part in found]) for name in found[0]}

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.safetensors"

    def _stopped(self) -> str:
        done = sum(len(part) for number, part in enumerate(self.parts) if self._path(number).is_file())
        kept = f"{done:,} of {self.num:,} kept in {self.folder}"
        return f"{self.name}: stopped with {kept}; run the same command to continue"


def _read(path: Path, rows: int) -> Part | None:
    """Return a part; None if it is not there, or not whole."""
    try:
        part = load_file(path)
    except (OSError, SafetensorError):
        return None
    return part if all(len(value) == rows for value in part.values()) else None


def _go_on() -> None:
    """Stop for nothing."""
