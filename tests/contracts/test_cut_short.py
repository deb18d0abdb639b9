"""Files that are cut short while a source has them open: refused in a line, whatever the format, and never misread.

A file that was mapped into memory would end the process (SIGBUS), or give zeros for what is missing of its last page.
"""

import os

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import SOURCES

from .test_sources import MAKE

OF_FILES = sorted(MAKE.keys() - {"digits", "custom", "sines", "patches"})


@pytest.mark.parametrize("share", [0.95, 0.5])
@pytest.mark.parametrize("name", OF_FILES)
def test_a_file_that_is_cut_short_is_refused_or_was_read_before(tmp_path, name, share):
    source = SOURCES.build(name, MAKE[name](tmp_path))
    whole = source.read(np.arange(len(source)))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files:
        os.truncate(path, int(share * path.stat().st_size))
    refusals = []
    for number in range(len(source)):
        try:
            found = source.read(np.array([number]))[0]
        except DataError as error:
            refusals.append(error.lines)
        else:
            np.testing.assert_array_equal(found, whole[number])
    assert all(len(lines) == 1 and str(tmp_path) in lines[0] for lines in refusals)


def test_so_are_files_of_many_pages_and_large_ones_of_which_parts_are_read(tmp_path):
    values = np.arange(600 * 1_024, dtype=np.float32).reshape(600, 1, 32, 32)
    np.save(tmp_path / "x.npy", values)
    source = SOURCES.build("arrays", {"path": str(tmp_path / "x.npy"), "channels": "first"})
    os.truncate(tmp_path / "x.npy", 100_000)
    np.testing.assert_array_equal(source[3], values[3])
    windows = np.array([[0, 0], [16, 16]])
    with pytest.raises(DataError, match=r"x\.npy: .* it was cut short"):
        source.read(np.array([3, 500]))
    with pytest.raises(DataError, match=r"x\.npy: .* it was cut short"):
        source.read_windows(500, windows, (8, 8))
