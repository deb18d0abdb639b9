"""The deviation of the data is a setting where it plays a part, and is left to be measured elsewhere."""

from typing import Any

import pytest

from idm.core.errors import SettingsError
from idm.settings import Experiment, from_plain


@pytest.mark.parametrize("changes", [{"prediction": "edm"}, {"prediction": "v", "weighting": "edm"}])
def test_it_may_be_given_where_it_is_used(changes: dict[str, Any]) -> None:
    assert from_plain(Experiment, {"diffusion": changes}).diffusion.sigma_data == "auto"
    assert from_plain(Experiment, {"diffusion": changes | {"sigma_data": 0.4}}).diffusion.sigma_data == 0.4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prediction": "v", "sigma_data": 0.4}, "auto wanted where neither prediction nor weighting is edm, got 0.4"),
        ({"prediction": "edm", "sigma_data": 0.0}, "should be greater than 0"),
        ({"prediction": "edm", "sigma_data": "much"}, "should be a valid number"),
    ],
)
def test_other_values_are_refused_by_path(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=f"^diffusion.sigma_data: {said}"):
        from_plain(Experiment, {"diffusion": changes})
