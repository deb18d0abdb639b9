"""What is written and removed below a folder that somebody else filled."""

import os
import socket
import stat
from pathlib import Path

import pytest

from idm.core.errors import CheckpointError
from idm.core.places import file_in, folder_in, kind_at, open_in_place, remove, require_usable, usable_folder


def make(kind, path):
    """Put something else than a file or folder at a path."""
    if kind == "link":
        path.symlink_to("elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as opened:
            before = Path.cwd()
            os.chdir(path.parent)  # names of sockets are short
            opened.bind(path.name)
            os.chdir(before)


@pytest.mark.parametrize("kind", ["link", "pipe", "socket"])
def test_what_is_no_file_or_folder_of_its_own_is_refused_by_name(tmp_path, kind):
    make(kind, tmp_path / "odd")
    for ask in (file_in, folder_in):
        with pytest.raises(CheckpointError, match=kind) as error:
            ask(tmp_path, "odd")
        assert str(tmp_path / "odd") in str(error.value)
        with pytest.raises(CheckpointError, match=kind):
            ask(tmp_path, "odd", "below")
    with pytest.raises(CheckpointError, match=kind):
        open_in_place(tmp_path / "odd", "a")
    assert not (tmp_path / "elsewhere").exists()


def test_files_and_folders_are_told_apart(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert file_in(tmp_path, "file") == tmp_path / "file"
    assert folder_in(tmp_path, "folder") == tmp_path / "folder"
    with pytest.raises(CheckpointError, match="a file wanted, got a folder"):
        file_in(tmp_path, "folder")
    with pytest.raises(CheckpointError, match="a folder wanted, got a file"):
        file_in(tmp_path, "file", "below")


def test_the_folder_that_was_named_may_be_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to("there")
    assert file_in(tmp_path / "here", "new") == tmp_path / "here" / "new"


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "precious").touch()
    (tmp_path / "here").symlink_to("there")
    remove(tmp_path / "here")
    assert not os.path.lexists(tmp_path / "here")
    assert (tmp_path / "there" / "precious").exists()
    remove(tmp_path / "there")
    remove(tmp_path / "there")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_only_tried_leaves_nothing(tmp_path):
    require_usable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_what_was_made_of_a_folder_stays_where_something_is_in_it(tmp_path):
    with usable_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "file").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_place_that_cannot_be_written_to_is_refused_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "below", tmp_path / ("n" * 300), tmp_path / "no\0name"):
        with pytest.raises(CheckpointError, match="that can be written to wanted") as error:
            require_usable(place)
        assert len(str(error.value).splitlines()) == 1

    def full(descriptor, mode):
        os.close(descriptor)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        require_usable(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_files_that_are_opened_in_place_are_made_as_usual(tmp_path):
    with open_in_place(tmp_path / "new", "a") as stream:
        stream.write("first")
    with open_in_place(tmp_path / "new", "a") as stream:
        stream.write(", second")
    assert (tmp_path / "new").read_text() == "first, second"
    assert stat.S_ISREG((tmp_path / "new").lstat().st_mode)


def test_what_a_path_leads_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    found = {name: kind_at(tmp_path / name) for name in ("", "file", "pipe", "link", "none", "a\0b")}
    named = {"": "a folder", "file": "a file", "pipe": "a pipe", "link": "a file"}
    assert found == named | {"none": "nothing there", "a\0b": "nothing there"}
    assert kind_at(Path(os.devnull)) == "a device"
