"""Variables of NetCDF files, and of Zarr stores with named axes: channels over any axes, with missing values."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.coordinates import channel_names, spacing
from idm.data.arrays.listing import Listed, list_files
from idm.data.arrays.measured import MeasuredSource, MissingRule
from idm.data.arrays.pieces import Pieces
from idm.data.arrays.variable_choice import Chosen, choose_variables
from idm.data.base import Indices
from idm.data.images.check import gather
from idm.data.reading.damage import reading
from idm.data.sources.variable_files import NETCDF_SUFFIXES, open_variables


class NetCdf(MeasuredSource):
    """Variables of NetCDF files of the classic and HDF5 formats, or of a Zarr store (needs h5py, or zarr).

    scale_factor and add_offset are applied: whole ones give whole numbers, exactly, others 64-bit floats. _FillValue,
    missing_value, what lies outside of valid_range, NetCDF's numbers for unwritten places, and NaN are missing values.
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
    ) -> None:
        """Judge the headers of all files and look at the values that may be missing.

        Args:
            path: a .nc file, a folder of such, whose samples follow each other, or a Zarr store whose axes have names.
            variables: names of the variables that are read, the channels; by default all that share the axes which hold
                most values, without coordinates.
            sample_axes: names of the axes that number the samples, the last one fastest: [time] or [time, level]; by
                default the axis that grows, or one called time or the like, or the first.
            channel_axes: names of axes whose places are channels of their own, such as [level]; the others are space.
            label_variable: name of the variable of labels along the samples, or "none"; by default "label", "class" or
                the like.
            missing: what becomes of missing values: "refuse" them, "fill" them, or "skip" the samples that miss some.
            fill: what stands for missing values with missing=fill.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: a package is missing; no files; no such variable or axis; variables or files of several shapes;
                missing values.
        """
        where = Path(path)
        found = (
            Listed((where,), (where.name,), ())
            if is_store(where)
            else list_files(where, "NetCDF files", is_netcdf, split, every=False)
        )
        opened = gather(open_variables, found.files)

        def choose(row: int) -> Chosen:
            with reading(found.files[row], "a NetCDF file", "replace it"):
                return choose_variables(
                    found.files[row], opened[row], variables, sample_axes, channel_axes, label_variable
                )

        self._files, self._chosen = found.files, gather(choose, range(len(opened)))
        gather(self._compare, range(len(self._chosen)))
        first = self._chosen[0]
        with reading(where, "a NetCDF file", "replace it"):
            self._packings = [[variable.packing for variable in chosen.variables] for chosen in self._chosen]
            packings = [packing for some in self._packings for packing in some]
            self._dtype = np.dtype(np.result_type(*(packing.dtype for packing in packings)))
            labels = [chosen.read_labels(file) for chosen, file in zip(self._chosen, self._files, strict=True)]
            self.channel_names = channel_names(first, opened[0])
            distances = spacing(first, opened[0])
        self._pieces = Pieces.of([chosen.num_samples for chosen in self._chosen])
        known = [some for some in labels if some is not None]
        self._adopt_measured(
            where,
            (self._pieces.total, *first.shape),
            self._dtype,
            np.concatenate(known) if len(known) == len(labels) else None,
            missing=missing,
            fill=fill,
            may_miss=any(packing.may_miss for packing in packings),
            channels="first",
        )
        self.spacing, self.names = distances, self._of_kept(self._pieces.names(found.names))
        what = ", ".join(_described(variable.name, variable.attributes) for variable in first.variables[:5])
        axes = f"samples along {', '.join(first.sample_axes)}" + (
            f", space {', '.join(first.space)}" if first.space else ""
        )
        self.note = f"{what}: {axes}, {'no labels' if self.labels is None else 'labels'}"
        self.remarks = (*found.remarks, *first.remarks, *self._left_out)

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


def is_netcdf(name: str) -> bool:
    """Whether a file is called as NetCDF files are."""
    return name.lower().endswith(NETCDF_SUFFIXES)


def is_store(where: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((where / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def _described(name: str, attributes: Any) -> str:
    units = attributes.get("units", "")
    text = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
    return f"{name} [{text}]" if text else name
