"""Which samples are held out, and how they are cropped, is told by the settings and remembered by the run."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import DataError, ResumeError, SettingsError
from idm.core.progress import SILENT
from idm.core.rng import Rng
from idm.data import batch_indices
from idm.run import DataSpec, build_diffusion, draw, load, open_data, open_run_data
from idm.run.data import open_as_training
from idm.run.opened_source import with_absolute_path
from idm.settings import Experiment
from idm.settings.experiment import DataSettings, SourceSettings
from idm.tasks import train
from idm.timesteps import UniformTimesteps
from idm.training import TrainStep

NAMES = [f"{kind}/{number}.png" for kind in ("day", "night") for number in range(6)]


@pytest.fixture
def pictures(tmp_path) -> Path:
    for number, name in enumerate(NAMES):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12) + np.uint8(number)).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def of_pictures(experiment, pictures):
    """Make an experiment on the pictures; keyword arguments change its data section."""
    return lambda **data: experiment(data={"source": {"name": "image_folder", "path": str(pictures)}} | data)


def which(dataset) -> list[int]:
    """Numbers of the pictures of a part, known by the values of their first pixels."""
    codes = dataset.codec.decode(dataset.first(99)[0])
    return sorted(int(value) for value in codes[:, 0, 0, 0])


def write_list(path: Path, *names: str) -> str:
    path.write_text("\n".join(names) + "\n", encoding="utf-8")
    return str(path)


def test_a_list_says_which_samples_are_held_out(of_pictures, tmp_path):
    held_out_list = write_list(tmp_path / "held.txt", "day/2.png", "", "night/5.png")
    data = open_data(of_pictures(held_out_list=held_out_list).data)
    assert which(data.held_out) == [2, 11]
    assert which(data.train) == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert (data.spec.num_train, data.spec.num_held_out) == (10, 2)


def test_a_folder_says_which_samples_are_held_out(of_pictures):
    data = open_data(of_pictures(held_out_folder="night/").data)
    assert which(data.held_out) == [6, 7, 8, 9, 10, 11]
    assert which(data.train) == [0, 1, 2, 3, 4, 5]


def test_where_hardly_anything_is_left_to_train_on_that_is_said(of_pictures, tmp_path):
    said = "data: only 1 of 12 samples are trained on, 11 are held out by data.{}; hold out fewer"
    held_out_list = write_list(tmp_path / "held.txt", *NAMES[1:])
    for option, value in (("held_out", 11), ("held_out", 0.9), ("held_out_list", held_out_list)):
        settings = of_pictures(**{option: value}).data
        assert open_data(settings).remarks[-1] == said.format(option)
        assert open_as_training(settings).values.remarks[-1] == said.format(option)
    assert open_data(of_pictures(held_out=10).data).remarks == ()
    with pytest.raises(DataError, match=r"^data\.held_out: fewer than the 12 samples .* got 12.*; set it lower$"):
        open_data(of_pictures(held_out=12).data)


def test_a_list_and_a_folder_are_refused_in_a_line(of_pictures):
    with pytest.raises(SettingsError, match="a list or a folder wanted, got both") as caught:
        of_pictures(held_out_list="a.txt", held_out_folder="night")
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith("data.held_out_list: ")


def test_lists_that_do_not_fit_are_refused_in_a_line(of_pictures, tmp_path):
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    wrong = {
        str(tmp_path / "none.txt"): "a text file with a name per line wanted, got nothing there",
        str(tmp_path): "got a folder",
        str(tmp_path / "binary.txt"): "cannot be read as UTF-8",
        write_list(tmp_path / "unknown.txt", "day/9.png"): "data.held_out_list: .* got day/9.png",
        write_list(tmp_path / "empty.txt"): "data.held_out_list: some of the 12 samples wanted, got none",
    }
    for path, message in wrong.items():
        with pytest.raises(DataError, match=message) as caught:
            open_data(of_pictures(held_out_list=path).data)
        assert len(caught.value.lines) == 1


def test_samples_without_names_are_not_held_out_by_name(experiment):
    with pytest.raises(DataError, match=r"data\.held_out_folder: samples with names wanted"):
        open_data(experiment(data={"held_out_folder": "night"}).data)


def test_another_list_is_refused_and_the_same_in_another_order_is_not(of_pictures, tmp_path):
    settings = of_pictures(held_out_list=write_list(tmp_path / "held.txt", "day/2.png", "night/5.png"))
    run = tmp_path / "run"
    train(settings, run, device="cpu", listener=SILENT)
    write_list(tmp_path / "held.txt", "night/5.png", "day/2.png")
    train(settings, run, device="cpu", listener=SILENT)
    write_list(tmp_path / "held.txt", "day/2.png", "night/4.png")
    with pytest.raises(ResumeError, match="other data"):
        train(settings, run, device="cpu", listener=SILENT)
    with pytest.raises(DataError, match="restore the data it was trained on"):
        open_run_data(load(run, device="cpu"))


def test_the_path_of_the_list_becomes_absolute(of_pictures, experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for make in (of_pictures, lambda **data: experiment(data=data)):
        assert with_absolute_path(make(held_out_list="held.txt")).data.held_out_list == str(tmp_path / "held.txt")
        assert with_absolute_path(make(table="ages.csv")).data.table == str(tmp_path / "ages.csv")
        assert with_absolute_path(make()).data.held_out_list == ""


def test_descriptions_without_named_samples_stay_readable(of_pictures):
    spec = open_data(of_pictures(held_out_folder="day").data).spec
    assert DataSpec.from_plain(spec.to_plain()) == spec
    plain = open_data(of_pictures().data).spec.to_plain()
    del plain["held_out_hash"]
    assert DataSpec.from_plain(plain) == open_data(of_pictures().data).spec


def make_step(experiment: Experiment, seed: int = 0, batch_size: int = 4) -> TrainStep:
    data = open_data(experiment.data, seed=seed)
    return TrainStep(
        lambda x, time, /, y=None: x,
        build_diffusion(experiment, data.spec),
        UniformTimesteps(30),
        data.train,
        replace(experiment.training, batch_size=batch_size),
        seed=seed,
        device=torch.device("cpu"),
    )


def batches(step: TrainStep, count: int) -> list[torch.Tensor]:
    return [step._batch(number, Rng.from_seed(0, 1))[0] for number in range(count)]


@pytest.mark.parametrize("random_flip", [False, True])
def test_batches_without_a_crop_are_the_samples_themselves(of_pictures, random_flip):
    step = make_step(of_pictures(random_flip=random_flip, class_conditional=False))
    for number, x in enumerate(batches(step, 8)):
        plain = step.dataset.batch(batch_indices(0, number, 4, len(step.dataset)))[0]
        assert torch.equal(x, plain)


def test_crops_are_windows_that_differ_by_epoch_and_seed_alone(of_pictures):
    settings = of_pictures(random_crop=8, held_out=0, class_conditional=False)
    whole = open_data(of_pictures(held_out=0, class_conditional=False).data).train.first(12)[0]
    windows = {w.contiguous().numpy().tobytes() for w in whole.unfold(2, 8, 1).unfold(3, 8, 1).reshape(-1, 8, 8)}
    first = torch.stack(batches(make_step(settings, batch_size=12), 3))
    assert first.shape == (3, 12, 1, 8, 8)
    assert all(x.numpy().tobytes() in windows for x in first.reshape(-1, 8, 8))
    assert torch.equal(first, torch.stack(batches(make_step(settings, batch_size=12), 3)))
    small = torch.cat(batches(make_step(settings, batch_size=4), 9))
    assert torch.equal(first.reshape(-1, 1, 8, 8), small)
    epochs = [{x.numpy().tobytes() for x in epoch} for epoch in first]
    assert epochs[0] != epochs[1]
    other = open_data(settings.data, seed=1).train.batch(np.arange(12, 24))[0]
    assert not torch.equal(other, open_data(settings.data, seed=0).train.batch(np.arange(12, 24))[0])


def test_held_out_samples_are_cropped_to_the_centre(of_pictures):
    settings = {"held_out_folder": "night", "class_conditional": False}
    cropped, whole = open_data(of_pictures(random_crop=8, **settings).data), open_data(of_pictures(**settings).data)
    assert cropped.spec.shape == (1, 8, 8)
    assert torch.equal(cropped.held_out.first(6)[0], whole.held_out.first(6)[0][:, :, 2:10, 2:10])


def test_a_cropped_run_trains_and_samples_at_the_size_of_the_crop(of_pictures, tmp_path):
    run = train(of_pictures(random_crop=8), tmp_path / "run", device="cpu", listener=SILENT)
    assert draw(run, 2).shape == (2, 1, 8, 8)
    assert open_run_data(run).spec == run.spec


def test_crops_that_do_not_fit_are_refused(of_pictures, tmp_path, experiment):
    with pytest.raises(SettingsError, match=r"data\.random_crop: at most 12 wanted .* got 13"):
        open_data(of_pictures(random_crop=13).data)
    np.save(tmp_path / "points.npy", np.zeros((9, 2), np.float32))
    source = {"name": "arrays", "path": str(tmp_path / "points.npy")}
    with pytest.raises(SettingsError, match=r"data\.random_crop: at most 0 wanted"):
        open_data(experiment(data={"source": source, "random_crop": 1}).data)


@pytest.mark.parametrize(("shape", "told"), [((20, 40), True), ((20, 2), False), ((20, 1, 40), False)])
def test_samples_without_axes_are_told_where_they_may_be_signals(tmp_path, shape, told):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=shape))

    def remarks(**options):
        source = SourceSettings("arrays", {"path": str(tmp_path / "x.npy"), **options})
        settings = DataSettings(source=source, held_out=4)
        trained, checked = open_data(settings, seed=0).remarks, open_as_training(settings).values.remarks
        found, same = ([line for line in remarks if "without an axis" in line] for remarks in (trained, checked))
        assert found == same
        return found

    assert len(remarks()) == told
    assert remarks(channels="none") == []
    if told:
        assert "data.source.channels=none reads signals of 40 places" in remarks()[0]
        assert remarks(spatial_dims=0) == []


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 1, 32, 32), 16),
        ((1, 1, 12, 300), None),
        ((500, 20), 8),
        ((400, 300), 64),
        ((15, 40), None),
        ((1, 1, 50), 16),
    ],
)
def test_patches_are_offered_in_a_size_that_fits(tmp_path, shape, size):
    np.savez(tmp_path / "x.npz", data=np.random.default_rng(0).normal(size=shape))
    settings = DataSettings(source=SourceSettings("arrays", {"path": str(tmp_path / "x.npz")}), held_out=0)
    (line,) = (line for line in open_data(settings).remarks if "is all there is" in line or "without an axis" in line)
    offered = re.search(r"data\.patch_size=(\d+)", line)
    assert (offered and int(offered[1])) == size
    if size:
        space = shape if len(shape) == 2 else shape[2:]
        assert len(open_data(replace(settings, patch_size=size, held_out=0.25)).held_out) > 0
        assert len(open_data(replace(settings, patch_size=size)).train) == math.prod(long // size for long in space)


def test_labelled_points_are_not_told_that_they_may_be_a_raster(tmp_path):
    np.savez(tmp_path / "x.npz", data=np.random.default_rng(0).normal(size=(40, 40)), labels=np.arange(40) % 2)
    settings = DataSettings(source=SourceSettings("arrays", {"path": str(tmp_path / "x.npz")}))
    (line,) = (line for line in open_data(settings).remarks if "without an axis" in line)
    assert line.endswith("spatial_dims=0 says points")


def test_groups_are_told_before_training_and_remembered(of_pictures):
    settings = of_pictures(group_pattern=("*/(*).png",), held_out=2).data
    data = open_data(settings)
    assert [(row + 6) % 12 for row in which(data.held_out)] == which(data.held_out)[::-1]  # day and night of a number
    assert data.notes == ("data: 1 of 6 groups (data.group_pattern=*/(*).png) is held out, 2 of 12 samples",)
    assert data.remarks == ()  # it is as it was asked for
    assert len(data.spec.held_out_hash) == 64
    assert open_data(replace(settings, group_pattern=("(*)/*",))).spec.held_out_hash != data.spec.held_out_hash


def test_a_share_that_groups_cannot_meet_is_said_in_a_line(of_pictures):
    data = open_data(of_pictures(group_pattern=("(*)/*",), held_out=1).data)
    assert data.remarks[-1].endswith(
        "6 of 12 samples; 1 were wanted, but groups are not divided, and the largest, day, has 6"
    )


def test_a_list_or_folder_does_not_divide_groups(of_pictures, tmp_path):
    pattern = ("*/(*).png",)
    with pytest.raises(DataError, match=r"data\.held_out_folder: all samples .* got some of 0 and 5 more; name them"):
        open_data(of_pictures(group_pattern=pattern, held_out_folder="day").data)
    pair = write_list(tmp_path / "pair.txt", "day/2.png", "night/2.png")
    assert which(open_data(of_pictures(group_pattern=pattern, held_out_list=pair).data).held_out) == [2, 8]
    with pytest.raises(DataError, match=r"data\.held_out_list: all samples of a group"):
        open_data(of_pictures(group_pattern=pattern, held_out_list=write_list(tmp_path / "b.txt", "day/2.png")).data)


def test_a_run_keeps_its_groups_and_is_not_resumed_with_others(experiment, tmp_path):
    values, patients = np.arange(40 * 4).reshape(40, 1, 4).astype(np.float32), np.arange(40) // 4
    source = {"name": "arrays", "path": str(tmp_path / "a.npz")}
    settings = experiment(data={"source": source, "group_by": "patient", "held_out": 0.25})
    np.savez(tmp_path / "a.npz", x=values, patient=patients)
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    opened = load(tmp_path / "run", device="cpu")
    data = open_run_data(opened)
    assert opened.experiment.data.group_by == "patient"
    assert opened.spec.num_held_out == 8
    assert not {int(x) // 16 for x in data.held_out.codec.decode(data.held_out.first(40)[0])[:, 0, 0]} & {
        int(x) // 16 for x in data.train.codec.decode(data.train.first(40)[0])[:, 0, 0]
    }
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    np.savez(tmp_path / "a.npz", x=values, patient=patients[::-1] * 3)
    with pytest.raises(ResumeError, match="other data"):
        train(settings, tmp_path / "run", device="cpu", listener=SILENT)
