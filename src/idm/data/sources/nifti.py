"""Volumes in NIfTI files: one per file, or one per entry of the last axis of a single file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.arrays.alike import refuse_unlike
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.measured import Missing, MissingRule
from idm.data.arrays.nan_source import NanSource
from idm.data.arrays.nifti_places import common_place, place_of
from idm.data.arrays.on_disk import OnDisk
from idm.data.arrays.packing import Packing
from idm.data.base import BLOCK_BYTES, Indices
from idm.data.cutting import Window, slabs
from idm.data.extras import import_extra, quiet
from idm.data.images.check import gather
from idm.data.images.files import LabelRule, find_files, read_label_names
from idm.data.metadata import NiftiMetadata
from idm.data.names import chosen_names
from idm.data.parts import choose_part
from idm.data.reading.damage import reading
from idm.data.remarks import unread_files

NIFTI_SUFFIXES = (".nii", ".nii.gz")
MAX_BYTES = 4 << 30
"""Files whose header promises more than this, and more than is stored, are not opened."""

Header = tuple[tuple[int, ...], np.dtype[Any], tuple[float, ...], NiftiMetadata | None]
"""Shape, dtype, distances along the axes, and place in the world of one file."""

ALIKE_TOLERANCE = 0.01
"""Distances that differ by no more than this share are taken for the same."""


class Nifti(NanSource):
    """NIfTI volumes [x, y, z] or images [x, y], with channels along a fourth axis (needs nibabel).

    Slope and intercept are applied, which gives float64, or complex128 of complex numbers; files without them keep
    their dtype. Orientation is not used, and the size of voxels only to choose a network: bring volumes to one space
    first.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        samples: Literal["files", "last"] = "files",
        missing: MissingRule = "refuse",
        fill: float = 0.0,
        labels: LabelRule = "none",
        split: str | None = None,
        in_patches: bool = False,
    ) -> None:
        """Judge all headers and look at all values.

        Args:
            path: a folder of .nii or .nii.gz files, or one file.
            samples: a sample is a file; or an entry of the last axis of the only file, such as a point in time.
            missing: what becomes of NaN, such as outside of a mask: "refuse" it, "fill" it, or "skip" the samples that
                have some.
            fill: what stands for NaN with missing=fill.
            labels: where the classes of files come from, as for folders of images.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.
            in_patches: samples are cut into patches, of which those that miss values are skipped with missing=skip.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: nibabel is missing; no files; files that are not of one shape and dtype.
        """
        where = Path(path).absolute()
        files, unread = _files(where)
        chosen = choose_part(where, files, split if files else None, every=False)
        self._files = [where / file for file in chosen.files] or [where]
        self._nibabel = import_extra("nibabel", "nifti")
        headers = gather(self._look, self._files)
        gather(lambda row: self._compare(row, headers), range(len(headers)))
        shape, self._in_files, _, _ = headers[0]
        self._along_last = samples == "last"
        _refuse_several(where, headers, along_last=self._along_last)
        self._all = stored = (shape[-1], *shape[:-1]) if self._along_last else (len(headers), *shape)
        axes: ChannelRule = "last" if len(stored) == 5 else "none"
        of_files, note = read_label_names(list(chosen.below), labels) if files else (None, "no labels")
        rule = Missing(missing, fill, Packing(self._in_files).may_miss, in_patches)
        known = None if self._along_last else of_files
        self._adopt_measured(where, stored, self._in_files, known, rule, channels=axes)
        self.spacing = _common([voxel[: len(self.shape) - 1] for _, _, voxel, _ in headers])
        self.metadata, about_places = common_place([place for _, _, _, place in headers], self.spacing)
        names = tuple(map(str, range(stored[0]))) if self._along_last else chosen.files or (where.name,)
        self.names, self.note = chosen_names(names, self._kept), f"NIfTI, {self.note}, {note}"
        self.remarks = (*chosen.remarks, *unread, *about_places, *self._about_missing)

    def _look(self, path: Path) -> Header:
        """Shape without trailing axes of one entry, dtype after slope and intercept, and distances along the axes."""
        image = self._open(path)
        proxy, voxel = image.dataobj, tuple(map(float, image.header.get_zooms()))
        shape = tuple(proxy.shape)
        count = int(np.prod(shape, dtype=object))
        is_stored = not _is_packed(path) and count * np.dtype(proxy.dtype).itemsize <= path.stat().st_size
        if count * 8 > MAX_BYTES and not is_stored:
            raise DataError(f"{path}: at most {MAX_BYTES / 8:,.0f} values wanted, got shape {shape}; cut it")
        while len(shape) > 1 and shape[-1] == 1:
            shape = shape[:-1]
        stored, scaled = np.dtype(proxy.dtype), (proxy.slope, proxy.inter) != (1, 0)
        dtype = np.dtype(np.complex128 if stored.kind == "c" else np.float64) if scaled else stored
        return shape, dtype, voxel, place_of(image, packed=_is_packed(path))

    def _open(self, path: Path) -> Any:
        try:
            with quiet("nibabel.global"):
                return self._nibabel.load(path)
        except Exception as error:  # the library raises several kinds for damaged files
            raise UnreadableFileError(f"{path}: cannot be read as NIfTI ({one_line(error)}); replace it") from error

    def _compare(self, row: int, headers: list[Header]) -> None:
        refuse_unlike(self._files[row], headers[row][:2], headers[0][:2], self._files[0].name)

    def _entries(self, indices: Indices) -> NDArray[Any]:
        if self._along_last and _is_packed(self._files[0]):
            return np.moveaxis(self._whole(self._files[0]), -1, 0)[indices]
        rows = np.empty((len(indices), *self._all[1:]), dtype=self._in_files)
        if self._along_last:
            every = (slice(None),) * (rows.ndim - 1)
            for place, values in enumerate(self._cut(self._files[0], [(*every, int(index)) for index in indices])):
                rows[place] = values
            return rows
        for place, index in enumerate(indices):
            rows[place] = self._whole(self._files[index])  # copied one by one: a file is open as long as its map is
        return rows

    def _entry_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        where = self._files[0 if self._along_last else index]
        if _is_packed(where):  # it is unpacked from its beginning
            return super()._entry_windows(index, keys)
        return self._cut(where, [(*key, index) for key in keys] if self._along_last else keys)

    def _slabs(self) -> Iterator[Window]:
        """Cut along the last axes, the places of which lie furthest apart in a file."""
        return (window[::-1] for window in slabs(self.shape[:0:-1], BLOCK_BYTES // (self.shape[0] * 8)))

    def _whole(self, path: Path) -> NDArray[Any]:
        shape = (*self._all[1:], self._all[0]) if self._along_last else self._all[1:]
        return next(self._cut(path, [(...,)])).reshape(shape)

    def _cut(self, path: Path, keys: Iterable[tuple[Any, ...]]) -> Iterator[NDArray[Any]]:
        """Go through parts of the values of a file, without trailing axes of one place."""
        proxy = self._open(path).dataobj
        on_disk = None if _is_packed(path) else _on_disk(path, proxy)
        for key in keys:
            try:
                with np.errstate(all="ignore"):  # what slopes make of values is looked at then
                    stored = (proxy.get_unscaled() if on_disk is None else on_disk)[key]
                    slope, intercept = np.float64(proxy.slope), np.float64(proxy.inter)
                    values = self._nibabel.volumeutils.apply_read_scaling(np.array(stored), slope, intercept)
            except UnreadableFileError:
                raise
            except Exception as error:  # as above
                raise UnreadableFileError(f"{path}: cannot be read as NIfTI ({one_line(error)}); replace it") from error
            yield values.reshape(values.shape[: sum(isinstance(part, slice) for part in key) or None])


def _on_disk(path: Path, proxy: Any) -> OnDisk:
    """Return the stored numbers of a plain file, whose first axis is the fastest.

    Raises:
        UnreadableFileError: fewer than the header says.
    """
    dtype, sizes = np.dtype(proxy.dtype), tuple(map(int, proxy.shape))
    strides = tuple(int(stride) for stride in dtype.itemsize * np.cumprod([1, *sizes[:-1]]))
    with reading(path, "NIfTI", "replace it"):
        return OnDisk.of(path, dtype, int(proxy.offset), sizes, strides)


def _is_packed(path: Path) -> bool:
    """Whether a file is packed by gzip."""
    return path.name.lower().endswith(".gz")


def _files(where: Path) -> tuple[list[str], tuple[str, ...]]:
    """List the files of a folder, and say what others lie there; none for a file.

    Raises:
        DataError: nothing there, or a folder without any.
    """
    there = [file for some in find_files(where) for file in some] if where.is_dir() else []
    files = [file for file in there if file.lower().endswith(NIFTI_SUFFIXES)]
    if not where.is_file() and not files:
        found = "a folder without any" if where.is_dir() else kind_at(where)
        raise DataError(f"{where}: NIfTI files wanted, got {found}; check the path")
    return files, unread_files([file for file in there if not file.lower().endswith(NIFTI_SUFFIXES)])


def _refuse_several(where: Path, headers: list[Header], *, along_last: bool) -> None:
    if along_last and len(headers) > 1:
        raise DataError(f"{where}: one file wanted for data.source.samples=last, got {len(headers)}; give one of them")


def _common(voxels: list[tuple[float, ...]]) -> tuple[float, ...] | None:
    """Return the size of voxels if the files agree on one that makes sense."""
    sizes = np.array(voxels)
    sensible = np.isfinite(sizes).all() and (sizes > 0).all()
    return tuple(sizes[0].tolist()) if sensible and np.allclose(sizes, sizes[0], rtol=ALIKE_TOLERANCE, atol=0) else None
