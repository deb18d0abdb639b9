"""``idm ema`` on a run of a moment."""

import pytest
import torch
from safetensors.torch import load_file

from idm.core.progress import SILENT
from idm.run import load
from idm.settings import Experiment, from_plain
from idm.tasks import train

WIDTHS = (0.05, 0.1)


def trained(folder, widths):
    """Train for a moment, with averages of some widths stored at every step."""
    plain = {
        "schedule": {"name": "cosine", "num_timesteps": 20},
        "sampler": {"name": "ddim", "steps": 4},
        "network": {"name": "unet", "model_channels": 8, "num_res_blocks": 1, "channel_mult": [1], "num_heads": 1},
        "training": {
            "num_steps": 12,
            "batch_size": 8,
            "learning_rate": 0.01,
            "sample_interval": 0,
            "bound_images": 4,
            "snapshot_interval": 1,
            "posthoc_sigma_rels": list(widths),
            "ema_rates": [0.5],
        },
    }
    train(from_plain(Experiment, plain), folder, device="cpu", listener=SILENT)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("ema") / "run", WIDTHS)


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
    told = done.json
    assert (told["step"], told["num_snapshots"], told["is_calibrated"]) == (12, 24, True)
    assert told["error"] < 1e-5


def test_it_is_the_average_that_training_would_have_kept(run, tmp_path, idm):
    other = trained(tmp_path / "other", (0.05, 0.07))
    assert idm("ema", run, "--sigma-rel", 0.07, "--out", tmp_path / "out").code == 0
    kept, first = (load_file(newest(other) / f"power-{width}.safetensors") for width in (0.07, 0.05))
    made = load_file(newest(tmp_path / "out") / "ema-0.5.safetensors")
    assert made.keys() == kept.keys()
    far, near = (torch.cat([(value[k] - kept[k]).flatten() for k in kept]).norm() for value in (first, made))
    assert near < 0.01 * far


def test_the_result_is_a_run_for_other_verbs(run, tmp_path, idm):
    out = tmp_path / "out"
    assert idm("ema", run, "--sigma-rel", 0.08, "--out", out).code == 0
    assert idm("ema", run, "--sigma-rel", 0.09, "--out", out).code == 0
    for verb in (("info", out), ("verify", out), ("sample", out, "--num", 2), ("evaluate", out, "--steps", 3)):
        done = idm(*verb)
        assert done.code == 0, (verb, done.err)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_earlier_step(run, tmp_path, idm, width):
    done = idm("ema", run, "--sigma-rel", width, "--step", 7, "--out", tmp_path / "out", "--json")
    assert (done.json["step"], done.json["num_snapshots"]) == (7, 14)
    assert load(tmp_path / "out", device="cpu").step == 7
    made = load_file(newest(tmp_path / "out") / "ema-0.5.safetensors")
    for name, value in load_file(run / "averages" / "step-00000007" / f"power-{width}.safetensors").items():
        torch.testing.assert_close(made[name], value, rtol=1e-5, atol=1e-6)


def test_a_folder_stands_for_the_average_made_last(run, tmp_path, idm):
    for step in (12, 11, 5):
        assert idm("ema", run, "--sigma-rel", 0.08, "--step", step, "--out", tmp_path / "out").code == 0
        assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == [f"step-{step:08d}"]


def test_a_step_that_was_not_stored(run, tmp_path, idm):
    done = idm("ema", run, "--sigma-rel", 0.08, "--step", 13, "--out", tmp_path / "out")
    assert done.code == 2
    assert done.err.splitlines() == [
        "error[E200]: --step: a step with stored averages wanted, got 13; "
        "choose from ..., 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
    ]


def test_the_default_folder_is_in_the_run(run, idm):
    assert idm("ema", run, "--sigma-rel", 0.07).code == 0
    assert (run / "averages" / "sigma-rel-0.07" / "checkpoints").is_dir()


@pytest.mark.parametrize(
    ("width", "words"), [(0.27, "stored averages can make"), (0.3, "a width from"), (1e-300, "a width from 1e-06")]
)
def test_widths_out_of_reach(run, tmp_path, idm, width, words):
    done = idm("ema", run, "--sigma-rel", width, "--out", tmp_path / "out")
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_run_without_stored_averages(tmp_path, idm):
    done = idm("ema", trained(tmp_path / "run", ()), "--sigma-rel", 0.08)
    assert done.code == 4
    assert "stored averages wanted, got none; train with training.posthoc_sigma_rels" in done.err
    assert len(done.err.splitlines()) == 1


def test_another_run_is_not_overwritten(run, idm):
    done = idm("ema", run, "--sigma-rel", 0.08, "--out", run)
    assert done.code == 4
    assert "holds a run" in done.err
