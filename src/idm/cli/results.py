"""Writing samples to a folder: a picture of all, one file each, and their exact values."""

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from idm.cli.output import Output
from idm.core.errors import IdmError, SettingsError
from idm.data.base import Samples
from idm.experiment import Run
from idm.report import save_grid, save_scatter, save_singles
from idm.report.files import write_atomically

LARGEST_GRID = 400
"""Further samples are not in the grid."""

ARRAYS = "samples.npz"
PICTURES = ("grid.png", "samples.png", "trajectory.png", "trajectory.webp")


def run_folder(run: Run) -> Path:
    """Return the folder of a run, also where one of its checkpoints was opened."""
    return run.path.parent.parent if run.path.parent.name == "checkpoints" else run.path


def save_samples(
    out: Path,
    run: Run,
    x: Tensor,
    *,
    columns: int | None = None,
    labels: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Write samples of a run in place of those that an earlier call wrote to the folder.

    The arrays come first: they tell the next call which files are ours, also where this one is cut off.

    Args:
        out: the folder.
        run: the run.
        x: samples in the model's range.
        columns: samples per row of the grid.
        labels: class of each sample.
        seeds: seed of each sample.

    Returns:
        What was written: names of files, and how many images.
    """
    codec = run.spec.codec
    data = codec.decode(x)
    _remove_earlier(out)
    arrays = _save_arrays(out / ARRAYS, run, run.spec.restore(data), labels, seeds)
    written: dict[str, Any] = {}
    if x.ndim == 2:
        written["picture"] = save_scatter(out / "samples.png", x)
    else:
        written["picture"] = save_grid(out / "grid.png", x[:LARGEST_GRID], codec, columns)
    if save_singles(out / "images", data, codec, spread=not run.from_image_files):
        written["images"] = out / "images"
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


def _remove_earlier(out: Path) -> None:
    """Remove the pictures of an earlier call: those that go with its arrays, and no others."""
    count = _num_samples(out / ARRAYS)
    if count is None:
        return
    singles = (f"images/{i:05d}.png" for i in range(count))
    for name in (*PICTURES, *singles):
        (out / name).unlink(missing_ok=True)


def _num_samples(path: Path) -> int | None:
    """Number of samples in a file of arrays; None if it is not one of ours."""
    try:
        with np.load(path) as arrays:
            return len(arrays["data"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile, zlib.error):
        return None


def describe_results(output: Output, run: Run, x: Tensor, written: dict[str, Any]) -> None:
    """Tell people what was written."""
    codec = run.spec.codec
    shape = " x ".join(map(str, run.spec.restore(x.numpy()).shape))
    values = f"{codec.dtype}, {codec.grid}" if codec.levels else codec.dtype
    kinds = {"picture": "picture", "images": "images", "arrays": "arrays", "strip": "steps", "animation": "animation"}
    notes = {"arrays": f"   (data {shape}, {values})", "images": f"   ({len(x):,} PNG files)"}
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
