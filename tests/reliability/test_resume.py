"""A run that is stopped and continued ends as if it had not been: in every mode, not only in the default one."""

import itertools
import json
import math
import os
import random
import signal
from unittest import mock

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from idm.core.errors import InterruptedRunError
from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.tasks import train

AXES = {
    "loss": ("mse", "rescaled_mse", "kl", "rescaled_kl"),
    "variance": ("fixed_small", "fixed_large", "learned", "learned_range"),
    "timesteps": ("uniform", "loss_second_moment"),
    "micro_batches": (1, 2),
    "workers": (0, 2),
    "precision": ("float32", "bfloat16", "float16"),
    "classes": (True, False),
    "averages": ((0.9,), (0.9, 0.5)),
}
NUM_CASES = 24
BATCH, STEPS_PER_EPOCH, NUM_STEPS = 4, 3, 9
STOPS = {"within an epoch": 4, "at the end of an epoch": 6, "before the last step": 8}
CLOCK = ("seconds", "waited", "images_per_second", "metrics_length", "events_length")


def pairs(case):
    """All pairs of values of two axes that a case covers."""
    return set(itertools.combinations(case.items(), 2))


def all_pairs():
    axes = itertools.combinations(AXES.items(), 2)
    return {((a, x), (b, y)) for (a, xs), (b, ys) in axes for x, y in itertools.product(xs, ys)}


def pairwise(count):
    """That many cases which cover all pairs: each is the best of many random ones."""
    rng, missing, cases = random.Random(0), all_pairs(), []
    while len(cases) < count:
        drawn = [{name: rng.choice(values) for name, values in AXES.items()} for _ in range(200)]
        cases.append(max((case for case in drawn if case not in cases), key=lambda case: len(pairs(case) & missing)))
        missing -= pairs(cases[-1])
    return cases


CASES = pairwise(NUM_CASES)


def test_the_cases_cover_every_pair_of_choices():
    assert len({tuple(case.items()) for case in CASES}) == NUM_CASES
    assert set().union(*map(pairs, CASES)) == all_pairs()


@pytest.fixture
def experiment(tmp_path):
    """Make the experiment of a case, on images of two classes in a file that stays on the disk."""
    images = np.random.default_rng(0).integers(0, 256, (BATCH * STEPS_PER_EPOCH, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(len(images)) % 2)

    def make(case):
        timesteps = {"history_per_term": 1} if case["timesteps"] == "loss_second_moment" else {}
        return from_plain(
            Experiment,
            {
                "data": {
                    "source": {"name": "arrays", "path": str(tmp_path / "images.npy"), "channels": "none"},
                    "held_out": 0,
                    "class_conditional": case["classes"],
                    "random_flip": True,
                    "workers": case["workers"],
                },
                "schedule": {"name": "cosine", "num_timesteps": 6, "noise_floor": 0.0},
                "diffusion": {"loss": case["loss"], "variance": case["variance"]},
                "network": {
                    "name": "unet",
                    "model_channels": 4,
                    "num_res_blocks": 1,
                    "channel_mult": [1],
                    "attention_resolutions": [],
                    "num_heads": 1,
                    "dropout": 0.2,
                },
                "timesteps": {"name": case["timesteps"], **timesteps},
                "training": {
                    "num_steps": NUM_STEPS,
                    "batch_size": BATCH,
                    "micro_batch_size": BATCH // case["micro_batches"],
                    "learning_rate": 1e-2,
                    "warmup_steps": 5,
                    "decay": "cosine",
                    "precision": case["precision"],
                    "ema_rates": case["averages"],
                    "label_dropout": 0.3 if case["classes"] else 0.0,
                    "log_interval": 2,
                    "save_interval": 5,
                    "snapshot_interval": 4,
                    "sample_interval": 2,
                },
                "sampler": {"name": "ddim", "steps": 2},
            },
        )

    return make


def go(experiment, run, *, stop=None):
    """Train, and ask the process to stop after some steps: where samples are drawn, however slow the machine is."""

    def ask(step, _):
        if step == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch("idm.training.pace.SECONDS_FOR_FREE", math.inf):
        train(experiment, run, device="cpu", listener=SILENT, preview=ask)


def everything(run):
    """All that must be the same at the end: tensors by file and name, counts, and metrics."""
    newest = max((run / "checkpoints").glob("step-*"))
    files = [*newest.glob("*.safetensors"), *run.glob("averages/**/*.safetensors")]
    tensors = {f"{file.stem}/{name}": value for file in files for name, value in load_file(file).items()}
    lines = (run / "metrics.jsonl").read_text().splitlines()
    documents = [json.loads((newest / f"{name}.json").read_text()) for name in ("training", "data", "calibration")]
    rows = [{k: v for k, v in row.items() if k not in CLOCK} for row in [*map(json.loads, lines), *documents]]
    return newest.name, tensors, rows


def same(one, other):
    """Whether two runs ended alike, bit by bit."""
    (name, tensors, rows), (other_name, other_tensors, other_rows) = one, other
    return (
        name == other_name
        and rows == other_rows
        and tensors.keys() == other_tensors.keys()
        and all(torch.equal(bits(value), bits(other_tensors[key])) for key, value in tensors.items())
    )


def bits(value):
    return value.contiguous().flatten().view(torch.uint8)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(experiment, tmp_path, prove, record):
    torch.set_num_threads(1)
    tried = [(i, when) for i in range(NUM_CASES) for when in STOPS]
    if not prove:
        tried = [(i, list(STOPS)[i % len(STOPS)]) for i in range(0, NUM_CASES, NUM_CASES // 6)]
    whole, identical = {}, 0
    for i, when in tried:
        settings = experiment(CASES[i])
        if i not in whole:
            go(settings, tmp_path / f"whole-{i}")
            whole[i] = everything(tmp_path / f"whole-{i}")
        run = tmp_path / f"run-{i}-{STOPS[when]}"
        with pytest.raises(InterruptedRunError, match=f"at step {STOPS[when]} of"):
            go(settings, run, stop=STOPS[when])
        go(settings, run)
        assert same(everything(run), whole[i]), f"{CASES[i]}, stopped {when}"
        identical += 1
    assert identical == len(tried)
    record("resume matrix: stopped and continued runs bit-identical", f"{identical} of {NUM_CASES * len(STOPS)}")
