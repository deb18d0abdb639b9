"""The check of a run from the command line."""

import os
import shutil

import pytest

from ..forging import edit, put
from ..hostile import cheap


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def test_a_whole_run_is_intact(idm, run):
    result = idm("verify", run)
    assert result.code == 0, result.err
    heading, *rows = result.out.splitlines()
    assert heading.split() == ["checkpoint", "files", "tensors", "size", "state"]
    assert [row.split()[0] for row in rows] == ["step-00000060", "step-00000120"]
    assert all(row.endswith("intact") for row in rows)


def test_damage_is_named_and_exits_with_4(idm, copy):
    (copy / "checkpoints" / "step-00000120" / "optimizer.safetensors").write_bytes(b"")
    result = idm("verify", copy, "--json")
    assert result.code == 4
    assert [bool(c["problems"]) for c in result.json["checkpoints"]] == [False, True]
    assert result.json["intact"] is False
    (line,) = result.errors
    assert "1 of 2 checkpoints damaged; the newest intact one is used" in line
    assert "step-00000120: optimizer.safetensors is not what was written" in idm("verify", copy).out
    assert "step-00000120 (optimizer.safetensors" in " ".join(idm("info", copy).out.split())


def test_nothing_to_check(idm, tmp_path):
    result = idm("verify", tmp_path)
    assert result.code == 4
    assert "holds no checkpoint" in result.errors[0]


def test_lengths_below_zero_are_refused_and_no_pipe_is_waited_for(idm, copy):
    edit(copy, "training", lambda document: put(document, "metrics_length", -1))
    (copy / "metrics.jsonl").unlink()
    os.mkfifo(copy / "metrics.jsonl")
    result = cheap(lambda: idm("verify", copy))
    assert (result.code, len(result.errors)) == (4, 1)
    assert "training.json holds other things than counts" in result.out
