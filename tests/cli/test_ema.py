"""``idm ema`` on a run of a moment."""

import json

import pytest
import torch
from safetensors.torch import load_file

WIDTHS = (0.05, 0.1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, idm_module=None):
    from idm.experiment import Experiment, from_plain, train

    plain = {
        "schedule": {"name": "cosine", "num_timesteps": 20},
        "sampler": {"name": "ddim", "steps": 4},
        "network": {"name": "unet", "model_channels": 8, "num_res_blocks": 1, "channel_mult": [1], "num_heads": 1},
        "training": {
            "num_steps": 12,
            "batch_size": 8,
            "learning_rate": 0.01,
            "sample_interval": 0,
            "snapshot_interval": 1,
            "posthoc_sigma_rels": list(WIDTHS),
            "ema_rates": [0.5],
        },
    }
    folder = tmp_path_factory.mktemp("ema") / "run"
    train(from_plain(Experiment, plain), folder, device="cpu", progress=False)
    return folder


def newest(folder):
    return max((folder / "checkpoints").iterdir())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_width_that_was_stored_comes_back(run, tmp_path, idm, width):
    done = idm("ema", run, "--sigma-rel", width, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    ours, stored = (
        load_file(newest(folder) / name)
        for folder, name in ((tmp_path / "out", "ema-0.5.safetensors"), (run, f"power-{width}.safetensors"))
    )
    for name, value in stored.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-5, atol=1e-6)
    told = json.loads(done.out)
    assert (told["step"], told["num_snapshots"], told["is_calibrated"]) == (12, 24, True)
    assert told["error"] < 1e-5


def test_the_result_is_a_run_for_other_verbs(run, tmp_path, idm):
    out = tmp_path / "out"
    assert idm("ema", run, "--sigma-rel", 0.08, "--out", out).code == 0
    assert idm("ema", run, "--sigma-rel", 0.09, "--out", out).code == 0
    for verb in (("info", out), ("verify", out), ("sample", out, "--num", 2), ("evaluate", out, "--steps", 3)):
        done = idm(*verb)
        assert done.code == 0, (verb, done.err)


def test_the_default_folder_is_in_the_run(run, idm):
    assert idm("ema", run, "--sigma-rel", 0.07).code == 0
    assert (run / "averages" / "sigma-rel-0.07" / "checkpoints").is_dir()


@pytest.mark.parametrize(("width", "words"), [(0.27, "stored averages can make"), (0.5, "a width above 0")])
def test_widths_out_of_reach(run, tmp_path, idm, width, words):
    done = idm("ema", run, "--sigma-rel", width, "--out", tmp_path / "out")
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_another_run_is_not_overwritten(run, idm):
    done = idm("ema", run, "--sigma-rel", 0.08, "--out", run)
    assert done.code == 4
    assert "holds a run" in done.err
