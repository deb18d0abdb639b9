"""Writing samples of a run to a folder: a picture of all, one file each, and their exact values."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from idm.core.outputs import checked_folder
from idm.core.places import folder_in
from idm.data.writers import PATTERN
from idm.data.writers.npz import NAME as ARRAYS
from idm.report import SamplePicture, Shown, picture_for, save_picture, save_singles
from idm.report.kinds import PointPicture
from idm.report.kinds.point_marks import Colouring
from idm.report.pictures import fit_png, single_name
from idm.run.conditioned_picture import above_samples, beside_points
from idm.run.data_folder import places_of, refuse_data_folder
from idm.run.file_facts import FileFacts
from idm.run.formats import names_taken, save_formats, writers_for
from idm.run.label_kind import Label, class_of, field_of
from idm.run.labels import NO_CLASS, name_labels
from idm.run.opened import Opened
from idm.run.spec import DataSpec
from idm.storage.results import Results, results_in

LARGEST_GRID = 400
"""Most samples that are in the grid."""

GRID, SCATTER, SINGLES = "grid.png", "samples.png", "images"
STRIP, ANIMATION = "trajectory.png", "trajectory.webp"
OURS = "|".join([*map(re.escape, (GRID, SCATTER, STRIP, ANIMATION)), rf"{SINGLES}/[0-9]{{5,12}}\.png", PATTERN])
"""Names of all that samples of any run are written to."""


def results_folder(out: str | Path | None, run: Opened, default: str, *, setting: str = "out", file: str = "") -> Path:
    """Return the folder for results that was named, or one in the run.

    Args:
        out: the folder that was named.
        run: the run.
        default: name of the one in the run.
        setting: what names the folder.
        file: name of the only file that is written there, where that is what the setting names.

    Raises:
        SettingsError: there is a file of that name, or it is the folder of the run's data.
        CheckpointError: the one in the run is a link.
    """
    if out is None:
        return checked_folder(folder_in(run.folder, default))
    folder = checked_folder(Path(out))
    for place in places_of(run.experiment.data):
        refuse_data_folder(folder, place, setting=setting, file=file)
    return folder


def sample_folder(
    folder: Path,
    run: Opened,
    num: int,
    *,
    trajectory: bool = False,
    formats: Sequence[str] | None = None,
    facts: FileFacts | None = None,
) -> AbstractContextManager[Results]:
    """Hold the folder that samples of a run go to, before they are made.

    Args:
        folder: the folder.
        run: the run.
        num: how many samples there will be.
        trajectory: whether their way from noise will be shown.
        formats: as of ``save_samples``.
        facts: as there.

    Raises:
        SettingsError: there are other files in their places; formats as of ``writers_for``.
        CheckpointError: it cannot be written to, another command works in it, or there are links in it.
    """
    spec = run.spec
    names = [ARRAYS, SCATTER if len(spec.shape) == 1 else GRID]
    names += [STRIP, ANIMATION] if trajectory else []
    if fit_png(spec.shape, spec.codec):
        names += [f"{SINGLES}/{single_name(0)}", *_singles(folder, num)]
    names += names_taken(folder, writers_for(run, formats, facts))
    return results_in(folder, names, OURS)


def picture_of(
    x: Tensor, spec: DataSpec, columns: int | None = None, labels: Sequence[Label] | None = None
) -> Image.Image:
    """Lay samples in the model's range out as a picture.

    Each kind of data has a picture of its own, see ``idm.report.kinds``. Columns of one class each have its name above
    them, where classes are called otherwise than by numbers. Conditions stand above their samples, and
    colour points, as classes do where they do not.

    Args:
        x: the samples.
        spec: what is known of their data.
        columns: samples per row; as many as suit the kind of data by default.
        labels: class of each sample, or the number after the last one for no class; or its condition.
    """
    picture = sample_picture(spec)
    columns = min(columns or picture.columns(len(x)), len(x))
    told = [field for label in (labels or ())[: len(x)] if (field := field_of(label)) is not None]
    known = spec.condition if len(told) == len(x) else None
    if isinstance(picture, PointPicture):
        return beside_points(x, picture, known, told, _classes_of(labels, spec.class_names, len(x)))
    names = _names_of_columns(labels, spec.class_names or (), len(x), columns)
    drawn = picture.draw(x, columns=columns, names=names)
    return drawn if known is None else above_samples(drawn, picture, known, told, columns)


def sample_picture(spec: DataSpec, voxel_size: tuple[float, ...] | None = None) -> SamplePicture:
    """Return what draws samples of a run.

    Args:
        spec: what is known of their data.
        voxel_size: size of a voxel of volumes along each axis, in any unit; None: that of the data, or cubes.
    """
    known, units = spec.metadata, None
    if known is not None:
        voxel_size, units = voxel_size or (known.voxel_size if len(spec.shape) == 4 else None), known.units
    return picture_for(Shown(spec.shape, spec.codec, spec.channel_names, spec.sampling_rate, voxel_size, units))


def _classes_of(labels: Sequence[Label] | None, known: Sequence[str] | None, count: int) -> Colouring | None:
    """Return the class of each point; None where not all have one, or all the same."""
    numbers = [class_of(label) for label in (labels or ())[:count]]
    found = [number for number in numbers if number is not None]
    if known is None or len(found) < count or len({*found}) < 2:
        return None
    return Colouring(np.array(found), "class", (*known, NO_CLASS))


def _names_of_columns(labels: Sequence[Label] | None, known: Sequence[str], count: int, across: int) -> list[str]:
    """Return the class of each column of a grid; nothing where one has several, or where classes have no names."""
    if labels is None or all(name.isdecimal() for name in known):
        return []
    columns = [{*map(class_of, labels[column:count:across])} for column in range(across)]
    if any(len(column) > 1 or None in column for column in columns):
        return []
    numbers = [label for column in columns for label in column if label is not None]
    return [name or NO_CLASS for name in name_labels(numbers, known)]


def save_samples(
    out: Path,
    run: Opened,
    x: Tensor,
    *,
    columns: int | None = None,
    labels: Sequence[Label] | None = None,
    seeds: Sequence[int] | None = None,
    formats: Sequence[str] | None = None,
    facts: FileFacts | None = None,
) -> dict[str, Path]:
    """Write samples of a run to a new folder.

    Args:
        out: the folder.
        run: the run.
        x: samples in the model's range.
        columns: samples per row of the grid.
        labels: class of each sample, or the number after the last one for no class.
        seeds: seed of each sample.
        formats: names of formats besides that of exact values; by default the one that the data came in.
        facts: what the files say that the samples were made of; by default, what those of the run's data do.

    Returns:
        What was written, by what it is.

    Raises:
        SettingsError: as of ``writers_for``.
    """
    codec = run.spec.codec
    data = codec.decode(x)
    files = save_formats(out, run, data, writers_for(run, formats, facts), labels, seeds, facts)
    written: dict[str, Path] = {}
    shown, name = (x, SCATTER) if x.ndim == 2 else (x[:LARGEST_GRID], GRID)
    written["picture"] = save_picture(out / name, picture_of(shown, run.spec, columns, labels))
    if save_singles(out / SINGLES, data, codec, spread=not run.from_image_files):
        written["images"] = out / SINGLES
    return written | files


def _singles(folder: Path, count: int) -> list[str]:
    """Names of the pictures in a folder that are called as those of the first ``count`` samples are."""
    stems = (path.stem for path in (folder / SINGLES).glob("*.png"))
    numbers = (int(stem) for stem in stems if re.fullmatch(r"[0-9]{5,12}", stem))
    return [f"{SINGLES}/{single_name(number)}" for number in numbers if number < count]
