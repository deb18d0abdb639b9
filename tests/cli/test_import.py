"""Published weights become a run."""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from idm import load
from idm.interop.openai import unet_from_flags

FLAGS = {
    "image_size": 32,
    "num_channels": 32,
    "num_res_blocks": 1,
    "learn_sigma": True,
    "class_cond": True,
    "diffusion_steps": 100,
    "noise_schedule": "cosine",
    "timestep_respacing": "ddim5",
    "attention_resolutions": "16",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    network = unet_from_flags(FLAGS)
    torch.save(network.state_dict(), folder / "ema_0.9999_500000.pt")
    (folder / "flags.json").write_text(json.dumps(FLAGS))
    return folder


@pytest.fixture(scope="module")
def imported(idm, published, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "run"
    result = idm("import", published / "ema_0.9999_500000.pt", "--flags", published / "flags.json", "--out", out)
    assert result.code == 0, result.err
    return out


def test_the_network_is_the_published_one(imported, published):
    run = load(imported, device="cpu")
    network = unet_from_flags(FLAGS).eval()
    network.load_state_dict(torch.load(published / "ema_0.9999_500000.pt", weights_only=True))
    x, time, y = torch.randn(2, 3, 32, 32), torch.tensor([3.0, 70.0]), torch.tensor([0, 999])
    with torch.no_grad():
        torch.testing.assert_close(run.network(x, time, y=y), network(x, time, y=y))


def test_the_run_can_be_described_and_sampled(idm, imported, tmp_path):
    info = idm("info", imported, "--json").json
    assert info["step"] == 500_000
    assert info["num_timesteps"] == 100
    assert info["data"]["codec"]["levels"] == 256
    assert info["experiment"]["diffusion"]["decoder_variance"] == "model"
    assert idm("info", imported).code == 0
    result = idm("sample", imported, "--num", "2", "--labels", "7,999", "--out", tmp_path, "--json")
    assert result.code == 0, result.err
    assert result.json["steps"] == 5
    arrays = np.load(tmp_path / "samples.npz")
    assert arrays["data"].shape == (2, 3, 32, 32)
    assert arrays["data"].dtype == np.uint8


def test_a_run_without_data_says_so(idm, imported):
    result = idm("evaluate", imported)
    assert result.code == 3
    assert "data.source.path" in result.errors[0]
    assert "--data PATH" in result.errors[0]


def test_published_weights_are_scored_on_data_that_are_given(idm, imported, tmp_path):
    for name, size in (("7", 32), ("999", 40)):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.effect_noise((size, size), 60).convert("RGB").save(tmp_path / "images" / name / "a.png")
    command = ("evaluate", imported, "--data", tmp_path / "images", "--steps", "3", "--out", tmp_path / "out", "--json")
    result = idm(*command)
    assert result.code == 0, result.err
    assert result.json["num"] == 2
    (tmp_path / "images" / "7").rename(tmp_path / "images" / "cat")
    assert "got cat" in idm(*command).errors[0]


def test_published_weights_are_calibrated_on_data_that_are_given(idm, imported, tmp_path):
    for name in ("7", "999"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for file in ("a.png", "b.png"):
            Image.effect_noise((32, 32), 60).convert("RGB").save(tmp_path / "images" / name / file)
    without = idm("calibrate", imported)
    assert without.code == 3
    assert "--data PATH" in without.errors[0]
    made = idm("calibrate", imported, "--data", tmp_path / "images", "--levels", "4")
    assert made.code == 0, made.err
    for variance in ("model", "analytic", "analytic_channel", "analytic_position"):
        options = ("--data", tmp_path / "images", "--steps", "3", "--plan", "likelihood", "--variance", variance)
        result = idm("evaluate", imported, *options, "--out", tmp_path / "out", "--json")
        assert result.code == 0, result.err
        assert np.isfinite(result.json["bits_per_dim"]["total"]["mean"])


def write_bad(folder, name):
    if name == "other shapes":
        network = unet_from_flags(FLAGS | {"num_channels": 64})
        torch.save(network.state_dict(), folder / "w.pt")
    elif name == "missing":
        state = unet_from_flags(FLAGS).state_dict()
        del state["out.2.weight"]
        torch.save(state, folder / "w.pt")
    elif name == "no tensors":
        torch.save({"a": 1}, folder / "w.pt")
    elif name == "not a pickle":
        (folder / "w.pt").write_text("hello")
    elif name == "code":
        (folder / "w.pt").write_bytes(pickle.dumps(Canary(folder / "canary")))


class Canary:
    """Writes a file if it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("other shapes", "of another shape (time_embed.0.weight (256, 64) instead of (128, 32)"),
        ("missing", "1 missing (out.2.weight)"),
        ("no tensors", "a state dict"),
        ("not a pickle", "a state dict"),
        ("code", "a state dict"),
        ("nothing", "got nothing there"),
    ],
)
def test_other_weights_are_refused_in_one_line(idm, published, tmp_path, name, pattern):
    write_bad(tmp_path, name)
    result = idm("import", tmp_path / "w.pt", "--flags", published / "flags.json", "--out", tmp_path / "run")
    assert (result.code, len(result.err.splitlines())) == (4, 1), result.err
    assert pattern in result.err
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ('{"image_sise": 32}', "did you mean 'image_size'?"),
        ('{"image_size": 48}', "flags.image_size"),
        ('{"large_size": 256, "small_size": 64}', "super-resolution"),
        ('{"noise_schedule": "cosin"}', "did you mean 'cosine'?"),
        ('{"diffusion_steps": 10}', "at least 21 steps"),
        ('{"timestep_respacing": "ddim999"}', "no integer stride"),
        ('{"use_new_attention_order": true}', "flags.use_new_attention_order: False wanted"),
        ('{"image_size": 32, "image_size": 64}', "the flag image_size is given twice"),
        ('{"dropout": NaN}', "NaN is no number of JSON"),
        ('{"num_channels": 1e999}', "flags.num_channels: a value like 128 wanted, got inf"),
        ("[1]", "a JSON object"),
        ("{", "a JSON file wanted"),
        ("[" * 100_000, "a JSON file wanted"),
        (b"\xff\xfe{}", "a JSON file wanted"),
    ],
)
def test_wrong_flags(idm, published, tmp_path, text, pattern):
    (tmp_path / "flags.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = idm(
        "import", published / "ema_0.9999_500000.pt", "--flags", tmp_path / "flags.json", "--out", tmp_path / "run"
    )
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
    assert pattern in result.err
    assert f"--flags {tmp_path / 'flags.json'}: " in result.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: None, lambda path: path.write_bytes(b" " * 2**21)]
)
def test_files_that_hold_no_flags(idm, published, tmp_path, make):
    make(tmp_path / "flags.json")
    result = idm(
        "import", published / "ema_0.9999_500000.pt", "--flags", tmp_path / "flags.json", "--out", tmp_path / "r"
    )
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
    assert "flags.json: a JSON file of at most 1 MiB wanted, got" in result.err


def test_the_average_that_was_taken_is_named(idm, published, tmp_path):
    weights = torch.load(published / "ema_0.9999_500000.pt", weights_only=True)
    others = {name: value + 1 for name, value in weights.items()}
    nested = {"model": others, "ema": {f"module.{name}": value.half() for name, value in weights.items()}}
    torch.save(nested, tmp_path / "model_000020.pt")
    result = idm("import", tmp_path / "model_000020.pt", "--flags", published / "flags.json", "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "found as  entry 'ema', not 'model', names without 'module.'" in result.out
    run = load(tmp_path / "run", device="cpu")
    assert run.step == 20
    torch.testing.assert_close(run.network.state_dict(), {k: v.half().float() for k, v in weights.items()})


def test_a_run_is_not_overwritten(idm, published, imported):
    result = idm("import", published / "ema_0.9999_500000.pt", "--flags", published / "flags.json", "--out", imported)
    assert result.code == 4
    assert "a new folder wanted" in result.err


def test_imported_weights_are_trained_further_on_own_pictures(idm, imported, tmp_path):
    from idm import load

    for name in ("999", "roses"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (40, 48), (i, 50, 100)).save(tmp_path / "pictures" / name / f"{i}.png")
    still = ("training.num_steps=1", "training.learning_rate=1e-30", "training.batch_size=1", "sampler.steps=2")
    command = ("train", "--init", imported, "--data", tmp_path / "pictures", "--out", tmp_path / "run")
    result = idm(*command, *(part for setting in still for part in ("--set", setting)))
    assert result.code == 0, result.err
    assert "1 of 2 classes are not known there" in result.err
    tuned, weights = load(tmp_path / "run", device="cpu"), load(imported, device="cpu").network.state_dict()
    assert (tuned.spec.shape, tuned.spec.num_train) == ((3, 32, 32), 5)
    found = tuned.network.state_dict()
    assert torch.equal(found.pop("label_emb.weight")[0], weights.pop("label_emb.weight")[999])
    torch.testing.assert_close(found, weights, rtol=0.0, atol=1e-20)  # what was 0 has moved by a rate of 1e-30
