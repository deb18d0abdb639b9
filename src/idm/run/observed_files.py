"""What was observed, from one file: a picture, an array or a NIfTI volume, in the units of the data."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idm.core.errors import DataError, IdmError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.arrays.files import open_arrays
from idm.data.images.decode import FORMATS, MAX_PIXELS, decode, read_header
from idm.data.images.files import SUFFIXES, find_files
from idm.data.images.kinds import GREY_8, GREY_16, RGB_8
from idm.data.sources.nifti import NIFTI_SUFFIXES, Nifti
from idm.run.any_kind import is_picture, open_any, read_with_gaps
from idm.run.layouts import arranged
from idm.run.opened import Opened
from idm.run.point_files import TABLE_SUFFIXES, table_of

ARRAY_SUFFIXES = (".npy", ".npz")
WHOLE = "whole samples are observed with simulate=True"
"""What to do with samples that were not observed yet."""

OPAQUE = 128
"""Pixels of less opacity, of 255, are holes."""

Values = NDArray[np.float64]


def files_at(path: Path, *, any_kind: bool = False) -> list[Path]:
    """Return a file, or the pictures, arrays and volumes in a folder; where there are none, it, if it may be any kind.

    Raises:
        DataError: a folder without any.
    """
    if not path.is_dir():
        return [path]
    pictures, others = find_files(path)
    known = (*ARRAY_SUFFIXES, *NIFTI_SUFFIXES)
    found = sorted([*pictures, *(name for name in others if name.lower().endswith(known))])
    if not found and any_kind:
        return [path]
    if not found:
        raise DataError(f"{path}: pictures, .npy, .npz or NIfTI files wanted in it, got none; check the path")
    return [path / name for name in found]


def read_file(run: Opened, path: Path, shape: tuple[int, ...], *, may_have_holes: bool) -> Values:
    """Read the observations of one file [n, *shape].

    Args:
        run: the run whose data are observed.
        path: the file.
        shape: of one observation.
        may_have_holes: whether transparent pixels, and missing values, stand for what is not seen, and become NaN.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    name = path.name.lower()
    if not path.is_file() and not path.is_dir():
        raise DataError(f"{path}: a file of observations wanted, got {kind_at(path)}; check the path")
    if name.endswith(NIFTI_SUFFIXES) and len(shape) != len(run.spec.shape):
        source = Nifti(path)
        return observed_in(source.read(np.arange(len(source))), shape, "first", str(path))
    if name.endswith(ARRAY_SUFFIXES):
        data = np.asarray(open_arrays(path, None, None).data)
        return observed_in(data, shape, run.spec.layout if len(shape) == len(run.spec.shape) else "first", str(path))
    if name.endswith(TABLE_SUFFIXES):
        points = table_of(path, run.experiment.data).read(run.spec, may_have_holes=may_have_holes)
        return observed_in(points, shape, "first", str(path))
    if not is_picture(run, path) and len(shape) == len(run.spec.shape):
        if may_have_holes and shape == run.spec.shape:
            return observed_in(read_with_gaps(run, path), shape, "first", str(path))
        source = open_any(run, path, shape)
        return observed_in(source.read(np.arange(len(source))), shape, "first", str(path))
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: a picture, .npy, .npz or NIfTI file wanted, got '{path.suffix}'; convert it")
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"{path}: a .npy or .npz file of observations of shape {shape} wanted, got a picture")
    clear = _with_transparency(run, path, shape) if may_have_holes else None
    return _in_units(run, *(_opaque(run, path, shape) if clear is None else clear))[None]


def places_in(path: Path, count: int) -> list[str]:
    """Name the observations of a file as who made it counts them: rows by their lines, others from 0 on."""
    if path.name.lower().endswith(TABLE_SUFFIXES):
        return [f"{path}, row {row}" for row, _ in table_of(path).table.rows()]
    return [str(path)] if count == 1 else [f"{path}#{row}" for row in range(count)]


def observed_in(data: NDArray[Any], shape: tuple[int, ...], layout: str, what: str, advice: str = WHOLE) -> Values:
    """Bring one observation or several, in any of the layouts that arrays may have, to [n, *shape].

    Args:
        data: as it was read.
        shape: of one observation.
        layout: the first one that is tried, where several fit.
        what: what messages call it.
        advice: what to do with data of another shape.

    Raises:
        DataError: no real numbers, infinity, or another shape.
    """
    wanted = "observations of shape {} wanted, as the operator gives of a sample"
    found = arranged(data, shape, layout, what, wanted=wanted, advice=advice)
    if np.isinf(found).any():
        raise DataError(f"{what}: finite numbers, or NaN where nothing was seen, wanted, got infinity")
    return np.ascontiguousarray(found, dtype=np.float64)


def _opaque(run: Opened, path: Path, shape: tuple[int, ...]) -> tuple[Values, int]:
    """Read a picture without transparency, and what white is in it."""
    header = read_header(path)
    kinds = (GREY_8, GREY_16) if shape[0] == 1 else (RGB_8,)
    if run.from_image_files:  # whose pixels are values of the data: those of another depth are of another scale
        kinds = tuple(kind for kind in kinds if kind.dtype.name == run.spec.codec.dtype)
    if header.kind not in kinds or (header.height, header.width) != shape[1:]:
        wanted = f"{shape[2]} x {shape[1]}, {' or '.join(kind.name for kind in kinds)}"
        got = f"{header.width} x {header.height}, {header.kind.name}"
        raise DataError(f"{path}: {wanted}, wanted, got {got}; {WHOLE}")
    return decode(path, header.kind, None).astype(np.float64), int(np.iinfo(header.kind.dtype).max)


def _with_transparency(run: Opened, path: Path, shape: tuple[int, ...]) -> tuple[Values, int] | None:
    """Read a picture with transparent pixels, which become NaN; None where it has none."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if not image.has_transparency_data or image.width * image.height > MAX_PIXELS:
                return None  # which is read, or refused, as others are
            if (run.spec.codec.levels or 0) > 256:
                raise DataError(
                    f"{path}: 16-bit grey wanted, got transparency, beside which grey has 8 bits; save it without, and "
                    "what is transparent as operator=mask:FILE"
                )
            pixels = np.asarray(image.convert("RGBA" if shape[0] == 3 else "LA")).astype(np.float64)
    except IdmError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over in a damaged file
        raise UnreadableFileError(f"{path}: cannot be read as an image ({one_line(error)}); replace it") from error
    if pixels.shape[:2] != shape[1:]:
        height, width = pixels.shape[:2]
        raise DataError(f"{path}: {shape[2]} x {shape[1]} wanted, got {width} x {height}")
    values = np.where(pixels[..., -1:] < OPAQUE, np.nan, pixels[..., :-1])
    return np.ascontiguousarray(np.moveaxis(values, -1, 0)), 255


def _in_units(run: Opened, pixels: Values, white: int) -> Values:
    """Take pixels as the data of a run on image files, else spread over the range of the data."""
    if run.from_image_files:
        return pixels
    codec = run.spec.codec
    offset, scale = (np.reshape(part, (-1, 1, 1)) for part in (codec.offset, codec.scale))
    return offset + scale * (2.0 * pixels / white - 1.0)
