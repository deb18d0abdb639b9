"""The examples run, on less work than by default."""

import runpy
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def test_points_writes_its_picture_and_prints_its_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "points.py"))["main"](tmp_path, num_steps=20, num_points=50)
    with Image.open(tmp_path / "points.png") as picture:
        assert picture.width > picture.height > 100
    printed = capsys.readouterr().out
    for name in ("oracle, seen", "network, new", "DDPM, all steps", "new data"):
        assert name in printed
