"""The benchmark of a CUDA card goes through its motions without one."""

import inspect
import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

import gpu
from card import roofline
from idm.bench import harness

PARTS = ["limits", "agreement", "forward", "sampling", "training", "memory"]


@pytest.mark.slow
def test_the_miniature_measures_everything_and_prints_its_table_last(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(harness, "SHORTEST_SECONDS", 0.001)  # the figures are not what is tested
    monkeypatch.setattr(harness, "TRIES", 1)
    monkeypatch.setitem(inspect.unwrap(harness.compare).__kwdefaults__, "rounds", 2)
    for name in ("CALLS", "ROUNDS"):
        monkeypatch.setattr(roofline, name, 1)
    for name in ("benchmark", "allow_tf32"):  # which the script sets
        monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--quick", "--out", str(tmp_path / "gpu.json")])
    code, told = gpu.main(), capsys.readouterr().out
    assert code == 0, told
    document = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert list(document["seconds"]) == PARTS
    assert all(check["value"] <= check["limit"] for check in document["checks"])
    assert {speed["work"]["name"] for speed in document["speeds"]} == {"forward", "2 of 4 DDPM steps", "training step"}
    assert "on a CUDA device wanted, got them on cpu" in told
    assert told.splitlines()[-1].startswith("  idm bfloat16")


def test_without_a_card_the_script_says_how_to_be_tried(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(Path(gpu.__file__)), run_name="__main__")
    assert ended.value.code == 2
    assert "no CUDA card here; --device cpu --quick" in capsys.readouterr().err
