"""Samples of one's own, read into the range and shape that a run was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.progress import warn
from idm.data import Dataset
from idm.data.arrays.files import open_arrays
from idm.data.arrays.measured import MeasuredSource
from idm.data.arrays.nan_source import find_gaps
from idm.data.base import Samples
from idm.data.images.check import gather
from idm.data.images.decode import ImageHeader, decode, read_header
from idm.data.images.kinds import GREY_8, GREY_16, GREY_ALPHA_8, RGB_8, RGBA_8
from idm.data.images.pixels import policy_of
from idm.data.images.resize import Frame, frame_of
from idm.data.suffixes import ARRAY_SUFFIXES
from idm.data.values.words import percent
from idm.run.any_kind import dataset_of_any, is_picture
from idm.run.label_kind import Label, LabelKind
from idm.run.layouts import arranged
from idm.run.observed_files import files_at
from idm.run.opened import Opened
from idm.run.own_data import open_run_data
from idm.run.point_files import TABLE_SUFFIXES, table_of
from idm.run.told_classes import classes_in_table, classes_named

HELD_OUT = "held-out:"
"""``held-out:3`` is sample 3 of a run's held-out data, ``held-out:0-7`` the first eight."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Samples of a user's own.

    Attributes:
        x: in the model's range.
        labels: the class of each, None where it is not known.
        origins: the file that each was read from, or which held-out sample it is, such as "held-out:3"; none of those
            that came as arrays.
    """

    x: Float[Tensor, "n c *space"]
    labels: list[Label | None]
    origins: tuple[str, ...] = ()


def read_inputs(run: Opened, names: Sequence[str]) -> Inputs:
    """Read image, array and NIfTI files, all such files of a folder, CSV files of points, and held-out samples.

    Images are read as ``idm sample`` writes them: those of a run on image files as these, others as the levels of the
    data spread over the range of the file.

    Args:
        run: the run whose data they are like.
        names: paths, or "held-out:" with a number or range.

    Raises:
        DataError: files that cannot be read or do not fit the run's data; no such held-out sample.
    """
    wants_own = any(name.startswith(HELD_OUT) for name in names)
    held_out = open_run_data(run).held_out if wants_own else None

    def read(name: str) -> Inputs:
        if held_out is not None and name.startswith(HELD_OUT):
            return _held_out(held_out, name, run.spec.label_kind)
        path = Path(name)
        if name.lower().endswith(TABLE_SUFFIXES):
            return _points(run, path)
        if path.suffix.lower() in ARRAY_SUFFIXES and not path.is_dir():
            return _arrays(run, path)
        return Inputs(_image(run, path), [None]) if is_picture(run, path) else _of_any_kind(run, path)

    names = [name for given in names for name in _each(given)]
    parts = gather(read, names)
    origins = [one for name, part in zip(names, parts, strict=True) for one in part.origins or [name] * len(part.x)]
    labels = [label for part in parts for label in part.labels]
    return Inputs(torch.cat([part.x for part in parts]), labels, tuple(origins))


def as_inputs(run: Opened, samples: npt.ArrayLike, what: str = "samples") -> Inputs:
    """Take samples in the data's own units, one of them or several, in any of the layouts that arrays may have.

    Raises:
        DataError: they are no finite numbers, or do not fit the run's data.
    """
    if isinstance(samples, Tensor):
        samples = samples.detach().cpu().numpy()
    try:
        data = np.asarray(samples)
    except ValueError as error:
        raise DataError(f"{what}: an array wanted, got a list of uneven lengths; pad or cut them") from error
    x = _encoded(run, what, _arranged(run, what, data))
    return Inputs(x, [None] * len(x))


def _each(name: str) -> list[str]:
    """Return the files of a folder, or what is named itself."""
    return [name] if name.startswith(HELD_OUT) else list(map(str, files_at(Path(name), any_kind=True)))


def _held_out(dataset: Dataset, name: str, kind: LabelKind) -> Inputs:
    first, dash, last = name.removeprefix(HELD_OUT).partition("-")
    total = len(dataset)
    try:
        start, stop = int(first), int(last if dash else first) + 1
    except ValueError:
        start = stop = 0
    if total == 0:
        raise DataError(f"{name}: held-out samples wanted, this run has none; give files of images or arrays")
    if not 0 <= start < stop <= total:
        raise DataError(f"{name}: a number or range such as 0-7 of the {total} held-out samples wanted")
    x, labels = dataset.batch(np.arange(start, stop))
    origins = tuple(f"{HELD_OUT}{row}" for row in range(start, stop))
    return Inputs(x, [None] * len(x) if labels is None else list(kind.labels_of(labels)), origins)


KIND_OF = {kind.channels: kind for kind in (GREY_8, GREY_ALPHA_8, RGB_8, RGBA_8)}
"""The kind of 8 bits of each number of channels."""


def _image(run: Opened, path: Path) -> Tensor:
    spec = run.spec
    levels = spec.codec.levels
    if levels is None or len(spec.shape) != 3:
        advice = f", or give held-out samples, such as {HELD_OUT}0" if spec.num_held_out else ""
        raise DataError(
            f"{path}: a .npy or .npz file with {spec.codec.dtype} samples of shape {spec.shape} wanted, got "
            f"{_kind(path)}; write some into one by numpy.save{advice}"
        )
    policy = policy_of(run.experiment.data.source.get("pixels")).without_advice()
    header = read_header(path, policy=policy)
    deep = levels > 256 if not run.from_image_files else spec.codec.dtype == GREY_16.dtype.name
    wanted = GREY_16 if deep and spec.shape[0] == 1 else KIND_OF.get(spec.shape[0], RGB_8)
    if not policy.suits(header.kind, wanted) or (deep and wanted is not GREY_16):
        raise DataError(f"{path}: {wanted.name} wanted, as the run was trained on, got {header.kind.name}")
    pixels = decode(path, wanted, _fit(run, path, header), policy)
    if run.from_image_files:
        return _encoded(run, str(path), pixels[None])
    white = np.iinfo(wanted.dtype).max
    level = np.rint(pixels.astype(np.float64) / white * (levels - 1))
    return torch.as_tensor((2.0 * level / (levels - 1) - 1.0).astype(np.float32))[None]


def _kind(path: Path) -> str:
    return f"one ending in '{path.suffix}'" if path.is_file() else kind_at(path)


def _fit(run: Opened, path: Path, header: ImageHeader) -> Frame | None:
    """What to resize and crop to, as in training; None where the image has the right size."""
    height, width = run.spec.shape[1:]
    if (header.height, header.width) == (height, width):
        return None
    frame = frame_of(run.experiment.data.source.get("image_size"))
    if frame is None or not frame.is_covered_by(header.width, header.height):
        raise DataError(f"{path}: {width} x {height} wanted, got {header.width} x {header.height}; resize or crop it")
    return frame


def _of_any_kind(run: Opened, path: Path) -> Inputs:
    data, known = dataset_of_any(run, path), run.spec.class_names
    x, _ = data.batch(np.arange(len(data)))
    source = data.source
    if isinstance(source, MeasuredSource):
        _filled(run, str(path), source.read_with_gaps(np.arange(len(source))))
    if known is None or source.labels is None:
        return Inputs(x, [None] * len(x))
    return Inputs(x, list(classes_named(path, source.labels, source.class_names, known)))


def _arrays(run: Opened, path: Path) -> Inputs:
    arrays = open_arrays(path, None, None)
    data = _arranged(run, str(path), arrays.data)
    labels: list[Label | None] = [None] * len(data)
    names = run.spec.class_names
    if arrays.labels is not None and names is not None and len(arrays.labels) == len(data):
        labels = list(classes_named(path, arrays.labels, arrays.class_names, names))
    return Inputs(_encoded(run, str(path), data), labels)


def _points(run: Opened, path: Path) -> Inputs:
    table = table_of(path, run.experiment.data)
    points = table.read(run.spec, may_have_holes=False)
    kept = points.astype(run.spec.codec.dtype)
    if kept.dtype.kind != "f" and (kept != points).any():
        raise DataError(
            f"{path}: whole numbers wanted, {kept.dtype}, as the run was trained on, got fractions; round them"
        )
    x = _encoded(run, str(path), kept)
    return Inputs(x, classes_in_table(run, path, len(x)))


def _encoded(run: Opened, path: str, data: Samples) -> Tensor:
    """Convert to the model's range; what does not fit is told of the file."""
    try:
        encoded = run.spec.codec.encode(data)
        for remark in run.spec.codec.remarks_on(data):
            warn(remark.replace("data:", f"{path}:", 1))
        return encoded
    except DataError as error:
        raise DataError(*(line.replace("data:", f"{path}:", 1) for line in error.lines)) from error


def _filled(run: Opened, path: str, data: Samples) -> Samples:
    """Put the number that stands for missing values in the run's data in the place of NaN, and say of how many."""
    missing = find_gaps(data)
    if run.experiment.data.source.get("missing") != "fill" or not missing.any():
        return data
    fill = float(run.experiment.data.source.get("fill"))
    share = percent(float(missing.mean()))
    warn(f"{path}: {share} of the values are missing, filled with {fill:g} as in training; idm restore draws them")
    return np.where(missing, fill, data)


def _arranged(run: Opened, path: str, data: NDArray[Any], layout: str | None = None) -> Samples:
    """Bring samples of any of the three layouts, or a single one, to [n, c, *space].

    Where several layouts fit, it is ``layout`` that is taken, the run's own by default.

    Raises:
        DataError: no finite numbers, or another shape.
    """
    wanted = "samples of shape {} wanted, as the run was trained on"
    found = _filled(run, path, arranged(data, run.spec.shape, layout or run.spec.layout, path, wanted=wanted))
    if not np.isfinite(found).all():
        raise DataError(f"{path}: finite numbers wanted, got NaN or infinity; replace the values")
    return found
