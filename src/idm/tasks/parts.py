"""Long jobs in parts on disk: shared by several processes, and continued where they were stopped."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm import __version__
from idm.core.errors import CheckpointError, InterruptedRunError, SettingsError
from idm.core.files import write_atomically
from idm.core.places import folder_in, open_in_place, remove
from idm.core.progress import SILENT, Listener, Progress, Within, warn
from idm.core.ranks import Ranks
from idm.core.signals import StopError, at_once, stop_on_signals
from idm.storage.lock import locked
from idm.tasks.part_files import Part, Shapes, Whole, has_part, read_part, write_part

Compute = Callable[[range, Callable[[], None]], Part]
"""Given the numbers of a part's samples and what is to be called now and then: its tensors, one row per sample."""

Take = Callable[[range, Part], None]
"""Given the numbers of a part's samples and its tensors, in their order, once all parts are there."""

REQUEST, STOP = "request.json", "stop"


@dataclass(frozen=True)
class Job:
    """A number of samples, of which each is a function of its own number and the request.

    Attributes:
        name: what is done, one word.
        folder: where parts lie until the job is done; nothing else may be there.
        request: JSON-able values that define the results; parts of another request are removed.
        num: number of samples.
        size: samples in a part.
        shapes: shape of what each tensor of a part holds of one sample.
        first_anew: compute the first part even where it is there.
    """

    name: str
    folder: Path
    request: Mapping[str, Any]
    num: int
    size: int
    shapes: Shapes
    first_anew: bool = False

    @property
    def parts(self) -> list[range]:
        """The numbers of the samples of each part."""
        return [range(first, min(first + self.size, self.num)) for first in range(0, self.num, self.size)]

    def progress_of(self, ranks: Ranks) -> tuple[int, int]:
        """Return how many parts a process does, counting its share of those from an earlier call, and that share."""
        # An estimate for a bar: parts that are there were done by any of the processes, in equal shares.
        missing = sorted({*self._missing(), *([0] if self.first_anew else [])})
        kept = (len(self.parts) - len(missing)) // ranks.size
        return kept + len(missing[ranks.rank :: ranks.size]), kept

    def run(self, compute: Compute, ranks: Ranks) -> Part | None:
        """Compute what is missing, and return all of it on the main process, None on the others.

        Errors are as of ``run_into``.
        """
        whole = Whole(self.num)
        self.run_into(whole.add, compute, ranks)
        return whole.rows if ranks.is_main else None

    def run_into(self, take: Take, compute: Compute, ranks: Ranks) -> None:
        """Compute what is missing, and give the parts to whoever takes them, one after the other, on the main process.

        A job of one part by one process is kept in memory.

        Raises:
            InterruptedRunError: stopped on request, here or in another process; finished parts are kept.
            CheckpointError: another job holds the folder, or took parts away, or the folder is a link.
            SettingsError: processes are asked for different things.
            IdmError, ProcessError: what ended the work of any process, on all of them.
        """
        if len(self.parts) == 1 and ranks.size == 1:
            take(self.parts[0], self._in_one_part(compute))
            return
        # Processes with other options would fill one folder with parts that do not belong together.
        if any(text != self._text for text in ranks.gather(self._text)):
            raise SettingsError(f"{self.name}: the same request for all {ranks.size} processes wanted, got others")
        with ExitStack() as stack, stop_on_signals("keeping what is finished") as stop:
            missing = ranks.on_main(lambda: self._begin(stack))

            # A signal may reach one process alone; it tells the others by a file, as none of them waits for another.
            def wish() -> bool:
                return stop.received or (ranks.size > 1 and (self.folder / STOP).exists())

            ranks.agree(self._failure_of(missing[ranks.rank :: ranks.size], compute, wish, ranks))
            # Asked of all together, once all are done: a part may be missing though this process was not stopped.
            if any(ranks.gather(wish())):
                raise InterruptedRunError(self._stopped())
            if ranks.is_main:
                self._give(take)

    def _in_one_part(self, compute: Compute) -> Part:
        try:
            with stop_on_signals(), at_once():
                return compute(self.parts[0], lambda: None)  # a signal ends it at once
        except StopError as stop:
            raise InterruptedRunError(
                f"{self.name}: stopped with 0 of {self.num:,} kept, as all are one batch; "
                "make the same call to start again"
            ) from stop

    def _begin(self, stack: ExitStack) -> list[int]:
        """Hold the folder, rid of parts of another request, and return the numbers of the parts that are missing."""
        stack.enter_context(locked(folder_in(self.folder.parent, self.folder.name)))
        remove(self.folder / STOP)  # of an earlier start
        if not self._is_ours:
            others = sorted(self.folder.glob("*part-*"))
            if others:
                warn(f"{self.name}: {self.folder} holds {len(others):,} parts of another request, which are removed")
            for path in others:
                remove(path)
            # Written last: a kill before it leaves a folder that the next start clears again.
            write_atomically(self.folder / REQUEST, self._text, durable=True)
        if self.first_anew:
            remove(self._path(0))
        return self._missing()

    def _missing(self) -> list[int]:
        if not self._is_ours:
            return list(range(len(self.parts)))
        return [
            i for i, part in enumerate(self.parts) if not has_part(self._path(i), len(part), self._hash, self.shapes)
        ]

    def _failure_of(
        self, numbers: Sequence[int], compute: Compute, wish: Callable[[], bool], ranks: Ranks
    ) -> Exception | None:
        """Compute those parts, and return what ended that; the others are told, so that none waits."""
        try:
            self._compute_missing(numbers, compute, wish)
        except Exception as error:
            with suppress(OSError):  # of a full disk they are told at the end of their parts
                if ranks.size > 1:
                    open_in_place(self.folder / STOP, "a").close()
            return error
        return None

    def _compute_missing(self, numbers: Sequence[int], compute: Compute, wish: Callable[[], bool]) -> None:
        """Compute those parts, until there is a wish to stop, of which the other processes are told."""

        def look() -> None:
            if wish():
                raise StopError(0)

        # Every part is on the disk as soon as it is done: at most one is lost.
        try:
            for number in numbers:
                look()
                with at_once():
                    part = compute(self.parts[number], look)
                write_part(self._path(number), part, self._hash)
        except StopError:
            open_in_place(self.folder / STOP, "a").close()

    @property
    def _text(self) -> str:
        # What another version of this program found need not be what this one finds.
        return json.dumps({**self.request, "num": self.num, "size": self.size, "idm": __version__})

    @property
    def _hash(self) -> str:
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def _is_ours(self) -> bool:
        """Whether the parts in the folder are of this request."""
        path = self.folder / REQUEST
        text = self._text.encode()
        # Lengths first: whatever lies there under that name may be of any size.
        return path.is_file() and path.stat().st_size == len(text) and path.read_bytes() == text

    def _give(self, take: Take) -> None:
        """Read the parts, one after the other."""
        for i, numbers in enumerate(self.parts):
            part = read_part(self._path(i), len(numbers), self._hash, self.shapes)
            # It was there a moment ago; removed, it counts as missing when the command is run again.
            if part is None:
                remove(self._path(i))
                raise CheckpointError(
                    f"{self.name}: parts are gone from {self.folder}, or not finite; make the same call again"
                )
            take(numbers, part)

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.safetensors"

    def _stopped(self) -> str:
        missing = self._missing()
        done = self.num - sum(len(self.parts[number]) for number in missing)
        kept = f"{done:,} of {self.num:,} kept in {self.folder}"
        return f"{self.name}: stopped with {kept}; make the same call to continue"


def told_in_parts(
    job: Job,
    units: int,
    compute: Callable[[range, Listener], Part],
    ranks: Ranks,
    listener: Listener,
    unit: str = "steps",
) -> Part | None:
    """Do a job of which every part is told of little by little, and stopped at the next such moment.

    Args:
        job: the job.
        units: that a part is told of in.
        compute: given the numbers of a part's samples and what hears of units: its tensors.
        ranks: the processes.
        listener: hears how it gets on, on the main process.
        unit: what is counted, plural.
    """
    mine, done = job.progress_of(ranks)
    listener = listener if ranks.is_main else SILENT
    with listener.follow(job.name, mine * units, unit=unit, done=done * units) as bar:
        return job.run(lambda part, look: compute(part, Within(_Watched(bar, look))), ranks)


@dataclass(frozen=True, eq=False)
class _Watched:
    """Progress that looks whether to stop."""

    bar: Progress
    look: Callable[[], None]

    def advance(self, units: int = 1, status: str = "") -> None:
        """Count, and look."""
        self.bar.advance(units, status)
        self.look()


def remove_parts(folder: Path) -> None:
    """Remove a finished job's parts, unless another job works with them already."""
    with suppress(CheckpointError), locked(folder_in(folder.parent, folder.name)):
        remove(folder)
