"""What files of samples say of them besides their values: what goes back into files that are made of these."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.axes import LAYOUTS
from idm.data.arrays.nifti_places import place_of
from idm.data.extras import import_extra
from idm.data.metadata import Metadata, metadata_from_plain, metadata_to_plain, of_pieces
from idm.data.metadata.netcdf import Named
from idm.data.sources.nifti import NIFTI_SUFFIXES
from idm.data.writers import FORMAT_OF_SOURCE
from idm.data.writers.nifti import UNKNOWN
from idm.run.alike import Alike, Like, locate_alike
from idm.run.any_kind import open_with_gaps
from idm.run.loaded import Loaded
from idm.run.opened import Opened


@final
@dataclass(frozen=True)
class FileFacts:
    """What the writer of a kind of files needs to know of the files that samples came in.

    Attributes:
        source: name of the source that reads such files, which tells their format.
        layout: where arrays of the samples have their channel axis: "first", "last" or "none".
        channel_names: name of each channel; None where they have none.
        sampling_rate: values of a signal per second, Hz; None where it is not known.
        metadata: what else is known of them.
        sample_axis: the axis along which all of them lie, in one file; None: there is none.
    """

    source: str
    layout: str = "first"
    channel_names: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    metadata: Metadata | None = None
    sample_axis: Named | None = None

    @classmethod
    def of_run(cls, run: Loaded) -> "FileFacts":
        """Return what a run knows of its data."""
        spec = run.spec
        name = run.experiment.data.source.name
        return cls(name, spec.layout, spec.channel_names, spec.sampling_rate, spec.metadata)

    @classmethod
    def of_file(cls, run: Opened, path: Path) -> "FileFacts":
        """Return what a file or folder of any kind that ``idm train --data`` reads says of samples like those of a run.

        Raises:
            DataError: as of ``open_with_gaps``.
        """
        if is_nifti(path):
            return cls("nifti", run.spec.layout, run.spec.channel_names, metadata=_place(run, path))
        name, _ = locate_alike(Alike.samples_of(Like.of(run)), path.absolute(), {})
        source, shape = open_with_gaps(run, path), run.spec.shape
        known = source.metadata if source.shape == shape else of_pieces(source.metadata, shape)
        known = None if known is None else known.beside(run.spec.metadata)
        axis = source.sample_axis
        along = axis if axis is not None and axis.size == len(source) else None  # some samples may be left out
        return cls(name, source.layout, source.channel_names, source.sampling_rate, known, along)

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "source": self.source,
            "layout": self.layout,
            "channel_names": None if self.channel_names is None else list(self.channel_names),
            "sampling_rate": self.sampling_rate,
            "metadata": metadata_to_plain(self.metadata),
            "sample_axis": None if self.sample_axis is None else self.sample_axis.to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "FileFacts":
        """Restore what ``to_plain`` returned, for samples of a shape (c, *space).

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of another shape.
        """
        source, layout, names, rate = (plain[key] for key in ("source", "layout", "channel_names", "sampling_rate"))
        if source not in FORMAT_OF_SOURCE or layout not in LAYOUTS:
            raise ValueError("file: a source and a layout wanted")
        if names is not None and not (len(names) == shape[0] and all(isinstance(name, str) for name in names)):
            raise ValueError("file: a name for each channel wanted")
        if rate is not None and not (type(rate) in (int, float) and 0 < rate < 2**63):
            raise ValueError("file: a sampling rate wanted")
        metadata = metadata_from_plain(plain["metadata"], shape)
        along = plain.get("sample_axis")
        return cls(
            source,
            layout,
            None if names is None else tuple(names),
            None if rate is None else float(rate),
            metadata,
            None if along is None else Named.from_plain(along),
        )


def is_nifti(path: Path) -> bool:
    """Whether a file is called as NIfTI files are."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def nifti_among(*paths: Path | None) -> Path | None:
    """Return the first NIfTI file; None where there is none."""
    return next((path for path in paths if path and is_nifti(path)), None)


def _place(run: Opened, where: Path) -> Metadata:
    """Return where a file lies in the world; of one that holds means of blocks, its parts."""
    like = import_extra("nibabel", "nifti").load(where)
    place = place_of(like, packed=where.name.lower().endswith(".gz")) or UNKNOWN
    affine = _finer(place.matrix, like.shape, run.spec.shape[1:])
    return replace(place, affine=tuple(affine.reshape(-1).tolist()))


def _finer(affine: NDArray[Any], coarse: tuple[int, ...], fine: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the place of a volume of which another holds means of blocks: its voxels are parts of the other's.

    Voxel i of it lies at (i + 1/2) / f - 1/2 of the other, f being how many of them a block has along the axis.
    """
    share = np.eye(4)
    for axis, (few, many) in enumerate(zip(coarse, fine, strict=False)):
        share[axis, axis] = few / many
        share[axis, 3] = 0.5 * few / many - 0.5
    return np.asarray(affine, dtype=np.float64) @ share
