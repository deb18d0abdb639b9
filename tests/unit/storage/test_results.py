"""Folders for results: what may be replaced, and by whom."""

import hashlib
import threading
from pathlib import Path

import pytest

from idm.core.errors import CheckpointError, SettingsError
from idm.storage.record import LARGEST_RECORD_BYTES, RECORD, Record
from idm.storage.results import results_in, write_record

from ...hostile import cheap

ONE, MINE = (hashlib.sha256(text).hexdigest() for text in (b"1", b"mine"))


def put(folder, files, what="results", further=r"[a-z/0-9]+(\.png)?"):
    """Write files, texts by name, as a command does that may write others as well; what was replaced."""

    def write(new):
        for name, text in files.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)
        return {name: new / name for name in files}

    with results_in(folder, list(files), further) as results:
        written = results.put(what, write)
        assert written == {name: folder / name for name in files}
        return results.replaces


def texts(folder):
    """Visible files of a folder by name."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_results_replace_earlier_ones_whole_and_say_what_they_replace(tmp_path):
    assert put(tmp_path / "a", {"grid.png": "1", "images/1.png": "1", "images/2.png": "1"}, "3 files") == ""
    assert put(tmp_path / "a", {"grid.png": "2", "images/1.png": "2"}, "2 files") == "3 files"
    assert texts(tmp_path / "a") == {"grid.png": "2", "images/1.png": "2"}
    assert put(tmp_path / "a", {"grid.png": "3"}) == "2 files"
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [RECORD, "grid.png"]


def test_a_file_that_was_not_written_here_is_refused_before_the_work(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_text("mine")
    with (
        pytest.raises(SettingsError, match=r"images/1\.png, which this program did not write"),
        results_in(tmp_path, ["grid.png", "images/1.png"]),
    ):
        raise AssertionError
    assert texts(tmp_path) == {"images/1.png": "mine"}
    assert not (tmp_path / RECORD).exists()


def test_a_result_that_somebody_changed_is_his(tmp_path):
    put(tmp_path, {"grid.png": "1", "old.png": "1"})
    for name in ("grid.png", "old.png"):
        (tmp_path / name).write_text("2")
    with pytest.raises(SettingsError, match=r"grid\.png"):
        put(tmp_path, {"grid.png": "3"})
    put(tmp_path, {"new.png": "3"})
    assert texts(tmp_path) == {"grid.png": "2", "old.png": "2", "new.png": "3"}


def test_other_files_stay(tmp_path):
    (tmp_path / "notes").write_text("mine")
    put(tmp_path, {"grid.png": "1"})
    put(tmp_path, {"plot.png": "2"})
    assert texts(tmp_path) == {"notes": "mine", "plot.png": "2"}


def test_a_file_that_came_during_the_work_is_kept_and_so_are_the_results(tmp_path):
    with results_in(tmp_path, ["grid.png"]) as results:
        (tmp_path / "grid.png").write_text("mine")
        with pytest.raises(SettingsError, match="the results of this call are in") as error:
            results.put("", lambda new: (new / "grid.png").write_text("result") and {})
    kept = str(error.value).rsplit(" in ", 1)[1]
    assert texts(tmp_path) == {"grid.png": "mine", f"{Path(kept).name}/grid.png": "result"}


def test_results_that_are_cut_off_leave_the_earlier_ones(tmp_path):
    put(tmp_path, {"grid.png": "1"})

    def fail(new):
        (new / "grid.png").write_text("2")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), results_in(tmp_path, ["grid.png"]) as results:
        results.put("", fail)
    assert texts(tmp_path) == {"grid.png": "1"}


@pytest.mark.parametrize("at", range(5))
def test_cut_off_between_two_files_all_are_still_known_as_results(tmp_path, monkeypatch, at):
    put(tmp_path, {name: "1" for name in "abcd"})
    count, replace = iter(range(100)), type(tmp_path).replace

    def stop(path, target):
        if next(count) == at:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, {name: "2" for name in "bcd"})
    put(tmp_path, {name: "3" for name in "ab"})
    assert texts(tmp_path) == {"a": "3", "b": "3"}


def test_a_command_may_write_several_times(tmp_path):
    put(tmp_path, {"old": "1"})
    with results_in(tmp_path, ["table", "plot"], "old") as results:
        for name, text in (("table", "1"), ("table", "2"), ("plot", "2")):
            results.put("", lambda new, name=name, text=text: (new / name).write_text(text) and {})
    assert texts(tmp_path) == {"table": "2", "plot": "2"}


def test_a_second_command_is_refused_and_a_folder_without_results_is_gone(tmp_path):
    refused = []

    def second():
        with pytest.raises(CheckpointError, match="nothing else works in") as error:
            put(tmp_path / "a" / "b", {"grid.png": "1"})
        refused.append(error)

    with results_in(tmp_path / "a" / "b", ["grid.png"]):
        other = threading.Thread(target=second)
        other.start()
        other.join()
    assert len(refused) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [RECORD, ".results.lock", "grid.png", "images"])
def test_a_link_in_the_folder_is_refused_and_not_followed(tmp_path, name):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "1.png").write_text("precious")
    (tmp_path / "there" / "file").write_text("precious")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).symlink_to("../there" if name == "images" else "../there/file")
    with pytest.raises(CheckpointError, match="got a link, which is not followed"):
        put(folder, {"grid.png": "1", "images/1.png": "1"})
    assert texts(tmp_path / "there") == {"1.png": "precious", "file": "precious"}


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there")
    put(tmp_path / "out", {"grid.png": "1"})
    assert texts(tmp_path / "there") == {"grid.png": "1"}


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"what": ""}\n["grid.png", [null]]',
        '{"what": "", "files": {"grid.png": [null]}}',
        f'{{"what": ""}}\n["grid.png", [[1, "{ONE}"]]]\n["../precious", [[4, "{MINE}"]]]',
        f'{{"what": ""}}\n["grid.png", [[1, "{ONE}"]]]\n["a/../../precious", [[4, "{MINE}"]]]',
        '{"what": ""}\n["grid.png", [[1]]]',
        '{"what": ""}\n["grid.png", 1]',
        '{"what": ""}\n["grid.png", [[1, null]]]',
    ],
)
def test_a_record_that_is_none_or_names_files_elsewhere_is_not_believed(tmp_path, record):
    (tmp_path / "precious").write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / RECORD).write_text(record)
    (folder / "grid.png").write_text("1")
    with pytest.raises(SettingsError, match=r"grid\.png"):
        put(folder, {"grid.png": "2"})
    put(folder, {"plot.png": "2"})
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_record_counts_only_for_names_that_the_command_writes(tmp_path):
    put(tmp_path, {"letter": "mine", "grid.png": "1"})
    theirs = "1 file of an earlier command"  # the last command that wrote need not be the one that wrote it
    assert put(tmp_path, {"plot.png": "2"}, further=r"grid\.png") == theirs
    assert texts(tmp_path) == {"letter": "mine", "plot.png": "2"}
    assert put(tmp_path, {"table": "3"}, further="") == "", "nothing of its own names was there"
    assert put(tmp_path, {"letter": "4"}) == "results", "other commands know what is theirs still"
    assert texts(tmp_path) == {"letter": "4"}


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = Record("words", {"a": ((3, "a" * 64), (4, "0" * 64)), "b": ((5, "b" * 64),)})
    write_record(record, tmp_path)
    assert Record.read(tmp_path) == record


@pytest.mark.parametrize("begin", ["", '{"what": ""}\n'])
@pytest.mark.parametrize("content", ["[],", "[]\n", '["a", []]\n', "[", "\n", '{"what": 1}\n'])
def test_a_record_of_megabytes_is_cheap(tmp_path, begin, content):
    """Within the second and the 100 MB that are promised of what a stranger made."""
    (tmp_path / RECORD).write_text(begin + content * ((LARGEST_RECORD_BYTES - 20) // len(content)))
    assert cheap(lambda: Record.read(tmp_path)).files == {}


def test_a_record_of_as_many_files_as_are_drawn_at_once_is_read(tmp_path):
    files = {f"images/{number:05d}.png": ((1234, f"{number:064x}"), (1235, "0" * 64)) for number in range(50_000)}
    write_record(Record("50,000 samples, while they replace others", files), tmp_path)
    assert Record.read(tmp_path).files == files


def test_files_two_folders_deep_of_letters_of_any_script_are_replaced_and_their_folders_go(tmp_path):
    name, further = "png/größe-猫/00000.png", r"png/[^/]+/[^/]+\.png"

    def write(new):
        (new / name).parent.mkdir(parents=True)
        (new / name).write_bytes(b"1")
        return {}

    with results_in(tmp_path / "out", [], further) as results:
        results.put("pictures", write)
    assert (tmp_path / "out" / name).read_bytes() == b"1"
    with results_in(tmp_path / "out", [], further) as results:
        results.put("nothing", lambda new: {})
    assert not (tmp_path / "out" / "png").exists()
