"""What this program wrote itself: runs and their results are no data, wherever they lie."""

import os
from collections.abc import Iterator
from pathlib import Path

from idm.core.errors import CheckpointError
from idm.storage.record import Record

SETTINGS = "experiment.yaml"
OF_SETTINGS = frozenset({"data:", "schedule:", "diffusion:", "network:", "training:", "sampler:"})
"""Lines of the settings of a run."""

LARGEST_SETTINGS_BYTES = 1_000_000
"""Bytes of a file of settings."""

OF_A_RUN = frozenset(
    {
        "averages",
        "checkpoints",
        "decoded",
        "edited",
        "evaluated",
        "interpolated",
        "metrics.jsonl",
        "restored",
        "sampled",
        "samples",
        SETTINGS,
        "tradeoff",
    }
)
"""What lies in the folder of a run, besides what is no data by its kind."""


def result_names(folder: Path) -> frozenset[str]:
    """Name the files in a folder, and in folders in it, that its record says this program wrote, by paths below it."""
    try:
        record = Record.read(folder)
    except CheckpointError:  # a link in place of the record
        return frozenset()
    return frozenset(name for name in record.files if record.sizes_fit(folder / name, name))


def walk_without_results(root: Path, *, follow_links: bool = False) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Go through a folder as ``os.walk`` does, without what this program wrote in it and below it.

    Args:
        root: where to begin; what lies above it is not asked.
        follow_links: enter folders that are links.

    Yields:
        A folder, the names of the folders in it, from which those that are not to be entered may be removed, and the
        names of its files.
    """
    written: set[Path] = set()
    for folder, names, files in os.walk(root, followlinks=follow_links):
        here = Path(folder)
        written |= {here / name for name in result_names(here)}
        of_a_run = OF_A_RUN if _is_run(here) else frozenset[str]()
        names[:] = [name for name in names if name not in of_a_run and not _is_run(here / name)]
        yield here, names, [file for file in files if file not in of_a_run and here / file not in written]


def _is_run(folder: Path) -> bool:
    settings = folder / SETTINGS
    if not settings.is_file() or settings.stat().st_size > LARGEST_SETTINGS_BYTES:
        return False
    return set(settings.read_text(encoding="utf-8", errors="replace").splitlines()) >= OF_SETTINGS
