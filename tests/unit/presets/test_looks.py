"""Settings are inferred without a look at values, which training takes."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.presets import data_settings, inferred
from idm.run import open_data


def test_what_is_wrong_with_values_is_found_when_they_are_trained_on(tmp_path):
    values = np.zeros((20, 1, 8, 8), np.float32)
    values[7, 0, 3, 3] = np.nan
    np.save(tmp_path / "x.npy", values)
    experiment = inferred(data_settings(tmp_path / "x.npy"))
    with pytest.raises(DataError, match=r"got 1\.6% missing in sample 7"):
        open_data(experiment.data)
    with pytest.raises(DataError, match=r"got 1\.6% missing in sample 7"):
        SOURCES.build("arrays", {"path": str(tmp_path / "x.npy")})
