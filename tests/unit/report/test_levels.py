"""Figures of errors over noise levels show the numbers they are given."""

import numpy as np
import pytest
import torch

from idm.core.errors import DataError
from idm.core.level_errors import LevelErrors
from idm.metrics import LevelScores
from idm.report import png
from idm.report.levels import errors_over_levels, memorisation_clock

KAPPA = torch.tensor([0.5, 2.0]).double()
HELD_OUT = LevelErrors(KAPPA, torch.tensor([[1.0, 3.0], [3.0, 5.0]]).double(), torch.tensor([[0.5, 0.1]] * 2).double())
TRAINING = LevelErrors(
    KAPPA,
    torch.tensor([[1.0, 3.0], [1.0, 3.0]]).double(),
    torch.tensor([[0.4, 0.1]] * 2).double(),
    torch.tensor([[0.0, 1.0], [0.0, 2.0]]).double(),
)


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def bars(axes):
    return {bar.get_label(): bar.lines[0].get_xydata() for bar in axes.containers}


def test_errors_and_what_is_memorised_are_drawn_over_kappa():
    bits, errors, gaps = errors_over_levels(LevelScores(HELD_OUT, TRAINING)).axes
    np.testing.assert_allclose(bars(bits)["held-out"], [[0.5, 0.5], [2.0, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(bars(errors)["held-out"], [[0.5, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(bars(errors)["training"], [[0.5, 1.0], [2.0, 3.0]])
    np.testing.assert_allclose(lines(errors)["training, the least there is"], [[2.0, 1.5]])  # 0 is on no log scale
    np.testing.assert_allclose(bars(gaps)["training below held-out"], [[0.5, 0.5], [2.0, 0.25]])
    np.testing.assert_allclose(bars(gaps)["excess over the least for training"], [[0.5, 0.5], [2.0, 0.375]])


def test_without_training_data_there_is_no_gap_to_draw():
    figure = errors_over_levels(LevelScores(HELD_OUT))
    assert "training" not in bars(figure.axes[1])
    assert png(figure).startswith(b"\x89PNG")


def test_the_clock_says_when_memorisation_began():
    rows = [
        {"step": 10, "loss": 1.0},
        {"step": 20, "memorised": 0.1, "memorised_error": 0.05},
        {"step": 40, "memorised": 0.4, "memorised_error": 0.05, "memorising_since": 40},
    ]
    (axes,) = memorisation_clock(rows).axes
    np.testing.assert_allclose(axes.containers[0].lines[0].get_xydata(), [[20, 0.1], [40, 0.4]])
    np.testing.assert_allclose(lines(axes)["began by step 40"][:, 0], [40, 40])
    with pytest.raises(DataError, match="lines of metrics that tell of it wanted"):
        memorisation_clock(rows[:1])
