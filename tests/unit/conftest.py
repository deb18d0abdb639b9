"""Experiments that train in a moment."""

import pytest

from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..little import all_pixels, few_images, few_pixels
from ..once import made_once

PLAIN = {
    "data": {"source": {"name": "digits"}, "held_out": 1_500},
    "schedule": {"name": "cosine", "num_timesteps": 30},
    "network": {
        "name": "unet",
        "model_channels": 8,
        "num_res_blocks": 1,
        "channel_mult": [1],
        "attention_resolutions": [],
        "num_heads": 1,
        "dropout": 0.2,
    },
    "training": {
        "num_steps": 4,
        "batch_size": 4,
        "ema_rates": [0.9, 0.5],
        "label_dropout": 0.2,
        "log_interval": 1,
        "save_interval": 2,
        "sample_interval": 0,
        "bound_interval": 4,
        "bound_images": 4,
        "learning_rate": 1e-3,
    },
    "sampler": {"name": "ddim", "steps": 3},
}


@pytest.fixture(scope="session", autouse=True)
def little_work():
    """Do less beside what tests look at."""
    with few_images():
        yield


@pytest.fixture(scope="module", autouse=True)
def little_pictures(request):
    """Draw less where figures are not what is looked at."""
    with all_pixels() if "report" in request.path.parts else few_pixels():
        yield


@pytest.fixture(scope="session")
def experiment():
    """Make a tiny experiment; keyword arguments "training__num_steps=3" change it."""

    def make(**changes):
        plain = {name: dict(value) for name, value in PLAIN.items()}
        for path, value in changes.items():
            section, _, key = path.partition("__")
            plain[section] = plain.get(section, {}) | {key: value} if key else value
        return from_plain(Experiment, plain)

    return make


@pytest.fixture(scope="session")
def tiny_run(experiment, tmp_path_factory):
    """The folder of a run of that experiment, which nobody changes."""

    def make(folder):
        train(experiment(), folder, device="cpu", listener=SILENT)

    return made_once(tmp_path_factory, "tiny-run", make)
