"""Variables of NetCDF files, and of Zarr stores with named axes: channels over any axes, with missing values."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.chosen_variables import Chosen, Wanted
from idm.data.arrays.coordinates import channel_names, metadata_of, sample_axis, spacing
from idm.data.arrays.listing import Listed, list_files
from idm.data.arrays.measured import MeasuredSource, Missing, MissingRule
from idm.data.arrays.pieces import Pieces
from idm.data.arrays.variable_choice import choose_variables
from idm.data.base import Indices
from idm.data.beside import Beside
from idm.data.cutting import Window
from idm.data.images.check import gather
from idm.data.names import chosen_names
from idm.data.reading.damage import reading
from idm.data.sources.variable_files import NETCDF_SUFFIXES, hdf5_files, open_variables


class NetCdf(MeasuredSource):
    """Variables of NetCDF files of the classic and HDF5 formats, or of a Zarr store (needs h5py, or zarr).

    scale_factor and add_offset are applied: whole ones give whole numbers, exactly, others 64-bit floats. _FillValue,
    missing_value, what lies outside of valid_range, NetCDF's numbers for unwritten places, and NaN are missing values.

    Args:
        path: a .nc file, a folder of such, whose samples follow each other, or a Zarr store whose axes have names.
        variables: names of the variables that are read, the channels; by default all that share the axes which hold
            most values, without coordinates.
        sample_axes: names of the axes that number the samples, the last one fastest: [time] or [time, level]; by
            default the axis that grows, or one called time or the like, or the first; []: a file is one sample.
        channel_axes: names of axes whose places are channels of their own, such as [level]; the others are space.
        label_variable: name of the variable of labels along the samples, or "none"; by default "label", "class" or
            the like.
        missing: what becomes of missing values: "refuse" them, "fill" them, or "skip" the samples that miss some.
        fill: what stands for missing values with missing=fill.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
        apart: variables that are neither channels nor labels unless they are named so, such as those that name groups.
        in_patches: samples are cut into patches, of which those that miss values are skipped with missing=skip.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        variables: tuple[str, ...] | None = None,
        sample_axes: tuple[str, ...] | None = None,
        channel_axes: tuple[str, ...] = (),
        label_variable: str | None = None,
        missing: MissingRule = "refuse",
        fill: float = 0.0,
        split: str | None = None,
        apart: tuple[str, ...] = (),
        in_patches: bool = False,
    ) -> None:
        """Judge the headers of all files and look at the values that may be missing.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: a package is missing; no files; no such variable or axis; variables or files of several shapes;
                missing values.
        """
        where, wanted = Path(path).absolute(), Wanted(variables, sample_axes, channel_axes, label_variable, apart)
        found = _files_at(where, split)
        labels = self._open(found.files, wanted)
        may_miss = any(packing.may_miss for packings in self._packings for packing in packings)
        shape, rule = (self._pieces.total, *self._chosen[0].shape), Missing(missing, fill, may_miss, in_patches)
        self._adopt_measured(where, shape, self._dtype, labels, rule, channels="first")
        self.names = chosen_names(self._pieces.names(found.names), self._kept)
        self.note = f"{self._chosen[0]}, {'no labels' if self.labels is None else 'labels'}"
        self.remarks = (*found.remarks, *self._chosen[0].remarks, *self._about_missing)
        self.beside = Beside(tuple(self._chosen[0].beside), self._read_beside)

    def _open(self, files: Sequence[Path], wanted: Wanted) -> NDArray[Any] | None:
        """Choose the variables of all files, and return the labels of all samples."""
        keeper = hdf5_files()
        opened = gather(lambda file: open_variables(file, keeper), files)

        def choose(row: int) -> Chosen:
            with reading(files[row], "a NetCDF file", "replace it"):
                return choose_variables(files[row], opened[row], wanted)

        self._files, self._chosen = files, gather(choose, range(len(opened)))
        gather(self._compare, range(len(files)))
        self._packings, labels = [], []
        for file, chosen in zip(files, self._chosen, strict=True):
            with reading(file, "a NetCDF file", "replace it"):
                self._packings.append([variable.packing for variable in chosen.variables])
                labels.append(chosen.read_labels(file))
        self._dtype = np.dtype(np.result_type(*(one.dtype for packings in self._packings for one in packings)))
        self._pieces = Pieces.of([chosen.num_samples for chosen in self._chosen])
        with reading(files[0], "a NetCDF file", "replace it"):
            self.channel_names = channel_names(self._chosen[0], opened[0])
            self.spacing = spacing(self._chosen[0], opened[0])
            self.metadata = metadata_of(self._chosen[0], opened[0])
            self.sample_axis = sample_axis(self._chosen[0], opened[0]) if len(files) == 1 else None
        known = [some for some in labels if some is not None]
        return np.concatenate(known) if len(known) == len(labels) else None

    def _read_beside(self, name: str) -> NDArray[Any]:
        """Read what a variable says of the samples that are read."""

        def read(row: int) -> NDArray[Any]:
            with reading(self._files[row], "a NetCDF file", "restore it"):
                return self._chosen[row].read_beside(self._files[row], name)

        return self._of_kept(np.concatenate(gather(read, range(len(self._files)))))

    def _compare(self, row: int) -> None:
        first, found = self._chosen[0], self._chosen[row]
        names = [[variable.name for variable in chosen.variables] for chosen in (first, found)]
        if (names[0], first.shape, first.space) != (names[1], found.shape, found.space):
            raise DataError(
                f"{self._files[row]}: {', '.join(names[0])} of shape {first.shape} wanted as in "
                f"{self._files[0].name}, got {', '.join(names[1])} of shape {found.shape}; give files of one kind, or "
                "set data.source.variables"
            )

    def _measured(self, indices: Indices) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        first = self._chosen[0]
        of_channels = first.sizes(first.channel_axes)
        shape = (len(indices), len(first.variables), *of_channels, *first.shape[1:])
        values, missing = np.empty(shape, self._dtype), np.zeros(shape, np.bool_)
        for owner, places, rows in self._pieces.groups(indices):
            chosen = self._chosen[owner]
            with reading(self._files[owner], "a NetCDF file", "restore it"):
                for number, (variable, packing) in enumerate(zip(chosen.variables, self._packings[owner], strict=True)):
                    stored = variable.take(chosen.sample_axes, rows, (*chosen.channel_axes, *chosen.space))
                    values[places, number] = packing.values(stored)
                    missing[places, number] = packing.missing(stored)
        merged = (len(indices), *first.shape)
        return values.reshape(merged), missing.reshape(merged)

    def _measured_windows(self, index: int, keys: Sequence[Window]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        owner, row = self._pieces.place_of(index)
        chosen, packings = self._chosen[owner], self._packings[owner]
        then, every = (*chosen.channel_axes, *chosen.space), (slice(None),) * len(chosen.channel_axes)
        for _, *window in keys:
            with reading(self._files[owner], "a NetCDF file", "restore it"):
                stored = [one.window(chosen.sample_axes, row, then, (*every, *window)) for one in chosen.variables]
                parts = zip(stored, packings, strict=True)
                found = [
                    (packing.values(part[None]).astype(self._dtype), packing.missing(part[None]))
                    for part, packing in parts
                ]
            values, missing = (
                np.concatenate(some).reshape(-1, *stored[0].shape[len(every) :]) for some in zip(*found, strict=True)
            )
            yield values, missing


def is_netcdf(name: str) -> bool:
    """Whether a file is called as NetCDF files are."""
    return name.lower().endswith(NETCDF_SUFFIXES)


def is_store(where: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((where / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def _files_at(where: Path, split: str | None) -> Listed:
    """Return a Zarr store as it is, or list the NetCDF files."""
    if is_store(where):
        return Listed((where,), (where.name,), ())
    return list_files(where, "NetCDF files", is_netcdf, split, every=False)
