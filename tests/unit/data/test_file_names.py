"""Accents that are composed in one place and decomposed in the other are the same name."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from idm.data import SOURCES
from idm.data.base import number_classes
from idm.data.check import check_path
from idm.data.file_names import Finder
from idm.data.split import split_by_folder, split_by_list

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))
PAIRS = pytest.mark.parametrize(("stored", "written"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])


def picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), value).save(path)


@PAIRS
def test_a_csv_names_files(tmp_path, stored, written):
    picture(tmp_path / stored / f"{stored}.png", 7)
    (tmp_path / "list.csv").write_text(f"path,label\n{written}/{written}.png,{written}\n", encoding="utf-8")
    source = SOURCES.build("csv", {"path": str(tmp_path / "list.csv")})
    assert source[0].max() == 7
    assert source.class_names == (COMPOSED,)


@PAIRS
def test_an_index_names_files(tmp_path, stored, written):
    (tmp_path / "data").mkdir()
    picture(tmp_path / "data" / f"{written}.png", 7)
    text = check_path(tmp_path / "data").index.to_text()
    (tmp_path / "data" / f"{written}.png").rename(tmp_path / "data" / f"{stored}.png")
    (tmp_path / "index.jsonl").write_text(text, encoding="utf-8")
    assert SOURCES.build("index", {"path": str(tmp_path / "index.jsonl")})[0].max() == 7


@PAIRS
def test_lists_and_folders_hold_out(stored, written):
    names = (f"{stored}/a.png", "b.png", "c.png")
    assert split_by_list(names, [f"{written}/a.png"])[1].tolist() == [0]
    assert split_by_folder(names, written)[1].tolist() == [0]


def test_a_name_that_is_there_as_it_is_written_is_itself(tmp_path):
    for value, name in enumerate((COMPOSED, DECOMPOSED)):
        picture(tmp_path / f"{name}.png", value)
    for name in (COMPOSED, DECOMPOSED):
        assert Finder(tmp_path).find(f"{name}.png") == tmp_path / f"{name}.png"
        assert split_by_list((COMPOSED, DECOMPOSED, "c"), [name])[1].tolist() == [[COMPOSED, DECOMPOSED].index(name)]


def test_classes_of_either_form_are_one():
    labels, names = number_classes(np.array([COMPOSED, "a", DECOMPOSED]))
    assert (labels.tolist(), names) == ([1, 0, 1], ("a", COMPOSED))
