"""Grids of samples that training draws: of slow samples they have fewer rows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from idm.run import load
from idm.tasks import preview as module
from idm.tasks.preview import LONGEST_SECONDS, preview


@pytest.fixture
def draw(run, tmp_path, monkeypatch):
    """Draw a grid of samples that take so long each, so many at once; return its pixels and how long it took."""
    sample = module.draw
    monkeypatch.setattr(module, "NUM_IMAGES", 64)

    def pixels(seconds, batch_size=64):
        clock = [0.0]

        def slowly(run, num, **options):
            clock[0] += num * seconds
            return sample(run, num, **options)

        monkeypatch.setattr(module, "draw", slowly)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        preview(7, replace(load(run, device="cpu"), folder=tmp_path, batch_size=batch_size))
        return np.asarray(Image.open(tmp_path / "samples" / "step-000007.png")), clock[0]

    return pixels


def test_a_grid_of_slow_samples_has_the_first_rows(draw):
    whole, seconds = draw(0.0)
    assert seconds == 0.0
    for rows in (1, 2, 5):  # of six, of ten digits in turn
        found, seconds = draw(LONGEST_SECONDS / 10 / (rows + 0.5))
        assert seconds <= LONGEST_SECONDS
        assert len(found) / len(whole) == pytest.approx(rows / 6, abs=0.02)
        assert np.array_equal(found[:-4], whole[: len(found) - 4])  # but for the margin below


def test_one_row_is_drawn_however_long_it_takes(draw):
    found, seconds = draw(1_000.0)
    assert seconds == 10_000.0
    assert found.shape[1] > 5 * found.shape[0]


def test_how_many_are_drawn_at_once_changes_nothing(draw):
    assert np.array_equal(draw(0.0, batch_size=7)[0], draw(0.0)[0])
