"""What fuzzing has found once stays mended."""

import numpy as np
import pytest
import torch
import yaml

from idm.cli import main
from idm.core.errors import DataError, SettingsError
from idm.data import Codec
from idm.schedules import cosine_schedule, linear_schedule

from .configs import DIGITS, POINTS

FOUND = {
    "a multiple that is no number": (DIGITS, "network", {"channel_mult": [float("nan")]}, 2, "network.channel_mult"),
    "an infinite multiple": (DIGITS, "network", {"channel_mult": [float("inf")]}, 2, "network.channel_mult"),
    "a width beyond all memory": (POINTS, "network", {"width": 2**53 + 1}, 6, "memory: not enough"),
    "a width beyond 63 bits": (DIGITS, "network", {"model_channels": 2**64}, 2, "network"),
    "steps without end": (POINTS, "schedule", {"num_timesteps": 2**31}, 2, "at most 1,000,000 wanted"),
}


@pytest.mark.parametrize("case", FOUND)
def test_settings_that_broke_give_one_line(tmp_path, monkeypatch, capsys, case):
    plain, section, changes, code, words = FOUND[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({**plain, section: {**plain[section], **changes}}))
    np.save("points.npy", np.arange(12.0).reshape(6, 2))
    data = [] if plain is DIGITS else ["--data", "points.npy"]
    assert main(["train", "settings.yaml", "--out", "run", "--device", "cpu", *data]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error[")
    assert words in line


@pytest.mark.parametrize("make", [linear_schedule, cosine_schedule])
def test_a_million_steps_are_the_most(make):
    with pytest.raises(SettingsError, match="at most 1,000,000 wanted, got 1,000,001"):
        make(1_000_001)


@pytest.mark.parametrize("shape", [(2, 0), (2, 3), (2, 1)])
def test_samples_of_other_channels_are_not_decoded(shape):
    codec = Codec("float32", None, (0.0, 0.0), (1.0, 1.0), True)
    with pytest.raises(DataError, match="with c = 2 wanted"):
        codec.decode(torch.zeros(shape))


def test_every_line_of_an_error_is_one_line():
    error = SettingsError("name 'a\nb'", "of \x1b[31m")
    assert error.lines == (r"name 'a\nb'", r"of \x1b[31m")
    assert str(error) == "\n".join(error.lines)
