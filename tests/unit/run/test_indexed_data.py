"""Runs are trained, continued and scored on what an index lists."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idm.core.progress import SILENT
from idm.data.check import check_path
from idm.run import Run, load, open_data_to_score, open_run_data
from idm.tasks import train


def indexed(folder: Path, seed: int, size: int = 8) -> Path:
    """Write 12 pictures and their index."""
    place = folder / f"pictures {seed}"
    place.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(100 * seed + number).integers(0, 256, (size, size)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    index = check_path(place).index
    assert index is not None
    (folder / f"{seed}.jsonl").write_text(index.to_text(), encoding="utf-8")
    return folder / f"{seed}.jsonl"


@pytest.fixture
def run(experiment, tmp_path) -> Run:
    index = indexed(tmp_path, 1)
    moved = (tmp_path / "pictures 1").rename(tmp_path / "moved")
    source = {"name": "index", "path": str(index), "folder": str(moved)}
    return train(experiment(data={"source": source}), tmp_path / "run", device="cpu", listener=SILENT)


def test_a_run_finds_its_indexed_data_again(run, tmp_path):
    data = open_run_data(load(tmp_path / "run", device="cpu"))
    assert (data.spec, data.train.source.note) == (run.spec, "8-bit grey, as indexed in 1.jsonl, no labels")


def test_a_run_on_an_index_is_scored_on_another_where_that_one_lies(run, tmp_path):
    data = open_data_to_score(run, indexed(tmp_path, 2))
    assert len(data.held_out) == 12
    first = np.random.default_rng(200).integers(0, 256, (8, 8)).astype(np.uint8)
    np.testing.assert_array_equal(data.held_out.source[0][0], first)
    assert data.spec.fingerprint == data.held_out.source.fingerprint() != run.spec.fingerprint


def test_a_run_on_an_index_is_scored_on_a_plain_folder(run, tmp_path):
    indexed(tmp_path, 3, size=16)
    data = open_data_to_score(run, tmp_path / "pictures 3")
    assert (len(data.held_out), data.held_out.source.shape) == (12, (1, 8, 8))
