"""Grids of samples that training draws: of slow samples they have fewer rows."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from idm.cli import preview as module
from idm.cli.preview import preview
from idm.experiment import load


@pytest.fixture
def draw(run, tmp_path, monkeypatch):
    """Draw a grid in a minute that has so many batches; return its pixels."""

    def pixels(batches):
        clock = iter(range(1000))
        monkeypatch.setattr(module.time, "monotonic", lambda: next(clock) * module.LONGEST_SECONDS / (batches - 0.5))
        preview(7, replace(load(run, device="cpu"), path=tmp_path, batch_size=10))
        return np.asarray(Image.open(tmp_path / "samples" / "step-000007.png"))

    return pixels


def test_a_grid_of_slow_samples_has_the_first_rows(draw):
    whole = draw(1_000)
    for batches in (1, 2, 4):  # ten digits in turn: a row each
        rows = draw(batches)
        assert len(rows) / len(whole) == pytest.approx(batches / 6, abs=0.02)
        assert np.array_equal(rows[:-4], whole[: len(rows) - 4])  # but for the margin below


def test_a_last_row_that_is_not_whole_is_left_out_unless_it_is_the_only_one(run, tmp_path, monkeypatch):
    def size(batch_size, batches):
        clock = iter(range(1000))
        monkeypatch.setattr(module.time, "monotonic", lambda: next(clock) * module.LONGEST_SECONDS / (batches - 0.5))
        preview(7, replace(load(run, device="cpu"), path=tmp_path, batch_size=batch_size))
        return Image.open(tmp_path / "samples" / "step-000007.png").size

    (width, one), (_, two) = size(10, 1), size(10, 2)
    assert size(7, 2) == (width, one)
    assert size(7, 3) == (width, two)
    assert size(4, 1)[0] < width / 2
