"""Other data than a run's own are read as its own were, and refused where they are not like them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.experiment import (
    Experiment,
    Run,
    from_plain,
    held_out_bound,
    open_data_to_score,
    open_run_data,
    recognition,
    train,
)

TINY_UNET = {"model_channels": 8, "num_res_blocks": 1, "channel_mult": [1], "attention_resolutions": [], "num_heads": 1}


def tiny(out: Path, **data) -> Run:
    plain = {
        "data": {"held_out": 0} | data,
        "schedule": {"name": "cosine", "num_timesteps": 20},
        "network": {"name": "unet", **TINY_UNET},
        "training": {"num_steps": 1, "batch_size": 4, "sample_interval": 0, "ema_rates": [0.5]},
        "sampler": {"name": "ddim", "steps": 4},
    }
    return train(from_plain(Experiment, plain), out, device="cpu", progress=False)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tiny(tmp_path_factory.mktemp("digits"), source={"name": "digits"})


@pytest.fixture(scope="module")
def pixels() -> tuple[np.ndarray, np.ndarray]:
    source = SOURCES.build("digits", {})
    assert source.labels is not None
    return source.read(np.arange(30)), source.labels[:30]


def pictures(folder: Path, size: int, classes: tuple[str, ...] = ("a", "b")) -> Path:
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.effect_noise((size, size), 60).save(folder / name / f"{i}.png")
    return folder


def test_all_samples_of_another_file_are_held_out_in_the_run_s_range(digits, pixels, tmp_path):
    x, y = pixels
    for name, arranged in {"first": x, "none": x[:, 0], "last": np.moveaxis(x, 1, -1)}.items():
        np.savez(tmp_path / f"{name}.npz", data=arranged, labels=y)
        data = open_data_to_score(digits, tmp_path / f"{name}.npz")
        assert (len(data.train), len(data.held_out), data.spec.codec) == (0, 30, digits.spec.codec)
        found, labels = data.held_out.first(30)
        assert labels is not None
        own = {row.numpy().tobytes(): int(label) for row, label in zip(digits.spec.codec.encode(x), y, strict=True)}
        assert {row.numpy().tobytes(): int(label) for row, label in zip(found, labels, strict=True)} == own


def test_a_run_without_held_out_data_is_scored_on_others(digits, pixels, tmp_path):
    np.savez(tmp_path / "x.npz", data=pixels[0], labels=pixels[1])
    bound = held_out_bound(digits, open_data_to_score(digits, tmp_path / "x.npz"), steps=3)
    assert bound.vlb.total_bpd.shape == (30,)
    assert torch.isfinite(bound.vlb.total_bpd).all()
    assert bound.histogram is None


def test_classes_go_by_their_names_and_not_by_their_places(digits, pixels, tmp_path):
    x, y = pixels
    few = y >= 7
    np.savez(tmp_path / "x.npz", data=x[few], labels=y[few])
    labels = open_data_to_score(digits, tmp_path / "x.npz").held_out.first(30)[1]
    assert labels is not None
    assert sorted(labels.tolist()) == sorted(y[few].tolist())


def test_unknown_classes_and_none_at_all_are_refused(digits, pixels, tmp_path):
    np.savez(tmp_path / "cats.npz", data=pixels[0], labels=np.array(["3", "cat"] * 15))
    with pytest.raises(DataError, match=r"the run's 10 classes \(0, 1, .*\) wanted, got cat; name them alike"):
        open_data_to_score(digits, tmp_path / "cats.npz")
    np.save(tmp_path / "bare.npy", pixels[0])
    with pytest.raises(DataError, match="samples with classes wanted"):
        open_data_to_score(digits, tmp_path / "bare.npy")


def test_other_shapes_and_values_are_refused(digits, pixels, tmp_path):
    np.savez(tmp_path / "wide.npz", data=np.zeros((4, 1, 8, 9), np.uint8), labels=np.arange(4))
    with pytest.raises(DataError, match=r"samples of shape \(1, 8, 8\) wanted, got \(1, 8, 9\)"):
        open_data_to_score(digits, tmp_path / "wide.npz")
    np.savez(tmp_path / "bright.npz", data=np.full((4, 1, 8, 8), 200, np.uint8), labels=np.arange(4))
    with pytest.raises(DataError, match="values from 0 to 16 wanted"):
        open_data_to_score(digits, tmp_path / "bright.npz")


@pytest.mark.parametrize("option", [{}, {"image_size": 8}])
def test_images_are_brought_to_the_size_of_the_run(tmp_path, option):
    source = {"name": "image_folder", "path": str(pictures(tmp_path / "own", 8, ("a", "b", "c"))), **option}
    run = tiny(tmp_path / "run", source=source)
    data = open_data_to_score(run, pictures(tmp_path / "large", 20, ("c", "b")))
    x, y = data.held_out.first(9)
    assert x.shape == (6, 1, 8, 8)
    assert y is not None
    assert sorted(y.tolist()) == [1, 1, 1, 2, 2, 2]


def test_what_needs_training_data_is_refused_of_other_data(digits, pixels, tmp_path):
    np.savez(tmp_path / "x.npz", data=pixels[0], labels=pixels[1])
    with pytest.raises(DataError, match="leave out --samples or --data"):
        recognition(digits, open_data_to_score(digits, tmp_path / "x.npz"), 10)


def test_a_run_whose_data_are_gone_is_advised_to_score_others(tmp_path):
    run = tiny(tmp_path / "run", source={"name": "image_folder", "path": str(pictures(tmp_path / "own", 8))})
    assert open_data_to_score(run).spec == open_run_data(run).spec
    (tmp_path / "own").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"own: .*, or score other data with --data PATH$"):
        open_data_to_score(run)
    assert len(open_data_to_score(run, tmp_path / "moved").held_out) == 6
