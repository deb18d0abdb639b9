"""The command line, run inside this process, and a tiny trained model."""

import contextlib
import io
import json
from dataclasses import dataclass

import pytest

from idm.cli import main

from ..little import few_images, few_pixels
from ..once import made_once
from .restored import make_others

TINY = {
    "training.num_steps": 6,
    "training.batch_size": 8,
    "training.warmup_steps": 0,
    "training.log_interval": 2,
    "training.save_interval": 3,
    "training.sample_interval": 6,
    "training.snapshot_interval": 5_000,
    "training.bound_interval": 0,
    "training.bound_images": 4,
    "schedule.num_timesteps": 40,
    "network.model_channels": 8,
    "network.num_res_blocks": 1,
    "network.channel_mult": "1",
    "network.attention_resolutions": "1",
    "network.num_heads": 2,
    "sampler.steps": 4,
}
"""Settings of a model that trains in a moment."""


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def errors(self):
        """Lines on standard error that are errors."""
        return [line for line in self.err.splitlines() if line.startswith("error")]

    @property
    def json(self):
        return json.loads(self.out)


def run_idm(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Result(code, out.getvalue(), err.getvalue())


def set_options(settings):
    return [part for path, value in settings.items() for part in ("--set", f"{path}={value}")]


@pytest.fixture(scope="session", autouse=True)
def little_work():
    """Do less beside what tests look at."""
    with few_images(), few_pixels():
        yield


@pytest.fixture(scope="session")
def idm():
    """Run a command and return its exit code and output."""
    return run_idm


@pytest.fixture(scope="session")
def tiny():
    """Options that make training take a moment; keyword arguments "training__num_steps=3" change them."""

    def options(**changes):
        return set_options(TINY | {name.replace("__", "."): value for name, value in changes.items()})

    return options


@pytest.fixture(scope="session")
def run(tmp_path_factory, idm, tiny):
    """A folder with a tiny model of the digits, trained just enough to tell noise from digits."""
    longer = {"num_steps": 120, "batch_size": 16, "log_interval": 40, "save_interval": 60, "sample_interval": 60}
    longer |= {"bound_interval": 120}
    changes = {f"training__{name}": value for name, value in longer.items()}

    def train(folder):
        result = idm("train", "--preset", "digits", "--out", folder, *tiny(training__learning_rate=5e-3, **changes))
        assert result.code == 0, result.err

    return made_once(tmp_path_factory, "digits", train)


@pytest.fixture(scope="session")
def others(tmp_path_factory):
    """Runs of signals, RGB and 16-bit pictures, volumes and points, and what they were trained on."""
    return made_once(tmp_path_factory, "restorable", make_others)
