"""Slices, or volumes of the slices of a series, in DICOM files."""

from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import counted
from idm.data.arrays.dicom_files import IDENTIFIERS, DicomFile, is_dicom, open_dicom, read_identifier
from idm.data.arrays.listing import Listed, list_files
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices
from idm.data.beside import GROUP_BY, Beside
from idm.data.images.check import gather
from idm.data.images.files import LabelRule
from idm.data.metadata import DicomMetadata

SampleKind = Literal["slices", "volumes"]
Frame = tuple[DicomFile, int]
"""A file and the number of a frame in it."""

EVEN_TOLERANCE = 0.01
"""Distances that differ by no more than this share are taken for the same."""


class Dicom(ArraySource):
    """Uncompressed images of DICOM files, ordered by series and by their place along the normal (needs pydicom).

    Slope and intercept are applied: whole ones give whole numbers, exactly, such as Hounsfield units, others 64-bit
    floats. Files without an image are left out.

    Args:
        path: a DICOM file, or a folder of them, whatever their names; its sub-folders are included.
        samples: a sample is a slice, a frame of a file; or a volume, the slices of a series or frames of a file.
        labels: where the classes of files come from, as for folders of images.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        samples: SampleKind = "slices",
        labels: LabelRule = "none",
        split: str | None = None,
    ) -> None:
        """Judge the headers of all files.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: pydicom is missing; no files; compressed pixels; images that are not of one shape; volumes of
                several lengths, or of which two slices lie at one place.
        """
        where = Path(path).absolute()
        found = list_files(where, "DICOM files", lambda file: is_dicom(where / file), split, every=False)
        opened = gather(open_dicom, found.files)
        files = sorted({file.where: file for file in opened if file is not None}.values(), key=_turn)
        self._volumes = samples == "volumes"
        self._samples = self._put_together(where, files)
        first, of_frame = files[0], self._samples[0][0][0].shape
        self.dtype = np.dtype(np.result_type(*(file.packing.dtype for file in files)))
        shape = (len(self._samples), *((len(self._samples[0]),) if self._volumes else ()), *of_frame)
        self._adopt(where, shape, self.dtype, None, channels="none" if len(of_frame) == 2 else "last")
        note = self._name(found, labels)
        self.spacing = self._spacing(files)
        self.metadata = self._metadata(files)
        self.beside = Beside(IDENTIFIERS, self._identifiers, identifying=GROUP_BY)
        left_out = sum(file is None for file in opened)
        remark = (f"{counted(left_out, 'file')} without an image not read",) if left_out else ()
        self.note = f"DICOM, {first.photometric}, {self.note}, {note}"
        self.remarks = (*found.remarks, *remark)

    def _put_together(self, where: Path, files: list[DicomFile]) -> list[list[Frame]]:
        """Compare all files, and return the frames of each sample.

        Raises:
            DataError: no files; images that are not of one shape; volumes of several lengths.
        """
        if not files:
            raise DataError(f"{where}: DICOM files with an image wanted, got none; give another file or folder")
        gather(lambda file: self._compare(file, files[0]), files)
        found = _volumes(where, files) if self._volumes else [[frame] for file in files for frame in _frames(file)]
        gather(lambda frames: self._compare_lengths(frames, found[0]), found)
        return found

    def _name(self, found: Listed, rule: LabelRule) -> str:
        """Take names and classes of samples from the files of their first frames; say where classes come from."""
        of_files, class_names, note = found.labels(rule)
        row = {file: number for number, file in enumerate(found.files)}
        owners = [row[frames[0][0].where] for frames in self._samples]
        if of_files is not None:
            self.labels, self.class_names = of_files[owners], class_names
        lone = self._volumes or all(frames[0][0].num_frames == 1 for frames in self._samples)
        self.names = tuple(
            found.names[owner] if lone else f"{found.names[owner]}#{frames[0][1]}"
            for owner, frames in zip(owners, self._samples, strict=True)
        )
        return note

    def _identifiers(self, name: str) -> NDArray[Any]:
        """Read an identifier of each sample, that of the file of its first frame."""
        files = list(dict.fromkeys(frames[0][0].where for frames in self._samples))
        found = dict(zip(files, gather(lambda file: read_identifier(file, name), files), strict=True))
        return np.array([found[frames[0][0].where] for frames in self._samples])

    def _compare(self, file: DicomFile, first: DicomFile) -> None:
        if (file.shape, file.photometric) != (first.shape, first.photometric):
            raise DataError(
                f"{file.where}: {first.photometric} of shape {first.shape} wanted as in {first.where.name}, got "
                f"{file.photometric} of {file.shape}; bring all images to one kind and size"
            )

    def _compare_lengths(self, frames: list[Frame], first: list[Frame]) -> None:
        if len(frames) != len(first):
            raise DataError(
                f"{frames[0][0].where}: {counted(len(first), 'slice')} wanted as in the series of "
                f"{first[0][0].where.name}, got {len(frames):,}; bring all to one length, or set "
                "data.source.samples=slices"
            )

    def _spacing(self, files: list[DicomFile]) -> tuple[float, ...] | None:
        """Return the distances of neighbouring pixels in mm, where all files agree on them."""
        inner = {file.spacing for file in files}
        of_plane = next(iter(inner))
        if len(inner) > 1 or of_plane is None or min(of_plane) <= 0:
            return None
        if not self._volumes:
            return of_plane
        steps = {_step(frames) for frames in self._samples}
        step = next(iter(steps))
        return (
            (step, *of_plane)
            if step is not None and np.allclose([s or 0 for s in steps], step, rtol=EVEN_TOLERANCE)
            else None
        )

    def _metadata(self, files: list[DicomFile]) -> DicomMetadata | None:
        """Return what all files say alike; None where it makes no sense."""

        def shared(values: set[Any], otherwise: Any) -> Any:
            return next(iter(values)) if len(values) == 1 else otherwise

        with suppress(ValueError):
            return DicomMetadata(
                shared({file.modality for file in files}, ""),
                shared({file.unit for file in files}, ""),
                self.spacing or (),
                *shared({(file.packing.scale, file.packing.offset) for file in files}, (None, None)),
                num_channels=self.shape[0],
                directions=shared({file.directions for file in files}, ()),
            )
        return None

    def _rows(self, indices: Indices) -> NDArray[Any]:
        rows = np.empty((len(indices), *self._stored[1:]), self.dtype)
        for row, index in zip(rows, indices.tolist(), strict=True):
            for place, (file, frame) in enumerate(self._samples[index]):
                row[place if self._volumes else ...] = file.read(frame)
        return rows


def _frames(file: DicomFile) -> list[Frame]:
    return [(file, frame) for frame in range(file.num_frames)]


def _turn(file: DicomFile) -> tuple[str, bool, int | float]:
    """Return what files are ordered by: series, and in it the place; their number where none has a place."""
    return file.series, file.place is None, file.number if file.place is None else file.place


def _volumes(where: Path, files: list[DicomFile]) -> list[list[Frame]]:
    """Put together the slices of each series; a file of several frames is a volume of its own.

    Raises:
        DataError: two slices of a series at one place.
    """
    found = [_frames(file) for file in files if file.num_frames > 1]
    for _, members in groupby((file for file in files if file.num_frames == 1), key=lambda file: file.series):
        slices = list(members)
        places = [file.place if file.place is not None else file.number for file in slices]
        for one, other, at, then in zip(slices, slices[1:], places, places[1:], strict=False):
            if at == then:
                raise DataError(
                    f"{where}: one slice at each place of a series wanted, got {one.where.name} and {other.where.name} "
                    "at one; set data.source.samples=slices, or give one series each"
                )
        found.append([(file, 0) for file in slices])
    return found


def _step(frames: list[Frame]) -> float | None:
    """Return the distance of neighbouring slices in mm; None where it is not known, or uneven."""
    places = [file.place for file, _ in frames]
    if frames[0][0].num_frames > 1 or None in places or len(places) < 2:
        return frames[0][0].thickness
    steps = np.diff(np.array(places, np.float64))
    return float(steps[0]) if np.allclose(steps, steps[0], rtol=EVEN_TOLERANCE) else None
