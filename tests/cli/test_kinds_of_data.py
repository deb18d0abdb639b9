"""Not only 8 x 8 grey: what goes in comes back in its shape, dtype and range, from the command line alone."""

import json
import math

import numpy as np
import pytest
from PIL import Image

SMALL = {"network.num_res_blocks": 1, "network.channel_mult": "1,2", "network.attention_resolutions": "[2]"}


def blobs(count, *space, seed=0):
    """Smooth bumps in [0, 1], [count, *space]."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 1, size) for size in space), indexing="ij")
    centres = rng.uniform(0.3, 0.7, (count, len(space)))
    return np.stack([np.exp(-20 * sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True))) for centre in centres])


def grey_16(folder):
    for i, blob in enumerate(blobs(24, 16, 16)):
        Image.fromarray((blob * 60_000).astype(np.uint16)).save(folder / f"{i:02d}.png")
    return folder, (1, 16, 16), np.uint16, 65_536


def rgb_jpeg(folder):
    for name in ("dim", "bright"):
        (folder / name).mkdir()
        for i in range(12):
            picture = np.stack(list(blobs(3, 16, 12, seed=i)), axis=-1) * (255 if name == "bright" else 100)
            Image.fromarray(picture.astype(np.uint8)).save(folder / name / f"{i}.jpg")
    return folder, (3, 16, 12), np.uint8, 256


def signals(folder):
    t, rng = np.linspace(0, 1, 32), np.random.default_rng(0)
    phase, loudness = rng.uniform(0, 6, (24, 1)), rng.uniform(1, 50, (24, 1))
    data = np.stack([loudness * np.sin(9 * t + phase), np.cos(9 * t + phase) - 3], axis=1)
    np.save(folder / "signals.npy", data.astype(np.float32))
    return folder / "signals.npy", (2, 32), np.float32, None


def volumes(folder):
    np.save(folder / "volumes.npy", (blobs(24, 4, 8, 8)[:, None] * 200).astype(np.uint8))
    return folder / "volumes.npy", (1, 4, 8, 8), np.uint8, 256


@pytest.mark.parametrize("make", [grey_16, rgb_jpeg, signals, volumes])
def test_train_sample_evaluate_and_edit(idm, tiny, tmp_path, make):
    (tmp_path / "data").mkdir()
    path, shape, dtype, levels = make(tmp_path / "data")
    run, out = tmp_path / "run", tmp_path / "out"
    changes = {name.replace(".", "__"): value for name, value in SMALL.items()}
    changes |= {"data__held_out": 4, "training__num_steps": 20}
    changes |= {f"training__{what}_interval": 20 for what in ("save", "sample")}
    result = idm("train", "--data", path, "--out", run, *tiny(**changes))
    assert result.code == 0, result.err
    assert list((run / "samples").glob("*.png"))

    result = idm("sample", run, "--num", "3", "--out", out, "--steps", "6")
    assert result.code == 0, result.err
    data = np.load(out / "samples.npz")["data"]
    assert data.shape == (3, *shape)
    assert data.dtype == dtype
    info = idm("info", run, "--json").json
    assert info["data"]["codec"]["levels"] == levels
    assert info["data"]["shape"] == list(shape)
    if levels is None:
        original = np.load(path)
        low, high = original.min(axis=(0, 2)), original.max(axis=(0, 2))
        room = 0.5 * (high - low)
        assert (data.min(axis=(0, 2)) >= low - room).all()
        assert (data.max(axis=(0, 2)) <= high + room).all()

    result = idm("evaluate", run, "--steps", "5", "--out", out / "scores")
    assert result.code == 0, result.err
    scores = json.loads((out / "scores" / "evaluation.json").read_text())
    assert math.isfinite(scores["bits_per_dim"]["total"]["mean"])

    assert idm("encode", run, "held-out:0-1", "--steps", "4", "--out", out / "l.safetensors").code == 0
    assert idm("decode", run, out / "l.safetensors", "--out", out / "decoded").code == 0
    back = np.load(out / "decoded" / "samples.npz")["data"]
    assert (back.shape, back.dtype) == ((2, *shape), dtype)
    assert (
        idm("interpolate", run, "held-out:0", "held-out:1", "--num", "3", "--steps", "4", "--out", out / "i").code == 0
    )


def test_single_files_have_the_depth_of_the_data(idm, tiny, tmp_path):
    (tmp_path / "data").mkdir()
    path, *_ = grey_16(tmp_path / "data")
    changes = {name.replace(".", "__"): value for name, value in SMALL.items()}
    assert idm("train", "--data", path, "--out", tmp_path / "run", *tiny(**changes)).code == 0
    assert idm("sample", tmp_path / "run", "--num", "2", "--out", tmp_path / "out").code == 0
    picture = np.asarray(Image.open(tmp_path / "out" / "images" / "00001.png"))
    np.testing.assert_array_equal(picture, np.load(tmp_path / "out" / "samples.npz")["data"][1, 0])
    command = ("encode", tmp_path / "run", tmp_path / "out" / "images" / "00001.png", path / "03.png")
    result = idm(*command, "--steps", "2", "--json")
    assert result.json["num"] == 2


@pytest.mark.parametrize(
    ("shape", "channels", "sample_shape"),
    [((24, 32, 2), "auto", (2, 32)), ((24, 8, 8, 3), "auto", (3, 8, 8)), ((24, 4, 8, 8), "none", (1, 4, 8, 8))],
)
def test_arrays_come_back_with_their_axes_in_order(idm, tiny, tmp_path, shape, channels, sample_shape):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    (tmp_path / "x.yaml").write_text(
        f"data: {{source: {{name: arrays, path: {tmp_path}/x.npy, channels: {channels}}}}}\n"
    )
    run, changes = tmp_path / "run", {name.replace(".", "__"): value for name, value in SMALL.items()}
    result = idm("train", tmp_path / "x.yaml", "--out", run, *tiny(training__num_steps=2, **changes))
    assert result.code == 0, result.err
    assert idm("info", run, "--json").json["data"]["shape"] == list(sample_shape)
    assert idm("sample", run, "--num", "3", "--out", tmp_path / "out").code == 0
    assert np.load(tmp_path / "out" / "samples.npz")["data"].shape == (3, *shape[1:])
    result = idm("encode", run, tmp_path / "out" / "samples.npz", "--steps", "2", "--json")
    assert result.json["num"] == 3
