"""What tools/fetch_data.py takes of packages, which are strangers' files; no network."""

import io
import runpy
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "fetch_data.py"
FETCH: dict[str, Any] = runpy.run_path(str(TOOL))
PNG = "package/img/google/64/1f44{}.png"
WANTED = replace(FETCH["DATA_SETS"]["emoji"], count=(2, 3), largest=100)


def tgz(path: Path, files: Mapping[str, bytes], links: Mapping[str, str] = {}) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return path


def takes(archive: Path, folder: Path, wanted: object = WANTED) -> dict[str, bytes]:
    folder.mkdir()
    FETCH["take"](archive, wanted, folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_only_named_files_are_taken(tmp_path: Path) -> None:
    files = {PNG.format(1): b"one", PNG.format(2): b"two", "package/README.md": b"no", "../../1f443.png": b"no"}
    archive = tgz(tmp_path / "a.tgz", files | {"package/img/google/64/../../../x.png": b"no"})
    assert takes(archive, tmp_path / "out") == {"1f441.png": b"one", "1f442.png": b"two"}


def test_a_link_is_not_taken(tmp_path: Path) -> None:
    archive = tgz(tmp_path / "a.tgz", {PNG.format(1): b"one"}, {PNG.format(2): "/etc/passwd"})
    with pytest.raises(FETCH["FetchError"], match=r"2 files like .* wanted, got 1"):
        takes(archive, tmp_path / "out")


@pytest.mark.parametrize(
    "files",
    [{PNG.format(1): b"1" * 101, PNG.format(2): b"2"}, {PNG.format(i): b"." for i in range(4)}],
    ids=["too large", "too many"],
)
def test_sizes_and_counts_are_bounded(files: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(FETCH["FetchError"], match="at most 3 files of 100 bytes wanted, got more"):
        takes(tgz(tmp_path / "a.tgz", files), tmp_path / "out")


def test_a_name_that_comes_twice_is_not_written_twice(tmp_path: Path) -> None:
    archive = tgz(tmp_path / "a.tgz", {PNG.format(1): b"one"})
    with tarfile.open(archive, "w:gz") as tar:
        for content in (b"one", b"two"):
            member = tarfile.TarInfo(PNG.format(1))
            member.size = 3
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(FileExistsError):
        takes(archive, tmp_path / "out")


def test_a_bomb_in_a_wheel_is_read_no_further_than_its_bound(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scipy-1.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("scipy/misc/ecg.dat", bytes(3 * 2**20))
    with pytest.raises(FETCH["FetchError"], match="1,048,576 bytes wanted"):
        takes(tmp_path / "scipy-1.whl", tmp_path / "out", FETCH["DATA_SETS"]["ecg"])


def test_a_wheel_of_too_many_files_is_refused_and_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FETCH["refuse_more"].__globals__, "MOST_MEMBERS", 2)
    with zipfile.ZipFile(tmp_path / "scipy-1.whl", "w") as wheel:
        for name in ("a", "scipy/misc/ecg.dat", "b"):
            wheel.writestr(name, b"1")
    with pytest.raises(FETCH["FetchError"], match="at most 2 files wanted, got more"):
        takes(tmp_path / "scipy-1.whl", tmp_path / "out", FETCH["DATA_SETS"]["ecg"])


def damaged(kind: str) -> bytes:
    """A wheel whose member cannot be unpacked."""
    stream = io.BytesIO()
    packing = zipfile.ZIP_STORED if kind == "broken off" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", packing) as wheel:
        wheel.writestr("scipy/misc/ecg.dat", bytes(range(256)) * 9)
    content, name = bytearray(stream.getvalue()), len("scipy/misc/ecg.dat")
    entry = content.index(b"PK\1\2")
    if kind == "encrypted":
        content[6] = content[entry + 8] = 1
    elif kind == "packed in an unknown way":
        content[8] = content[entry + 10] = 99
    elif kind == "broken off":
        content[entry + 20 : entry + 28] = (2**20).to_bytes(4, "little") * 2
    else:
        content[30 + name : 40 + name] = b"\xff" * 10
    return bytes(content)


@pytest.mark.parametrize("kind", ["encrypted", "packed in an unknown way", "broken off", "damaged"])
def test_a_wheel_that_cannot_be_unpacked_is_a_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(command: object, *, cwd: Path, **_: object) -> None:
        (cwd / "scipy-1.whl").write_bytes(damaged(kind))

    monkeypatch.setattr(subprocess, "run", leave)
    monkeypatch.setattr("importlib.util.find_spec", str)
    assert FETCH["main"](tmp_path / "data", ["ecg"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ecg: ")
    assert "; by hand: scipy/misc/ecg.dat out of any wheel of SciPy" in line
    assert not list((tmp_path / "data").iterdir())


def test_where_pip_is_missing_a_line_says_what_to_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    assert FETCH["main"](tmp_path / "data", ["ecg"]) == 1
    assert capsys.readouterr().err.startswith("ecg: no pip here; by hand: scipy/misc/ecg.dat")


def ran(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *map(str, words)], capture_output=True, text=True, env={"PATH": ""})


def test_where_a_client_is_missing_a_line_says_what_to_download(tmp_path: Path) -> None:
    found = ran(tmp_path / "data", "--only", "emoji,fields")
    lines = found.stderr.splitlines()
    assert found.returncode == 1
    assert len(lines) == 2
    assert lines[0].startswith("emoji: no npm here; by hand: img/google/64 of the npm package emoji-datasource-google")
    assert "monthly_navy_winds.cdf" in lines[1]
    assert not (tmp_path / "data").exists()


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ecg").mkdir()
    found = ran(tmp_path, "--only", "ecg")
    assert (found.returncode, found.stderr) == (0, "")
    assert "is left as it is" in found.stdout
    assert not list((tmp_path / "ecg").iterdir())


def test_an_unknown_name_is_refused_with_those_there_are(tmp_path: Path) -> None:
    found = ran(tmp_path, "--only", "mnist")
    assert found.returncode == 2
    assert "fashion-mnist, fields, emoji, ecg wanted, got mnist" in found.stderr
