"""Sources that are named by a relative path read from whatever folder the program is in by then."""

from pathlib import Path

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.data.attributes import read_attributes
from idm.data.groups import groups_by

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


def test_labels_groups_and_numbers_beside_an_array_file_are_read_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    beside = {"labels": np.arange(12) % 2, "patient": np.arange(12) // 4, "age": np.linspace(20, 80, 12)}
    for name, values in {"x": np.zeros((12, 1, 8)), **beside}.items():
        np.save(f"{name}.npy", values)
    source = SOURCES.build("arrays", {"path": "x.npy"})
    monkeypatch.chdir("elsewhere")
    assert source.labels.tolist() == beside["labels"].tolist()
    assert groups_by(source, "patient").of.tolist() == beside["patient"].tolist()
    assert read_attributes(source, ("age",))[1][:, 0].tolist() == beside["age"].tolist()
    (tmp_path / "age.npy").unlink()
    with pytest.raises(DataError, match=r"age\.npy"):
        read_attributes(source, ("age",))
