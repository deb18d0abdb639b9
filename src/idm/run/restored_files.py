"""Writing restored samples: a picture of all, every draw, means, standard deviations; files of the kind that came."""

import gzip
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from idm.core.files import write_atomically
from idm.data.arrays.axes import LAYOUTS
from idm.data.extras import import_extra
from idm.data.sources.nifti import NIFTI_SUFFIXES
from idm.report import grid as grid_of
from idm.report import png, save_picture, scatter, with_names, with_scale
from idm.report.pictures import fit_png
from idm.restoration import LinearOperator, Observation, Selection
from idm.run.observing import Observed
from idm.run.opened import Opened
from idm.run.restoring import Draws, Restored
from idm.run.saving import GRID, SCATTER

ARRAYS, FOLDER = "restored.npz", "restored"
OURS = rf"{ARRAYS}|{GRID}|{SCATTER}|{FOLDER}/[^/]+\.(png|npy|nii|nii\.gz)"
"""Names of all that restored samples of any run are written to."""

SHOWN_DRAWS, SHOWN_ROWS = 6, 16
"""Draws of an observation, and observations, in the picture."""

ALIGNED = 2
"""Code of NIfTI for a place that is that of another file, where nothing else is known of it."""

White = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Files:
    """How the files of one observation are written.

    Attributes:
        suffix: of their names.
        separate: whether each draw has a file of its own.
        write: makes a file of one sample, or of all draws, in the units and order of axes of the data.
    """

    suffix: str
    separate: bool
    write: Callable[[NDArray[Any]], bytes]

    def names(self, title: str, num: int) -> list[str]:
        """Name the files of the draws of one observation."""
        return [f"{title}-{j:02d}{self.suffix}" for j in range(num)] if self.separate else [f"{title}{self.suffix}"]


def files_of(run: Opened, file: Path | None, reference: Path | None) -> Files:
    """Return how the samples that belong to a file are written: as it was, or as the run's data best are.

    Args:
        run: the run.
        file: the observation's own file; None where it has none.
        reference: another file whose place in the world a volume has, such as its mask.
    """
    where = next((path for path in (file, reference) if path and path.name.lower().endswith(NIFTI_SUFFIXES)), None)
    if where is not None and len(run.spec.shape) > 2:
        suffix = ".nii.gz" if where.name.lower().endswith(".gz") else ".nii"
        return Files(suffix, True, lambda sample: _nifti(run, sample, where))
    is_array = file is not None and file.suffix.lower() in (".npy", ".npz")
    if fit_png(run.spec.shape, run.spec.codec) and not is_array:
        return Files(".png", True, lambda sample: _picture(run, sample))
    return Files(".npy", False, _npy)


def names_of(run: Opened, observed: Observed, num: int, reference: Path | None) -> list[str]:
    """Name all files that will be written, by their places in the folder for results."""
    names = [ARRAYS, SCATTER if len(run.spec.shape) == 1 else GRID]
    for title, file in zip(observed.names, observed.files, strict=True):
        kind = files_of(run, file, reference)
        parts = [*kind.names(title, num), f"{title}-mean{kind.suffix}", f"{title}-std{kind.suffix}"]
        names += [f"{FOLDER}/{name}" for name in parts]
    return names


def save_restored(
    out: Path, run: Opened, observed: Observed, draws: Draws, x: Tensor, reference: Path | None
) -> dict[str, Path]:
    """Write restored samples to a new folder.

    Args:
        out: the folder.
        run: the run.
        observed: what was seen.
        draws: what was drawn.
        x: the samples in the model's range [n * num, c, *space].
        reference: as of ``files_of``.

    Returns:
        What was written, by what it is.
    """
    found = Restored.of(run, x, draws.num)
    largest = max(float(found.std.max()), np.finfo(np.float64).tiny)
    for row, (title, file) in enumerate(zip(observed.names, observed.files, strict=True)):
        kind = files_of(run, file, reference)
        each = list(found.draws[row]) if kind.separate else [found.draws[row]]
        for name, sample in zip(kind.names(title, draws.num), each, strict=True):
            write_atomically(out / FOLDER / name, kind.write(sample))
        write_atomically(out / FOLDER / f"{title}-mean{kind.suffix}", kind.write(found.mean[row]))
        spread = found.std[row]
        content = _shade(run, spread / largest) if kind.suffix == ".png" else kind.write(spread)
        write_atomically(out / FOLDER / f"{title}-std{kind.suffix}", content)
    stream = io.BytesIO()
    seeds = (draws.seed + np.arange(len(draws))).reshape(len(observed.names), draws.num)
    np.savez_compressed(
        stream, data=found.draws, mean=found.mean, std=found.std, names=np.asarray(observed.names), seeds=seeds
    )
    arrays = write_atomically(out / ARRAYS, stream.getvalue(), durable=True)
    picture = _scatter(out, run, x) if x.ndim == 2 else _overview(out, run, observed, draws, x, largest)
    return {"picture": picture, "restored": out / FOLDER, "arrays": arrays}


def _overview(out: Path, run: Opened, observed: Observed, draws: Draws, x: Tensor, largest: float) -> Path:
    """Draw a row for each observation: what was seen, the truth where it is known, mean, spread and some draws."""
    count, spec = min(len(observed.names), SHOWN_ROWS), run.spec
    samples = x.view(-1, draws.num, *x.shape[1:])[:count]
    columns: dict[str, Tensor] = {}
    if (seen := _seen(draws.observations[:count], spec.shape)) is not None:
        columns["seen"] = seen
    if observed.truth is not None:
        columns["truth"] = observed.truth[:count]
    if draws.num > 1:
        columns["mean"] = samples.mean(1)
        scale = torch.tensor(spec.codec.scale).view(-1, *[1] * (x.ndim - 2))
        columns["std"] = 2.0 * (samples.std(1) * scale / largest).clamp(max=1.0) - 1.0
    for j in range(min(draws.num, SHOWN_DRAWS)):
        columns[f"draw {j}"] = samples[:, j]
    laid = torch.stack([*columns.values()], dim=1).flatten(0, 1)
    picture = with_names(grid_of(laid, spec.codec, columns=len(columns)), list(columns))
    return save_picture(out / GRID, with_scale(picture, spec.codec, spec.shape))


def _seen(observations: Sequence[Observation], shape: tuple[int, ...]) -> Tensor | None:
    """Return what was seen as samples in the model's range; None where it cannot be shown so."""
    shown: list[Tensor] = []
    for one in observations:
        operator = one.operator
        if not isinstance(operator, LinearOperator):
            return None
        is_sample = tuple(one.values.shape[1:]) == shape and not isinstance(operator, Selection)
        shown.append(one.values if is_sample else operator.pseudo_inverse(one.values))
    return torch.cat(shown).float()


def _scatter(out: Path, run: Opened, x: Tensor) -> Path:
    return write_atomically(out / SCATTER, png(scatter(run.spec.codec.decode(x))))


def _picture(run: Opened, sample: NDArray[Any]) -> bytes:
    """Write a sample as ``save_singles`` does, a mean of samples to the nearest value of the file."""
    codec = run.spec.codec
    kind, white = (np.uint8, 255) if (codec.levels or 0) <= 256 else (np.uint16, 65535)
    values = LAYOUTS[run.spec.layout].arrange(sample[None])[0].astype(np.float64)
    if not run.from_image_files:
        offset, scale = (np.reshape(part, (-1, 1, 1)) for part in (codec.offset, codec.scale))
        values = white * (0.5 * (values - offset) / scale + 0.5)
    return _png(np.rint(values).clip(0, white).astype(kind))


def _shade(run: Opened, share: NDArray[np.float64]) -> bytes:
    """Draw numbers from 0 to 1 as black to white."""
    return _png(np.rint(255 * LAYOUTS[run.spec.layout].arrange(share[None])[0]).astype(np.uint8))


def _png(pixels: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(stream, format="PNG")
    return stream.getvalue()


def _npy(values: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _nifti(run: Opened, sample: NDArray[Any], where: Path) -> bytes:
    """Write a volume with the place in the world that another file has."""
    nibabel = import_extra("nibabel", "nifti")
    values = LAYOUTS[run.spec.layout].arrange(sample[None])[0]
    values = values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)
    like = nibabel.load(where)
    narrow = values.astype({"b": np.uint8, "i": np.int32, "u": np.int32, "f": np.float32}[values.dtype.kind])
    kept = values if values.dtype.name in ("uint8", "int16", "uint16", "int32", "float32", "float64") else narrow
    affine = _finer(like.affine, like.shape, run.spec.shape[1:])
    image = nibabel.Nifti1Image(np.ascontiguousarray(kept), affine)
    # What the world is, such as that of a scanner or of an atlas, is told by a code beside the affine.
    image.set_sform(affine, int(like.header["sform_code"]) or int(like.header["qform_code"]) or ALIGNED)
    image.header.set_xyzt_units(*like.header.get_xyzt_units())
    content = image.to_bytes()
    return gzip.compress(content, mtime=0) if where.name.lower().endswith(".gz") else content


def _finer(affine: NDArray[Any], coarse: tuple[int, ...], fine: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the place of a volume of which another holds means of blocks: its voxels are parts of the other's.

    Voxel i of it lies at (i + 1/2) / f - 1/2 of the other, f being how many of them a block has along the axis.
    """
    share = np.eye(4)
    for axis, (few, many) in enumerate(zip(coarse, fine, strict=False)):
        share[axis, axis] = few / many
        share[axis, 3] = 0.5 * few / many - 0.5
    return np.asarray(affine, dtype=np.float64) @ share
