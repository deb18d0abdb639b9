"""Folders of more files than a process may have open at once are read, whatever their kind."""

import io
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pyarrow
import pytest
import soundfile
import tifffile
from astropy.io import fits
from PIL import Image
from pyarrow import parquet
from scipy.io import wavfile

from idm.data import SOURCES
from idm.data.arrays.open_files import MOST_OPEN, OpenFiles

from ... import dicoms
from ...edfs import edf_of, numbers
from .test_netcdf import by_h5netcdf, classic

resource = pytest.importorskip("resource")
COUNT, FREE = MOST_OPEN + 36, MOST_OPEN + 24
"""Files of a folder, and those that may be open besides what is open already."""


def values(number):
    return np.full((4, 5), number, np.int16)


def picture(number):
    stream = io.BytesIO()
    Image.fromarray(values(number).astype("u1")).save(stream, format="PNG")
    return stream.getvalue()


def shard(place, number):
    with tarfile.open(place, "w") as archive:
        content = picture(number)
        member = tarfile.TarInfo("0.png")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def variable(number):
    return {"v": (("time", "y", "x"), values(number)[None], {})}


WRITE = {
    # source: suffix, what writes a file of one sample (of windows for signals)
    "netcdf": ("nc", lambda place, number: by_h5netcdf(place, variable(number))),
    "netcdf, classic": ("nc", lambda place, number: classic(1)(place, variable(number))),
    "fits": ("fits", lambda place, number: fits.PrimaryHDU(values(number)).writeto(place)),
    "tiff": ("tif", lambda place, number: tifffile.imwrite(place, values(number))),
    "tiff_stack": ("tif", lambda place, number: tifffile.imwrite(place, values(number))),
    "dicom": ("dcm", lambda place, number: dicoms.write(place, values(number))),
    "array_folder": ("npy", lambda place, number: np.save(place, values(number))),
    "nifti": ("nii", lambda place, number: nibabel.Nifti1Image(values(number), np.eye(4)).to_filename(place)),
    "image_folder": ("png", lambda place, number: place.write_bytes(picture(number))),
    "webdataset": ("tar", shard),
    "table": (
        "parquet",
        lambda place, number: parquet.write_table(pyarrow.table({"x": [values(number).tolist()]}), place),
    ),
    "edf": ("edf", lambda place, number: place.write_bytes(edf_of(numbers(1, 40)))),
    "wav": ("wav", lambda place, number: wavfile.write(place, 8_000, values(number).reshape(-1))),
    "sound": ("flac", lambda place, number: soundfile.write(place, values(number).reshape(-1), 8_000)),
}


@pytest.fixture
def few_files():
    """A process that may open few more files than it has open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(int(file.name) for file in Path("/dev/fd").iterdir()) + FREE, before[1])
    )
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("kind", WRITE)
def test_more_files_than_may_be_open_are_read(tmp_path, few_files, kind):
    suffix, write = WRITE[kind]
    for number in range(COUNT):
        write(tmp_path / f"{number:03}.{suffix}", number)
    source = SOURCES.build(kind.partition(",")[0], {"path": str(tmp_path)})
    assert len(source) == COUNT
    rows = source.read(np.arange(COUNT)[::-1])
    if kind not in ("edf", "wav", "sound"):
        np.testing.assert_array_equal(rows.reshape(COUNT, -1)[:, 0], np.arange(COUNT)[::-1])


def test_files_that_were_read_last_stay_open(tmp_path):
    opened = []

    def look(where):
        opened.append(where.name)
        return {"x": np.arange(3) + int(where.name)}

    files = OpenFiles(look)
    arrays = [files.array(tmp_path / str(number), "x") for number in range(MOST_OPEN + 1)]
    assert not opened
    for array in (arrays[0], *arrays[1:], arrays[2], arrays[0], arrays[2]):
        array[:1]
    assert opened == [*map(str, range(MOST_OPEN + 1)), "0"]
    assert arrays[3][1:].tolist() == [4, 5]
