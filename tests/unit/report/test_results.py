"""Folders for results: what may be replaced, and by whom."""

import threading
from pathlib import Path

import pytest

from idm.core.errors import CheckpointError, SettingsError
from idm.report.record import RECORD, Record, by_summary
from idm.report.results import results_in


def nothing(folder):
    return None


def put(folder, files, what="results", recognise=nothing):
    """Write files, texts by name, as a command does; what was replaced."""

    def write(new):
        for name, text in files.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)
        return {name: new / name for name in files}

    with results_in(folder, list(files), recognise) as results:
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
        results_in(tmp_path, ["grid.png", "images/1.png"], nothing),
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
    with results_in(tmp_path, ["grid.png"], nothing) as results:
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

    with pytest.raises(OSError, match="No space"), results_in(tmp_path, ["grid.png"], nothing) as results:
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
    with results_in(tmp_path, ["table", "plot"], nothing) as results:
        for name, text in (("table", "1"), ("table", "2"), ("plot", "2")):
            results.put("", lambda new, name=name, text=text: (new / name).write_text(text) and {})
    assert texts(tmp_path) == {"table": "2", "plot": "2"}


def test_a_second_command_is_refused_and_a_folder_without_results_is_gone(tmp_path):
    refused = []

    def second():
        with pytest.raises(CheckpointError, match="nothing else works in") as error:
            put(tmp_path / "a" / "b", {"grid.png": "1"})
        refused.append(error)

    with results_in(tmp_path / "a" / "b", ["grid.png"], nothing):
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
        '{"what": "", "files": {"grid.png": [null], "../precious": [null]}}',
        '{"what": "", "files": {"grid.png": [null], "a/../../precious": [null]}}',
        '{"what": "", "files": {"grid.png": [[1]]}}',
        '{"what": "", "files": {"grid.png": 1}}',
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


def test_results_of_a_version_without_records_are_known_by_one_of_them(tmp_path):
    recognise = by_summary("a summary", "summary.json", ["total"], ["summary.json", "plot.png"])
    for name, text in (("summary.json", '{"total": 1}'), ("plot.png", "1"), ("own.png", "mine")):
        (tmp_path / name).write_text(text)
    assert put(tmp_path, {"summary.json": "2"}, recognise=recognise) == "a summary"
    assert texts(tmp_path) == {"summary.json": "2", "own.png": "mine"}
    (tmp_path / RECORD).unlink()
    with pytest.raises(SettingsError, match=r"summary\.json"):
        put(tmp_path, {"summary.json": "3"}, recognise=recognise)


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = Record("words", {"a": ((3, "hash"), (4, "other")), "b": (None,)})
    record.write(tmp_path)
    assert Record.read(tmp_path) == record
