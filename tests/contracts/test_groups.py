"""No group is on both sides of a split, for every source and every way of naming groups."""

import h5py
import numpy as np
import pytest
import zarr
from astropy.io import fits
from pyarrow import parquet
from scipy.io import netcdf_file

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.run.held_out import split
from idm.settings.data import DataSettings, SourceSettings

from .test_sources import MAKE

PATIENTS = np.array(["ann", "bob", "ann", "cid", "bob", "dan", "eve", "eve", "fay", "cid", "gus"])
"""The patient of each sample, as many of them as there are samples."""


def column_of_csv(path):
    head, *lines = path.read_text().splitlines()
    rows = [f"{line},{patient}" for line, patient in zip(lines, PATIENTS, strict=False)]
    path.write_text("\n".join([f"{head},patient", *rows]))


def array_of_npz(path):
    with np.load(path) as arrays:
        np.savez(path, **arrays, patient=PATIENTS)


def array_of_hdf5(path):
    with h5py.File(path, "a") as file:
        file["patient"] = PATIENTS.tolist()


def array_of_zarr(path):
    zarr.open_group(str(path)).create_array("patient", data=np.unique(PATIENTS, return_inverse=True)[1])


def column_of_table(path):
    table = parquet.read_table(path)
    parquet.write_table(table.append_column("patient", [PATIENTS[: len(table)].tolist()]), path)


def column_of_fits(path):
    """Make a table of one row of each image."""
    for patient, file in zip(PATIENTS, sorted(path.rglob("*.fits")), strict=False):
        values = fits.getdata(file)
        stamp = fits.Column("x", f"{values.size}E", dim=str(values.shape[::-1]), array=values[None])
        column = fits.Column("patient", "3A", array=[patient])
        fits.BinTableHDU.from_columns([stamp, column]).writeto(file, overwrite=True)


def variable_of_netcdf(path):
    with netcdf_file(str(path), "a") as file:
        file.createDimension("letters", 3)
        of_samples = next(iter(file.variables.values())).dimensions[:1]
        patients = PATIENTS[: next(iter(file.variables.values())).shape[0]]
        file.createVariable("patient", "S1", (*of_samples, "letters"))[:] = (
            patients.astype("S3").view("S1").reshape(-1, 3)
        )


COLUMNS = {
    "arrays": array_of_npz,
    "csv": column_of_csv,
    "fits": column_of_fits,
    "hdf5": array_of_hdf5,
    "netcdf": variable_of_netcdf,
    "numeric_csv": column_of_csv,
    "table": column_of_table,
    "zarr": array_of_zarr,
}
"""What adds the patient to the data of a source."""

PATTERNS = {
    "image_folder": ("**/(*).png", lambda name: name.split("/")[1]),
    "index": ("*/(*).png", lambda name: name.split("/")[1]),
    "array_folder": ("(*)/*", lambda name: name.split("/")[0]),
    "csv": ("([01]).png,([2-9]).png", lambda name: name),
    "tiff_stack": ("(*/*)#*", lambda name: name.split("#")[0]),
    "wav": ("(**)/*", lambda name: name.split("/")[0]),
    "sound": ("(**)/*", lambda name: name.split("/")[0]),
    "edf": ("(*)/*", lambda name: name.split("/")[0]),
    "dicom": ("(?)/*", lambda name: name.split("/")[0]),
    "fits": ("(?)/*.fits", lambda name: name.split("/")[0]),
    "netcdf": ("*#(*)", lambda name: name.split("#")[1]),
    "tiff": ("(*/*)#*", lambda name: name.split("#")[0]),
    "nifti": ("**/(?).nii.gz", lambda name: name.split("/")[1]),
    "webdataset": ("(*.tar)/**", lambda name: name.split("/")[0]),
    "zip": ("**/img*(?).png", lambda name: name[-5]),
    "table": ("row (*)", lambda name: name),
}
"""A pattern for the names of each source that has names, and what it means."""

WITHOUT = {"digits", "idx", "custom"}
"""Sources whose samples have neither names nor anything beside them."""


def settings_of(name, folder, **given):
    options = MAKE[name](folder)
    if "path" in options and given.get("group_by"):
        COLUMNS[name](type(folder)(options["path"]))
    source = SourceSettings(name, SourceSettings.options_of(name)(**options))
    settings = DataSettings(source, held_out=0.3, **given)
    return settings, settings.source.build(apart=settings.apart, trust_code=True)


def refuse_shared(parts, groups):
    train, held_out = set(groups[parts.train]), set(groups[parts.held_out])
    assert train
    assert held_out
    assert not train & held_out
    assert sorted([*parts.train, *parts.held_out]) == list(range(len(groups)))


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("seed", range(3))
def test_no_group_of_a_column_or_array_is_on_both_sides(tmp_path, name, seed):
    settings, source = settings_of(name, tmp_path, group_by="patient", split_seed=seed)
    refuse_shared(split(settings, source), PATIENTS[: len(source)])
    assert not any("patient" in line for line in source.remarks)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("seed", range(3))
def test_no_group_of_a_pattern_is_on_both_sides(tmp_path, name, seed):
    pattern, meant = PATTERNS[name]
    settings, source = settings_of(name, tmp_path, group_pattern=tuple(pattern.split(",")), split_seed=seed)
    refuse_shared(split(settings, source), np.array(list(map(meant, source.names))))


def test_no_group_of_an_array_file_beside_is_on_both_sides(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((11, 1, 8), np.uint8))
    np.save(tmp_path / "patient.npy", np.arange(11)[:, None] // 2)
    settings = DataSettings(SourceSettings("arrays", {"path": str(tmp_path / "x.npy")}), group_by="patient")
    refuse_shared(split(settings, settings.source.build(apart=settings.apart)), np.arange(11) // 2)


def test_every_source_is_grouped_in_some_way_or_says_that_it_cannot_be(tmp_path):
    assert COLUMNS.keys() | PATTERNS.keys() | WITHOUT == set(SOURCES)
    for name in WITHOUT:
        (tmp_path / name).mkdir()
        for given, told in (({"group_by": "labels"}, "without any"), ({"group_pattern": ("(*)",)}, "got none")):
            options = MAKE[name](tmp_path / name)
            settings = DataSettings(SourceSettings(name, SourceSettings.options_of(name)(**options)), **given)
            with pytest.raises(DataError, match=told) as caught:
                split(settings, settings.source.build(trust_code=True))
            assert caught.value.lines[0].startswith(f"data.{next(iter(given))}: ")
