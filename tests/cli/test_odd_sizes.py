"""Data of any size are trained on, sampled and scored with the stages that are inferred from their size."""

import json
import math

import numpy as np
import pytest

SHORT = {
    "training.num_steps": 2,
    "training.batch_size": 2,
    "training.warmup_steps": 0,
    "training.log_interval": 2,
    "training.save_interval": 2,
    "training.sample_interval": 0,
    "data.held_out": 2,
    "schedule.num_timesteps": 40,
    "network.model_channels": 4,
    "network.num_res_blocks": 1,
    "sampler.steps": 2,
}
"""Little of everything but of stages."""

SHAPES = [
    ((1, 15, 15), 3),
    ((3, 31, 45), 4),
    ((2, 187), 4),
    ((1, 24, 24, 15), 3),
]
"""Shape of a sample, and the number of stages of the next size that can be halved."""


@pytest.mark.parametrize(("shape", "num_stages"), SHAPES)
def test_train_sample_and_evaluate(idm, tmp_path, shape, num_stages):
    data = np.random.default_rng(0).integers(0, 256, (8, *shape)).astype(np.uint8)
    np.save(tmp_path / "x.npy", data)
    run, out = tmp_path / "run", tmp_path / "out"
    options = [f"--set={name}={value}" for name, value in SHORT.items()]
    result = idm("train", "--data", tmp_path / "x.npy", "--out", run, *options)
    assert result.code == 0, result.err
    (stored,) = run.glob("**/experiment.json")
    assert len(json.loads(stored.read_text())["network"]["channel_mult"]) == num_stages

    result = idm("sample", run, "--num", "2", "--out", out)
    assert result.code == 0, result.err
    assert np.load(out / "samples.npz")["data"].shape == (2, *shape)

    result = idm("evaluate", run, "--steps", "2", "--out", out / "scores")
    assert result.code == 0, result.err
    scores = json.loads((out / "scores" / "evaluation.json").read_text())
    assert math.isfinite(scores["bits_per_dim"]["total"]["mean"])
