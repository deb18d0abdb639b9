"""Writing samples to a folder: a picture of all, one file each, and their exact values."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from idm.cli.output import Output, checked_folder
from idm.core.errors import IdmError, SettingsError
from idm.core.files import write_atomically
from idm.core.places import folder_in
from idm.core.ranks import Ranks
from idm.core.text import counted
from idm.data.base import Samples
from idm.report import save_grid, save_scatter, save_singles
from idm.report.pictures import fit_png, single_name
from idm.run import Run
from idm.storage.results import Results, results_in
from idm.tasks.data_folder import places_of, refuse_data_folder

LARGEST_GRID = 400
"""Further samples are not in the grid."""

ARRAYS, GRID, SCATTER, SINGLES = "samples.npz", "grid.png", "samples.png", "images"
STRIP, ANIMATION = "trajectory.png", "trajectory.webp"
OURS = "|".join([*map(re.escape, (ARRAYS, GRID, SCATTER, STRIP, ANIMATION)), rf"{SINGLES}/[0-9]{{5,12}}\.png"])
"""Names of all that samples of any run are written to."""


def run_folder(run: Run) -> Path:
    """Return the folder of a run, also where one of its checkpoints was opened."""
    return run.path.parent.parent if run.path.parent.name == "checkpoints" else run.path


def sample_folder(folder: Path, run: Run, num: int, *, trajectory: bool = False) -> AbstractContextManager[Results]:
    """Hold the folder that samples of a run go to, before they are made.

    Args:
        folder: the folder.
        run: the run.
        num: how many samples there will be.
        trajectory: whether their way from noise will be shown.

    Raises:
        SettingsError: there are other files in their places.
        CheckpointError: it cannot be written to, another command works in it, or there are links in it.
    """
    spec = run.spec
    names = [ARRAYS, SCATTER if len(spec.shape) == 1 else GRID]
    names += [STRIP, ANIMATION] if trajectory else []
    if fit_png(spec.shape, spec.codec):
        names += [f"{SINGLES}/{single_name(0)}", *_singles(folder, num)]
    return results_in(folder, names, OURS)


def results_folder(out: Path | None, run: Run, default: str) -> Path:
    """Return the folder for results that was named, or one in the run.

    Raises:
        SettingsError: there is a file of that name, or it is the folder of the run's data.
        CheckpointError: the one in the run is a link.
    """
    if out is None:
        return checked_folder(folder_in(run_folder(run), default))
    for place in places_of(run.experiment.data):
        refuse_data_folder(checked_folder(out), place)
    return checked_folder(out)


def held_by_main(ranks: Ranks, stack: ExitStack, folder: AbstractContextManager[Results]) -> Results | None:
    """Hold a folder for results in the main process, which writes, until a stack of contexts ends.

    Returns:
        The results on the main process, None on the others.

    Raises:
        IdmError: the folder cannot be held, on every process.
    """
    held: list[Results] = []
    ranks.on_main(lambda: held.append(stack.enter_context(folder)))
    return held[0] if held else None


def announce(output: Output, results: Results | None) -> None:
    """Tell people what the results are going to replace."""
    if results is not None and results.replaces:
        output.line(f"replaces {results.replaces}, in {results.folder}")


def save_samples(
    out: Path,
    run: Run,
    x: Tensor,
    *,
    columns: int | None = None,
    labels: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
) -> dict[str, Path]:
    """Write samples of a run to a new folder.

    Args:
        out: the folder.
        run: the run.
        x: samples in the model's range.
        columns: samples per row of the grid.
        labels: class of each sample.
        seeds: seed of each sample.

    Returns:
        What was written, by what it is.
    """
    codec = run.spec.codec
    data = codec.decode(x)
    arrays = _save_arrays(out / ARRAYS, run, run.spec.restore(data), labels, seeds)
    written: dict[str, Path] = {}
    if x.ndim == 2:
        written["picture"] = save_scatter(out / SCATTER, x, codec)
    else:
        written["picture"] = save_grid(out / GRID, x[:LARGEST_GRID], codec, columns)
    if save_singles(out / SINGLES, data, codec, spread=not run.from_image_files):
        written["images"] = out / SINGLES
    return written | {"arrays": arrays}


def _save_arrays(
    path: Path, run: Run, data: Samples, labels: Sequence[int] | None, seeds: Sequence[int] | None
) -> Path:
    arrays: dict[str, Any] = {"data": data}
    if labels is not None:
        arrays["labels"] = np.asarray(labels, dtype=np.int64)
        arrays["class_names"] = np.asarray(run.spec.class_names)
    if seeds is not None:
        arrays["seeds"] = np.asarray(seeds, dtype=np.int64)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return write_atomically(path, stream.getvalue(), durable=True)


def _singles(folder: Path, count: int) -> list[str]:
    """Names of the pictures in a folder that are called as those of the first ``count`` samples are."""
    stems = (path.stem for path in (folder / SINGLES).glob("*.png"))
    numbers = (int(stem) for stem in stems if re.fullmatch(r"[0-9]{5,12}", stem))
    return [f"{SINGLES}/{single_name(number)}" for number in numbers if number < count]


def describe_results(output: Output, run: Run, x: Tensor, written: Mapping[str, Any]) -> None:
    """Tell people what was written."""
    codec = run.spec.codec
    shape = " x ".join(map(str, run.spec.restore(x.numpy()).shape))
    values = f"{codec.dtype}, {codec.grid}" if codec.levels else codec.dtype
    kinds = {"picture": "picture", "images": "images", "arrays": "arrays", "strip": "steps", "animation": "animation"}
    notes = {"arrays": f"   (data {shape}, {values})", "images": f"   ({counted(len(x), 'PNG file')})"}
    output.pairs({kinds[key]: f"{written[key]}{notes.get(key, '')}" for key in kinds if key in written})


def together(*attempts: Callable[[], Any]) -> list[Any]:
    """Call all of them and return their results, or raise their errors as one.

    Raises:
        IdmError: of the first error's kind, with one line per wrong value.
    """
    results: list[Any] = []
    errors: list[IdmError] = []
    for attempt in attempts:
        try:
            results.append(attempt())
        except SettingsError as error:
            errors.append(error)
    if errors:
        raise type(errors[0])(*(line for error in errors for line in error.lines))
    return results
