"""Numbers that are none, or out of range, are refused in a line that begins with what they were given for."""

import shutil

import numpy as np
import pytest

from idm.core.counts import finite_number
from idm.core.errors import SettingsError
from idm.run import load

NAN, INF = float("nan"), float("inf")
X = np.zeros((1, 1, 8, 8), dtype=np.uint8)
NO_COUNT = ("4", 2.5, True, NAN, INF, [3])
NO_NUMBER = ("much", True, NAN, INF, -INF, [0.5])


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    """A tiny run of digits."""
    return load(shutil.copytree(tiny_run, tmp_path_factory.mktemp("numbers") / "run"), device="cpu")


USES = {
    "restore": lambda run, **given: run.restore(X[:, :, :1, :1], run.operator("downsample:8"), **given),
    "edit": lambda run, **given: run.edit(X, **given),
    "invert": lambda run, **given: run.edit(X, method="bdia", **given),
    "encode": lambda run, **given: run.encode(X, **given),
    "interpolate": lambda run, **given: run.interpolate(X[0], X[0], **given),
    "sample": lambda run, **given: run.sample(**{"num": 1, **given}),
    "guided": lambda run, **given: run.guided(**given),
}
SEEDED = ("restore", "edit", "encode", "interpolate", "sample")
CASES = [
    *(("restore", "noise", value) for value in (*NO_NUMBER, -0.1, None)),
    *((use, "num", value) for use in ("restore", "edit", "interpolate") for value in (*NO_COUNT, 0, -1)),
    *((use, "seed", value) for use in SEEDED for value in ("4", True, NAN, None)),
    *((use, "batch_size", value) for use in ("restore", "edit", "encode") for value in ("4", 2.5, True, NAN, 0, -1)),
    *((use, "strength", value) for use in ("edit", "invert") for value in (*NO_NUMBER, 0, -0.5, 1.5, None)),
    *(
        (use, "steps", value)
        for use in ("encode", "interpolate", "invert")
        for value in ("4", 2.5, True, NAN, -1, 9999)
    ),
    *((use, "threshold", value) for use in ("encode", "interpolate", "invert") for value in (*NO_NUMBER, -1, 1.5)),
    *(("sample", "guidance", value) for value in NO_NUMBER),
    *(("guided", name, value) for name in ("guidance", "autoguidance", "classifier_scale") for value in NO_NUMBER),
]


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("use", "name", "value"), CASES)
def test_what_is_no_such_number_is_refused_in_a_line_that_names_it(run, use, name, value):
    with pytest.raises(SettingsError, match=rf"^{name}: ") as refused:
        USES[use](run, **{name: value})
    assert len(refused.value.lines) == 1


def test_zero_steps_are_all_steps_everywhere(run):
    total = run.diffusion.num_timesteps
    assert run.sampler(steps=0).diffusion.num_timesteps == total
    codes = run.encode(X, method="ddim", steps=0)
    assert codes.steps == run.diffusion.grid.num_steps_below(20.0)
    assert run.decode(codes).shape == X.shape


@pytest.mark.parametrize("value", [2, 2.5, np.float32(2.5), np.int64(3)])
def test_numbers_of_numpy_are_numbers(value):
    assert finite_number(value, "x") == float(value)
