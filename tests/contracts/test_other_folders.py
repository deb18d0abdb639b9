"""Sources that are named by a relative path read from whatever folder the program is in by then."""

from pathlib import Path

import numpy as np
import pytest

from idm.data import SOURCES

from .test_sources import MAKE

OF_FILES = sorted(MAKE.keys() - {"digits", "custom", "sines", "patches"})


@pytest.mark.parametrize("name", OF_FILES)
def test_samples_and_what_lies_beside_them_are_read_from_another_folder(tmp_path, name, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    options = MAKE[name](Path("data"))
    assert not Path(options["path"]).is_absolute()
    source = SOURCES.build(name, options)
    whole = source.read(np.arange(len(source)))
    beside = {column: source.beside.load(column) for column in source.beside.names}
    monkeypatch.chdir("elsewhere")
    np.testing.assert_array_equal(source.read(np.arange(len(source))), whole)
    for column, values in beside.items():
        np.testing.assert_array_equal(source.beside.load(column), values)
