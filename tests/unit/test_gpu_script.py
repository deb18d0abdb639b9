"""The benchmark of a CUDA card goes through its motions without one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"
PARTS = ["limits", "agreement", "forward", "sampling", "training", "memory"]


@pytest.mark.slow
def test_the_miniature_measures_everything_and_prints_its_table_last(tmp_path: Path):
    found = subprocess.run(
        [sys.executable, str(SCRIPT), "--device", "cpu", "--quick", "--out", str(tmp_path / "gpu.json")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert found.returncode == 0, found.stdout + found.stderr
    document = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert list(document["seconds"]) == PARTS
    assert all(check["value"] <= check["limit"] for check in document["checks"])
    assert {speed["work"]["name"] for speed in document["speeds"]} == {"forward", "2 of 4 DDPM steps", "training step"}
    assert "on a CUDA device wanted, got them on cpu" in found.stdout
    assert found.stdout.splitlines()[-1].startswith("  idm bfloat16")


def test_without_a_card_it_says_how_to_be_tried(tmp_path: Path):
    found = subprocess.run(
        [sys.executable, str(SCRIPT)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    assert found.returncode == 2
    assert "no CUDA card here; --device cpu --quick" in found.stderr
