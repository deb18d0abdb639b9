"""What this program wrote itself: runs and their results are no data, wherever they lie."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

SETTINGS = "experiment.yaml"
OF_SETTINGS = frozenset({"data:", "schedule:", "diffusion:", "network:", "training:", "sampler:"})
"""Lines of the settings of a run."""

LARGEST_SETTINGS = 1_000_000
"""Bytes of a file of settings."""

OF_A_RUN = frozenset(
    {"averages", "checkpoints", "decoded", "evaluated", "interpolated", "metrics.jsonl", "sampled", "samples", SETTINGS}
)
"""What lies in the folder of a run, besides what is no data by its kind."""

MARKS = {
    frozenset({"samples.npz", "grid.png"}): frozenset({"trajectory.png", "trajectory.webp"}),
    frozenset({"samples.npz", "samples.png"}): frozenset({"trajectory.png", "trajectory.webp"}),
    frozenset({"evaluation.json", "bound.png"}): frozenset[str](),
    frozenset({"results.json", "speed.png"}): frozenset[str](),
}
"""Files that lie together where samples, scores or times were written, and what may lie beside them."""

SINGLES, SINGLE = "images", re.compile(r"\d{5,}\.png")
"""The folder beside samples that has each of them in a file, and how these are called."""


def results_in(folder: Path) -> frozenset[str]:
    """Name the files and folders in a folder that this program wrote; none where it is a folder of something else."""
    written = OF_A_RUN if _is_run(folder) else frozenset[str]()
    for mark, further in MARKS.items():
        if all((folder / name).is_file() for name in mark):
            written |= mark | further
    return written


def walk_without_results(root: Path, *, follow_links: bool = False) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Go through a folder as ``os.walk`` does, without what this program wrote below it.

    Args:
        root: where to begin; what it is itself is not asked.
        follow_links: enter folders that are links.

    Yields:
        A folder, the names of the folders in it, from which those that are not to be entered may be removed, and the
        names of its files.
    """
    for folder, names, files in os.walk(root, followlinks=follow_links):
        here = Path(folder)
        ours, singles = results_in(here), here != root and _holds_singles(here)
        names[:] = [name for name in names if name not in ours and not results_in(here / name)]
        yield here, names, [file for file in files if file not in ours and not (singles and SINGLE.fullmatch(file))]


def _holds_singles(folder: Path) -> bool:
    return folder.name == SINGLES and "samples.npz" in results_in(folder.parent)


def _is_run(folder: Path) -> bool:
    settings = folder / SETTINGS
    if not settings.is_file() or settings.stat().st_size > LARGEST_SETTINGS:
        return False
    return set(settings.read_text(encoding="utf-8", errors="replace").splitlines()) >= OF_SETTINGS
