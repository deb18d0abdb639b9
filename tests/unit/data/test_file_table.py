"""Tables that tell of files: which row is that of which sample."""

from pathlib import Path

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data.base import Indices, Samples, Source
from idm.data.file_table import beside_in_table


class Named(Source):
    """Samples that have names and nothing else."""

    def __init__(self, *names: str) -> None:
        self.names, self.shape, self.dtype, self.note = names, (1,), np.dtype(np.float32), ""

    def __len__(self) -> int:
        assert self.names is not None
        return len(self.names)

    def read(self, indices: Indices) -> Samples:
        return np.zeros((len(indices), 1), np.float32)


VOLUMES = ("sub-01/T1.nii.gz", "sub-02/T1.nii.gz", "sub-10/T1.nii.gz")
AGES = ["30", "41", "70"]


def ages(tmp_path: Path, names: list[str], source: Source, first: str = "age,file", rows: list[str] | None = None):
    rows = [f"{age},{name}" for age, name in zip(AGES, names, strict=True)] if rows is None else rows
    (tmp_path / "a.csv").write_text("\n".join([first, *reversed(rows)]))
    return beside_in_table(source, tmp_path / "a.csv").read("attributes", "age", len(source)).tolist()


@pytest.mark.parametrize(
    "names",
    [
        list(VOLUMES),
        ["/data/study/" + name for name in VOLUMES],
        ["study\\" + name.replace("/", "\\") for name in VOLUMES],
        [name.removesuffix(".nii.gz") for name in VOLUMES],
        ["sub-01", "sub-02", "sub-10"],
        ["./sub-01/", "./sub-02/", "./sub-10/"],
    ],
    ids=["paths", "paths of another place", "paths of Windows", "without suffixes", "folders", "paths of folders"],
)
def test_a_row_is_found_by_path_by_its_end_or_by_a_folder(tmp_path: Path, names: list[str]) -> None:
    assert ages(tmp_path, names, Named(*VOLUMES)) == AGES


def test_names_without_folders_do_where_they_are_told_once(tmp_path: Path) -> None:
    source = Named("anna_0.wav#0", "anna_0.wav#1", "north/bert.wav#0", "cleo.wav")
    assert ages(tmp_path, ["anna_0", "bert.wav", "data/cleo.wav"], source) == ["30", "30", "41", "70"]


def test_accents_are_compared_however_they_are_written(tmp_path: Path) -> None:
    names = ["Ju\u0308rgen.wav", "a.wav", "b.wav"]
    assert ages(tmp_path, ["J\u00fcrgen", "a", "b"], Named(*names)) == AGES


def test_a_column_that_names_files_is_found_among_others(tmp_path: Path) -> None:
    rows = ["1,m,sub-01,30", "2,f,sub-02,41", "3,m,sub-10,70", "4,f,sub-99,9"]
    assert ages(tmp_path, [], Named(*VOLUMES), "number,sex,person,age", rows) == AGES


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["sub-01", "sub-02", "sub-11"], "for 1 file, such as 'sub-10/T1.nii.gz', by the column 'file'"),
        (["sub-01", "sub-02", "sub-02"], "got none or several for 2 files, such as 'sub-02/T1.nii.gz'"),
        (
            ["T1.nii.gz", "T1.nii.gz", "T1.nii.gz"],
            "one row for each of 3 files wanted, got none or several for 3 files",
        ),
    ],
)
def test_files_of_no_row_or_of_several_are_refused(tmp_path: Path, names: list[str], reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        ages(tmp_path, names, Named(*VOLUMES))
    assert "\n" not in str(caught.value)


def test_one_array_has_no_files_to_tell_of(tmp_path: Path) -> None:
    source = Named("a", "b", "c")
    source.names = None
    with pytest.raises(DataError, match="table: data in files, which have names, wanted"):
        ages(tmp_path, ["a", "b", "c"], source)
