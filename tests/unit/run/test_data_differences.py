"""A run is not continued or scored on other data than its own, and is told in what they differ."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import DataError, ResumeError
from idm.core.progress import SILENT
from idm.data import Codec
from idm.run import DataSpec, load, open_data, open_run_data
from idm.run.opened_source import with_absolute_path
from idm.run.spec import data_differences
from idm.tasks import train

SPEC = DataSpec((1, 8, 8), Codec.quantized("uint8", 17), ("a", "b"), 10, 2, "first", "", "names=1 labels=2 contents=3")


def test_the_same_data_do_not_differ_and_unknown_ones_are_not_compared():
    assert data_differences(SPEC, replace(SPEC)) == []
    assert data_differences(replace(SPEC, fingerprint=""), SPEC) == []
    assert data_differences(SPEC, replace(SPEC, fingerprint="")) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_train": 11}, ["samples: 10 + 2 wanted, got 11 + 2"]),
        ({"shape": (1, 8, 9)}, ["shape of a sample: (1, 8, 8) wanted, got (1, 8, 9)"]),
        ({"layout": "last"}, ["axes: channels first wanted, got channels last"]),
        ({"class_names": ("a", "c")}, ["other names of the classes"]),
        ({"class_names": None}, ["classes: 2 wanted, got 0", "other names of the classes"]),
        ({"codec": Codec.quantized("uint8", 16)}, ["other range of the values"]),
        ({"held_out_hash": "1"}, ["other held-out samples"]),
        ({"fingerprint": "names=1 labels=5 contents=3"}, ["other labels"]),
        ({"fingerprint": "names=7 labels=2 contents=8"}, ["other names of the samples", "other contents"]),
    ],
)
def test_what_differs_is_told(changes, expected):
    assert data_differences(SPEC, replace(SPEC, **changes)) == expected


def test_fingerprints_are_remembered_and_older_descriptions_stay_readable():
    plain = SPEC.to_plain()
    assert DataSpec.from_plain(plain).fingerprint == SPEC.fingerprint
    del plain["fingerprint"]
    assert DataSpec.from_plain(plain).fingerprint == ""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{number}.bmp")
    return tmp_path / "data"


def test_a_run_is_not_continued_or_scored_on_changed_images_of_the_same_count_and_size(experiment, folder, tmp_path):
    settings = experiment(data={"source": {"name": "image_folder", "path": str(folder)}})
    run = train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    assert open_run_data(run).spec.fingerprint == run.spec.fingerprint != ""
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "3.bmp")
    with pytest.raises(ResumeError, match="other contents"):
        train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    with pytest.raises(DataError, match=r"data: the data of this run wanted, got others \(other contents\); restore"):
        open_run_data(load(tmp_path / "run", device="cpu"))


def test_moved_data_are_the_same(experiment, folder):
    settings = experiment(data={"source": {"name": "image_folder", "path": str(folder)}}).data
    before = open_data(settings).spec
    moved = folder.rename(folder.with_name("moved"))
    source = settings.source.with_options(path=str(moved))
    assert data_differences(before, open_data(replace(settings, source=source)).spec) == []


def test_the_folder_of_indexed_data_becomes_absolute(experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"name": "index", "path": "index.jsonl"}
    found = with_absolute_path(experiment(data={"source": options | {"folder": "data"}})).data.source.options
    assert (found.path, found.folder) == (str(tmp_path / "index.jsonl"), str(tmp_path / "data"))
    found = with_absolute_path(experiment(data={"source": options | {"folder": None}})).data.source.options
    assert found.folder is None


@pytest.mark.parametrize("conditional", [True, False])
def test_runs_whose_classes_were_sorted_as_text_or_not_seen_go_on(experiment, tmp_path, monkeypatch, conditional):
    for number in range(12):
        (tmp_path / "data" / str(number)).mkdir(parents=True)
        for copy in range(2):
            picture = Image.fromarray(np.full((8, 8), 20 * number + copy, np.uint8))
            picture.save(tmp_path / "data" / str(number) / f"{copy}.png")
    source = {"name": "image_folder", "path": str(tmp_path / "data")}
    settings = experiment(data={"source": source, "class_conditional": conditional, "held_out": 5})
    with monkeypatch.context() as then:
        then.setattr("idm.data.base._are_numbers", lambda texts: False)
        run = train(settings, tmp_path / "run", device="cpu", listener=SILENT)
        held_out = open_run_data(run).held_out.first(5)
    assert run.spec.class_names == (tuple(sorted(map(str, range(12)))) if conditional else None)
    now = open_run_data(load(tmp_path / "run", device="cpu"))
    assert now.spec == run.spec
    assert all(torch.equal(a, b) for a, b in zip(now.held_out.first(5), held_out, strict=True) if a is not None)
    longer = replace(settings, training=replace(settings.training, num_steps=settings.training.num_steps + 1))
    assert train(longer, tmp_path / "run", device="cpu", listener=SILENT).spec == run.spec


def test_a_run_from_before_arrays_were_known_for_labels_goes_on_without_them(experiment, tmp_path, monkeypatch):
    x = np.random.default_rng(0).integers(0, 9, (12, 1, 8, 8))
    np.savez(tmp_path / "a.npz", x=x, label=np.arange(12) % 2)
    settings = experiment(data={"source": {"name": "arrays", "path": str(tmp_path / "a.npz")}, "held_out": 2})
    with monkeypatch.context() as then:
        then.setattr("idm.data.arrays.keys.find_labels", lambda names, data=None: None)
        run = train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    assert open_data(settings.data).spec.class_names == ("0", "1")
    assert open_run_data(run).spec == run.spec
    assert run.spec.class_names is None
