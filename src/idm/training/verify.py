"""Whether checkpoints and stored averages are whole: files as written, tensors readable and finite, fitting metrics."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from idm.core.errors import CheckpointError
from idm.storage.disk import first_not_finite
from idm.storage.manifest import MANIFEST, damage, is_of_the_system, read_json, step_of
from idm.storage.newest import TRIES
from idm.storage.retention import FOLDER, folders
from idm.training.snapshots import SNAPSHOTS, stored_averages


@dataclass(frozen=True)
class Verdict:
    """What was found of one checkpoint, or of the averages stored at one step.

    Attributes:
        path: its folder.
        step: completed optimiser steps, as its name tells.
        num_files: number of files.
        num_tensors: number of tensors in them.
        size: bytes in all.
        problems: what is wrong, one line each; empty if nothing is.
    """

    path: Path
    step: int
    num_files: int
    num_tensors: int
    size: int
    problems: tuple[str, ...]

    @property
    def of_averages(self) -> bool:
        """Whether these are averages and no checkpoint."""
        return self.path.parent.name == SNAPSHOTS

    @property
    def name(self) -> str:
        """What tells it from others of the run."""
        return f"{SNAPSHOTS}/{self.path.name}" if self.of_averages else self.path.name


def verify_run(run_folder: str | Path) -> list[Verdict]:
    """Check every checkpoint of a run folder and all averages stored there, or the one folder that ``run_folder`` is.

    What a training that goes on drops meanwhile is left out.

    Returns:
        Of the checkpoints, oldest first, then of the averages.

    Raises:
        CheckpointError: there is no checkpoint, neither intact nor damaged.
    """
    run_folder = Path(run_folder)
    if run_folder.is_dir() and (step_of(run_folder) is not None or (run_folder / MANIFEST).exists()):
        return [verify_checkpoint(run_folder)]
    for _ in range(TRIES):
        found = folders(run_folder)
        if not found:
            raise CheckpointError(f"run {run_folder}: it holds no checkpoint; give a folder written by 'idm train'")
        newest_first = _that_are_there(reversed(found))  # older ones are dropped sooner
        if newest_first:
            return [*reversed(newest_first), *_that_are_there(stored_averages(run_folder))]
    raise CheckpointError(
        f"run {run_folder}: its training drops checkpoints faster than they can be read; verify it when training has "
        "ended, or keep more of them (training.keep_checkpoints)"
    )


def _that_are_there(paths: Iterable[Path]) -> list[Verdict]:
    verdicts = [verify_checkpoint(path) for path in paths]
    return [verdict for verdict in verdicts if not verdict.problems or verdict.path.is_dir()]


def verify_checkpoint(path: str | Path) -> Verdict:
    """Check one folder, and the metrics of the run that it lies in."""
    path = Path(path)
    try:
        return _verdict(path)
    except FileNotFoundError:
        return Verdict(path, step_of(path) or 0, 0, 0, 0, ("it was removed while it was read",))


def _verdict(path: Path) -> Verdict:
    files = sorted(file for file in path.iterdir() if file.is_file() and not is_of_the_system(file.name))
    problems = [problem] if (problem := damage(path)) else []
    num_tensors = 0
    for file in files:
        if file.suffix == ".safetensors":
            count, problem = _look_into_tensors(file)
            num_tensors += count
        else:
            problem = _look_into_json(file)
        problems += [problem] if problem else []
    if not problems and path.parent.name == FOLDER:
        problems += _misfits(path, path.parent.parent)
    size = sum(file.stat().st_size for file in files)
    return Verdict(path, step_of(path) or 0, len(files), num_tensors, size, tuple(problems))


def _look_into_tensors(file: Path) -> tuple[int, str]:
    """Number of tensors, and what is wrong; one tensor at a time is in memory."""
    try:
        with safe_open(file, "pt") as opened:
            names = list(opened.keys())
            bad = next((name for name in names if first_not_finite({name: opened.get_tensor(name)})), "")
    except (OSError, RuntimeError, SafetensorError) as error:
        if not file.exists():  # torch calls that a RuntimeError where the file goes while it is opened
            raise FileNotFoundError(file) from error
        return 0, f"{file.name} cannot be read ({error})"
    return len(names), f"{file.name}: {bad} is not finite" if bad else ""


def _look_into_json(file: Path) -> str:
    try:
        read_json(file)
    except (OSError, ValueError) as error:
        return f"{file.name} cannot be read ({error})"
    return ""


def _misfits(path: Path, run_folder: Path) -> Iterator[str]:
    """Say where the files of metrics and events end before what the checkpoint knows of them, or hold no such lines."""
    training = read_json(path / "training.json") if (path / "training.json").is_file() else {}
    counts = ("step", "metrics_length", "events_length")
    found = [training.get(name, 0) for name in counts] if isinstance(training, dict) else [None]
    if not all(type(count) is int and count >= 0 for count in found):
        yield "training.json holds other things than counts"
        return
    for name, last in (("metrics", training.get("step")), ("events", None)):
        length, file = training.get(f"{name}_length", 0), run_folder / f"{name}.jsonl"
        size = file.stat().st_size if file.is_file() else 0
        if size < length:
            yield f"{file.name} has {size:,} bytes, not the {length:,} that were there"
        elif length and (problem := _look_into_lines(file, length, last)):
            yield f"{file.name}: {problem}"


def _look_into_lines(file: Path, length: int, last: int | None) -> str:
    """Say which of the first ``length`` bytes are no lines of JSON, or whose steps do not rise up to ``last``."""
    with file.open("rb") as stream:
        content = stream.read(length)
    if not content.endswith(b"\n"):
        return f"no line ends at byte {length:,}"
    steps: list[int] = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            steps.append(_step_in(json.loads(line)))
        except (ValueError, KeyError, TypeError, RecursionError):
            return f"line {number:,} cannot be read"
    if last is not None and (any(b <= a for a, b in pairwise(steps)) or steps[-1] > last):
        return f"steps do not rise up to {last:,}"
    return ""


def _step_in(row: dict[str, Any]) -> int:
    """Return the step of a line.

    Raises:
        KeyError, TypeError: it has none.
    """
    if type(row["step"]) is not int:
        raise TypeError("step: a number wanted")
    return row["step"]
