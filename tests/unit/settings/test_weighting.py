"""Weights of the squared error that a loss, or a prediction, cannot have."""

import pytest

from idm.core.errors import SettingsError
from idm.settings import Experiment, from_plain


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "kl", "weighting": "p2"}, "uniform wanted with loss=kl"),
        ({"prediction": "previous_x", "weighting": "min_snr"}, "uniform wanted with prediction=previous_x"),
        ({"prediction": "epsilon", "weighting": "edm"}, "another than edm wanted with prediction=epsilon"),
    ],
)
def test_they_are_refused_by_path(changes: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=f"^diffusion.weighting: {said}"):
        from_plain(Experiment, {"diffusion": changes})


@pytest.mark.parametrize("weighting", ["min_snr", "p2", "sigmoid", "edm"])
def test_others_are_taken_with_v(weighting: str) -> None:
    experiment = from_plain(Experiment, {"diffusion": {"prediction": "v", "weighting": weighting}})
    assert experiment.diffusion.weighting == weighting
