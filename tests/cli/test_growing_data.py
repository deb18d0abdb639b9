"""Data that grew are told from others, and the way out that is named works."""

import shutil

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import ResumeError
from idm.core.progress import SILENT
from idm.tasks import train
from idm.tasks.choose import choose_experiment

SMALL = (
    "network.model_channels=8",
    "network.num_res_blocks=1",
    "network.num_heads=1",
    "network.channel_mult=1",
    "network.attention_resolutions=[]",
    "schedule.num_timesteps=20",
    "sampler.steps=2",
    "training.num_steps=1",
    "training.posthoc_sigma_rels=[]",
)


def go(data, out, *overrides, init=None):
    chosen = choose_experiment(None, None, data and str(data), out, overrides or SMALL, init)
    return train(chosen.experiment, out, device="cpu", init=init, adapt=chosen.adapt, listener=SILENT)


def picture(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)


def folder(place, *classes, count=4):
    for number, name in enumerate(classes):
        for i in range(count):
            picture(place / name / f"{2 * i}.png", 16 * number + i)
    return place


def between(place):
    picture(place / "cat" / "3.png", 99)
    picture(place / "dog" / "0a.png", 98)


def new_class_before(place):
    picture(place / "ant" / "0.png", 99)
    picture(place / "dog" / "9.png", 98)


@pytest.mark.parametrize("grow", [between, new_class_before])
def test_new_files_beside_the_old_are_counted_and_the_way_out_works(tmp_path, grow):
    data, run = folder(tmp_path / "pictures", "cat", "dog"), tmp_path / "run"
    go(data, run)
    grow(data)
    with pytest.raises(ResumeError, match="2 new samples, and none of the 8 is missing or changed") as error:
        go(data, run)
    (line,) = error.value.lines
    assert line.endswith(f"""'idm.train(idm.make_experiment("{data}", init="{run}"), "NEW", init="{run}")'""")
    begun = go(data, tmp_path / "new", "training.num_steps=1", init=run)
    assert begun.spec.num_train + begun.spec.num_held_out == 10


def test_rows_added_to_an_array_are_counted(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "x.npy", rows[:9])
    go(tmp_path / "x.npy", tmp_path / "run")
    np.save(tmp_path / "x.npy", rows)
    with pytest.raises(ResumeError, match="3 new samples, and none of the 9 is missing or changed"):
        go(tmp_path / "x.npy", tmp_path / "run")


def renamed(place):
    (place / "cat" / "0.png").rename(place / "cat" / "0b.png")


def repainted(place):
    picture(place / "cat" / "0.png", 200)


def moved_to_another_class(place):
    shutil.move(place / "cat" / "0.png", place / "dog" / "1.png")


@pytest.mark.parametrize("change", [renamed, repainted, moved_to_another_class])
def test_new_files_beside_changed_ones_are_other_data(tmp_path, change):
    data, run = folder(tmp_path / "pictures", "cat", "dog"), tmp_path / "run"
    go(data, run)
    between(data)
    change(data)
    with pytest.raises(ResumeError, match="this run was started on other data") as error:
        go(data, run)
    assert "none of the" not in str(error.value)


def test_fewer_samples_did_not_grow(tmp_path):
    data, run = folder(tmp_path / "pictures", "cat", "dog"), tmp_path / "run"
    go(data, run)
    (data / "cat" / "0.png").unlink()
    with pytest.raises(ResumeError, match="this run was started on other data"):
        go(data, run)
