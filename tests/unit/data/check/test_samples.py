"""Arrays are checked sample by sample."""

import hashlib

import numpy as np
import pytest

from idm.data.check import check_path, measure_speed


def test_equal_and_flat_samples_ranges_and_classes_are_found(tmp_path):
    data = np.random.default_rng(0).uniform(-1, 1, (12, 2, 9)).astype(np.float32)
    data[7] = data[3]
    data[5] = 0.25
    data[0, :, 0] = (-9, 8)
    np.savez(tmp_path / "a.npz", x=data, y=np.array([0] * 11 + [1]))
    check = check_path(tmp_path / "a.npz")
    assert check.source == "arrays"
    assert check.duplicates == (("3", "7"),)
    assert {group.reason: group.names for group in check.odd}["one value everywhere"] == ("5",)
    assert check.low[0] == -9
    assert check.high[1] == 8
    assert check.classes == {"0": 11, "1": 1}
    assert any("classes from 1 to 11" in remark for remark in check.remarks)
    assert "1 sample with one value everywhere: 5" in check.remarks
    (file,) = check.files
    assert file.sha256 == hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert (file.format, file.mode, file.size) == ("npz", "float32", (12, 2, 9))
    assert not check.refusals


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.full((3, 1, 4), np.nan), "missing in sample 0"),
        (np.full((3, 1, 4), 7), "at least two different values"),
        (np.zeros((3, 12, 30)), "cannot tell the channels"),
    ],
)
def test_what_training_refuses_is_refused(tmp_path, data, reason):
    np.save(tmp_path / "a.npy", data)
    check = check_path(tmp_path / "a.npy")
    assert reason in check.refusals[0]
    assert reason in check.files[0].refusal
    assert check.opened is None


def test_points_are_never_called_flat(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10.0)[:, None])
    assert check_path(tmp_path / "a.npy").odd == ()


def test_the_speed_is_that_of_whole_epochs(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(100, 1, 8)))
    speed = measure_speed("arrays", {"path": str(tmp_path / "a.npy")})
    assert min(speed.first, speed.later) > 0
    assert speed.opening > 0
