"""The program starts quickly, and keeps its memory."""

import runpy
import subprocess
import sys

import pytest

from idm.cli import app, main

SCRIPT = """\
import gc, sys
from idm.cli.startup import with_torch
before = "torch" in sys.modules
with_torch(lambda: None)()
print(before, "torch" in sys.modules, gc.get_freeze_count() > 10_000, gc.isenabled())
"""


def test_torch_is_kept_out_of_garbage_collection():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True", "True"]


@pytest.mark.parametrize("in_full", [False, True])
def test_no_file_in_the_current_folder_stands_in_for_a_module(monkeypatch, tmp_path, in_full):
    """``python -m idm`` is started with the current folder first in the path."""
    (tmp_path / "json.py").write_text("raise AssertionError")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path) if in_full else "", *sys.path])
    before = sys.path[1:]
    runpy.run_module("idm.__main__", run_name="idm.__main__")
    assert sys.path == before


def test_the_program_keeps_freed_memory(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(app, "keep_freed_memory", lambda: calls.append("kept"))
    assert main(["--version"]) == 0
    assert calls == ["kept"]


def test_an_environment_of_no_job_is_refused_with_a_line(idm, monkeypatch, tmp_path):
    for name, value in (("WORLD_SIZE", "two"), ("RANK", "x")):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv(name, value)
        result = idm("train", "--preset", "digits", "--out", tmp_path / "run")
        assert (result.code, len(result.errors)) == (2, 1)
        assert f"{name}: a number wanted" in result.errors[0]
