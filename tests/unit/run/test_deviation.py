"""The deviation of data in the model's range."""

from pathlib import Path

import numpy as np
import pytest

from idm.core.errors import SettingsError
from idm.data import Codec, Dataset
from idm.data.base import Samples
from idm.data.sources.arrays import Arrays
from idm.run import deviation
from idm.run.deviation import standard_deviation


def dataset(folder: Path, values: Samples) -> Dataset:
    np.save(folder / "values.npy", values)
    codec = Codec("float32", None, (0.0,), (1.0,), bounded=False)
    return Dataset(Arrays(str(folder / "values.npy"), channels="first"), codec, np.arange(len(values)))


def test_it_is_that_of_all_values_about_their_mean(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0.7, 0.3, size=(200, 2, 3)).astype(np.float32)
    assert standard_deviation(dataset(tmp_path, values)) == pytest.approx(float(values.std()), rel=1e-3)


def test_of_many_samples_some_are_taken_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviation, "MOST_SAMPLES", 3)
    values = np.zeros((9, 1, 1), dtype=np.float32)
    values[[0, 4, 8]] = np.array([1.0, 2.0, 6.0], dtype=np.float32).reshape(3, 1, 1)
    assert standard_deviation(dataset(tmp_path, values)) == float(f"{np.std([1.0, 2.0, 6.0]):.4g}")


def test_values_that_are_all_the_same_have_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^diffusion.sigma_data: data whose values differ wanted"):
        standard_deviation(dataset(tmp_path, np.full((5, 1, 2), 0.3, dtype=np.float32)))
