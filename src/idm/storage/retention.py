"""Which checkpoints of a run are kept."""

import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from idm.core.places import folder_in, remove
from idm.storage.fits import sweep_fits
from idm.storage.manifest import damage, score_of, step_of

FOLDER = "checkpoints"
LEFT_OVER = re.compile(r"\.step-\d{8}\.(partial|gone|replaced)")
"""What a folder is called while it is written or removed."""

LEFT_OVER_FILE = re.compile(
    r"\.(experiment\.yaml|(metrics|events)\.jsonl|micro_batch\.json|\.results\.json)\.\d+\.partial"
)
"""What a file of a run is called while it is written."""


@dataclass(frozen=True)
class Retention:
    """What is kept of a run's checkpoints.

    Attributes:
        newest: number of the newest intact ones, at least 1.
        every: those whose step is a multiple of it; 0: none for that reason.
        best: number of intact ones with the smallest scores, of those that were scored as the newest was.
    """

    newest: int = 2
    every: int = 0
    best: int = 0

    def superfluous(self, run_folder: Path) -> list[Path]:
        """Return the checkpoints that need not be kept; none while there are too few intact ones."""
        paths = folders(run_folder)
        newest = _intact(reversed(paths), self.newest)
        if len(newest) < self.newest:
            return []
        best = _intact(_by_score(paths), self.best)
        older = [path for path in paths if path < newest[-1] and path not in best]
        return [path for path in older if not (self.every and (step_of(path) or 0) % self.every == 0)]


def folders(run_folder: Path) -> list[Path]:
    """Folders of a run that have a checkpoint's name, oldest first, whether intact or not."""
    return [path for path in sorted((run_folder / FOLDER).glob("step-*")) if step_of(path) is not None]


def discard(path: Path) -> None:
    """Remove a checkpoint, its name first, so that no half of it is seen; a disk that refuses is no error."""
    hidden = path.with_name(f".{path.name}.gone")
    remove(hidden)
    with suppress(OSError):
        path.rename(hidden)
        remove(hidden)


def tidy(run_folder: Path, keep: Retention) -> None:
    """Clean up after a crash, and drop the checkpoints that need not be kept.

    Raises:
        CheckpointError: the folder of the checkpoints is a link, which may lead to anything.
    """
    sweep(run_folder)
    for path in keep.superfluous(run_folder):
        discard(path)


def sweep(run_folder: Path) -> None:
    """Clean up after a crash: finish a checkpoint that lacks only its name, remove all other leftovers."""
    for path in run_folder.glob(".*.partial"):
        if LEFT_OVER_FILE.fullmatch(path.name):
            remove(path)
    sweep_fits(run_folder)
    for path in leftovers(folder_in(run_folder, FOLDER)):
        final = path.with_name(path.stem[1:])
        if path.suffix == ".partial" and not final.exists() and not damage(path):
            with suppress(OSError):
                path.rename(final)
        else:
            remove(path)


def leftovers(folder: Path) -> list[Path]:
    """Return what a crash left of folders that were written or removed in a folder."""
    return [path for path in sorted(folder.glob(".step-*")) if LEFT_OVER.fullmatch(path.name)]


def _by_score(paths: Iterable[Path]) -> list[Path]:
    """Return checkpoints by their score, smallest first, of those that were scored as the newest was."""
    scores = [(score, path) for path in paths if (score := score_of(path)) is not None]
    return [path for score, path in sorted(scores, key=lambda pair: pair[0].value) if score.name == scores[-1][0].name]


def _intact(paths: Iterable[Path], count: int) -> list[Path]:
    return list(islice((path for path in paths if not damage(path)), min(count, sys.maxsize)))
