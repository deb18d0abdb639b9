"""Every kind of image file is read right, converted with notice, or refused by name; the check and training agree."""

import os

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import ImageFolder
from idm.data.check import check_images

from ...hostile import cheap
from .zoo import BY_ACTION, BY_CONTENT, NAMES, RGB, Read, Refused, Skipped


def make(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)


PROMISE = "kinds of image files: read right, converted with notice, or refused by name"
ZOO = BY_CONTENT | BY_ACTION
READ, REFUSED, SKIPPED = (
    {name: item for name, item in ZOO.items() if isinstance(item[1], kind)} for kind in (Read, Refused, Skipped)
)


def test_the_zoo_is_large():
    assert len(ZOO) + len(NAMES) >= 60
    assert len(READ) + len(REFUSED) + len(SKIPPED) == len(ZOO)


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_read_right_and_every_conversion_is_told(tmp_path, name, record):
    content, expected = READ[name]
    make(tmp_path / name, content)
    source = ImageFolder(tmp_path)
    assert len(source) == 1
    pixels = source[0][0] if source.shape[0] == 1 else source[0].transpose(1, 2, 0)
    assert pixels.shape == expected.pixels.shape
    assert np.abs(pixels.astype(int) - expected.pixels.astype(int)).max() <= expected.off
    (entry,) = check_images(tmp_path).files
    assert (entry.path, entry.conversions, entry.refusal) == (name, expected.words, None)
    assert entry.size == pixels.shape[1::-1]
    record(PROMISE, 1)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_by_name_in_one_line_and_quickly(tmp_path, name, record):
    content, expected = REFUSED[name]
    make(tmp_path / name, content)
    with pytest.raises(DataError, match=expected.reason) as error:
        cheap(lambda: ImageFolder(tmp_path))
    (line,) = error.value.lines
    assert name in line
    assert "\n" not in line
    (entry,) = check_images(tmp_path).files
    assert entry.refusal == line
    record(PROMISE, 1)


@pytest.mark.parametrize("name", SKIPPED)
def test_what_is_skipped_is_listed_unless_hidden(tmp_path, name, record):
    content, expected = SKIPPED[name]
    make(tmp_path / name, content)
    Image.fromarray(RGB).save(tmp_path / "z.png")
    assert ImageFolder(tmp_path).names == ("z.png",)
    assert (name in check_images(tmp_path).skipped) == expected.listed
    record(PROMISE, 1)


@pytest.mark.parametrize("name", NAMES)
def test_names_that_break_lines_are_refused_in_one_line(tmp_path, name, record):
    with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:  # noqa: PTH123 - names that Path cannot write
        file.write(BY_CONTENT["rgb.png"][0])
    for look in (ImageFolder, check_images):
        with pytest.raises(DataError, match=NAMES[name]) as error:
            look(tmp_path)
        (line,) = error.value.lines
        assert line.isprintable()
    record(PROMISE, 1)


def test_a_file_name_that_breaks_lines_does_not_matter_where_the_file_is_skipped(tmp_path):
    (tmp_path / "a\nb.txt").write_text("x")
    Image.fromarray(RGB).save(tmp_path / "z.png")
    assert check_images(tmp_path).skipped == ("a\\nb.txt",)
