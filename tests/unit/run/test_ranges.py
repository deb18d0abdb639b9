"""Runs on data that leave bits of their type unused: from every source, there and back, and begun by older versions."""

import re
from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import zarr
from PIL import Image

from idm.core.errors import DataError, ResumeError, SettingsError
from idm.core.progress import SILENT
from idm.data import Codec
from idm.data.check import check_path
from idm.run import draw, load, open_data, open_data_to_score
from idm.run.inputs import read_inputs
from idm.run.saving import save_samples
from idm.settings.experiment import DataSettings, SourceSettings
from idm.tasks import train

from ...forging import edit

MASKS = np.random.default_rng(0).integers(0, 2, (24, 8, 8)).astype(np.uint8)
TWELVE_BITS = np.random.default_rng(0).integers(0, 4096, (24, 8, 8)).astype(np.uint16)


def folder_of_images(folder):
    for number, pixels in enumerate(TWELVE_BITS):
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return "image_folder", {"path": str(folder)}


def npz(folder):
    np.savez(folder / "x.npz", TWELVE_BITS)
    return "arrays", {"path": str(folder / "x.npz"), "channels": "none"}


def tiff(folder):
    first, *rest = map(Image.fromarray, TWELVE_BITS)
    first.save(folder / "x.tif", save_all=True, append_images=rest)
    return "tiff_stack", {"path": str(folder / "x.tif")}


def hdf5(folder):
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = TWELVE_BITS
    return "hdf5", {"path": str(folder / "x.h5"), "channels": "none"}


def store(folder):
    zarr.create_array(folder / "x.zarr", data=TWELVE_BITS)
    return "zarr", {"path": str(folder / "x.zarr"), "channels": "none"}


@pytest.mark.parametrize("make", [folder_of_images, npz, tiff, hdf5, store])
def test_every_source_of_12_bits_in_16_has_4096_levels_in_a_line(tmp_path, make):
    name, options = make(tmp_path)
    data = open_data(DataSettings(SourceSettings(name, options), held_out=4))
    assert data.spec.codec == Codec.quantized("uint16", 4096)
    (line,) = data.remarks
    assert "4,096 levels (12 of 16 bits)" in line
    everything = torch.cat([data.train.first(24)[0], data.held_out.first(24)[0]])
    assert (everything.min(), everything.max()) == (2 * TWELVE_BITS.min() / 4095 - 1, 2 * TWELVE_BITS.max() / 4095 - 1)
    told = DataSettings(SourceSettings(name, options), held_out=4, range="type")
    assert open_data(told).spec.codec == Codec.quantized("uint16", 65_536)


@pytest.fixture
def settings(experiment, tmp_path):
    """Make an experiment on a folder of pictures of 0 and 1."""
    (tmp_path / "masks").mkdir()
    for number, pixels in enumerate(MASKS):
        Image.fromarray(pixels).save(tmp_path / "masks" / f"{number:02d}.png")

    def make(**data: Any):
        source = {"name": "image_folder", "path": str(tmp_path / "masks")}
        return experiment(data={"source": source, "held_out": 4} | data, training__bound_interval=0)

    return make


@pytest.fixture
def run(settings, tmp_path, capsys):
    found = train(settings(), tmp_path / "run", device="cpu", listener=SILENT)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning:")]
    assert line.startswith("warning: data: the values, 0 to 1, fill 0.39 % of the range of uint8, so 2 levels")
    return found


def test_a_run_on_two_levels_samples_two_levels_as_files_like_its_own(run, tmp_path):
    drawn = draw(run, 5)
    assert set(np.unique(run.spec.codec.decode(drawn))) <= {0, 1}
    save_samples(tmp_path / "out", run, drawn)
    written = [np.asarray(Image.open(tmp_path / "out" / "images" / f"{i:05d}.png")) for i in range(5)]
    np.testing.assert_array_equal(np.stack(written)[:, None], run.spec.codec.decode(drawn))
    again = read_inputs(run, [str(tmp_path / "out" / "images" / f"{i:05d}.png") for i in range(5)])
    np.testing.assert_array_equal(run.spec.codec.decode(again.x), run.spec.codec.decode(drawn))


def test_a_file_of_the_data_is_read_as_the_data_are(run, tmp_path):
    x = read_inputs(run, [str(tmp_path / "masks" / "03.png")]).x
    np.testing.assert_array_equal(x[0, 0].numpy(), 2.0 * MASKS[3] - 1)
    Image.fromarray(MASKS[3] * np.uint8(200)).save(tmp_path / "grey.png")
    with pytest.raises(DataError, match=r"grey\.png: uint8 values from 0 to 1 wanted, got uint8 from 0 to 200"):
        read_inputs(run, [str(tmp_path / "grey.png")])


def test_other_data_out_of_range_are_refused_with_a_range_that_holds_both(run, settings, tmp_path):
    np.save(tmp_path / "other.npy", MASKS[:, None] * np.uint8(3))
    with pytest.raises(DataError, match=r"from 0 to 1 wanted, got uint8 from 0 to 3; .*data\.range=0,3"):
        open_data_to_score(run, tmp_path / "other.npy")
    wider = train(settings(range=[0, 3]), tmp_path / "wider", device="cpu", listener=SILENT)
    assert len(open_data_to_score(wider, tmp_path / "other.npy").held_out) == 24


def without(plain, section, key):
    return plain | {section: {name: value for name, value in plain[section].items() if name != key}}


def test_a_run_from_before_there_were_ranges_goes_on_with_the_range_of_its_type(settings, tmp_path):
    folder = tmp_path / "old"
    old = train(settings(range="type"), folder, device="cpu", listener=SILENT)
    assert old.spec.codec.levels == 256
    edit(folder, "experiment", lambda plain: without(plain, "data", "range"))
    edit(folder, "data", lambda plain: without(plain, "codec", "clip"))
    assert load(folder, device="cpu").spec.codec == old.spec.codec
    longer = replace(settings(), training=replace(settings().training, num_steps=6))
    resumed = train(longer, folder, device="cpu", listener=SILENT)
    assert (resumed.step, resumed.spec.codec.levels, resumed.experiment.data.range) == (6, 256, "type")
    with pytest.raises(ResumeError, match=r"data\.range: this run was started with 'type', got 'values'"):
        train(settings(range="values"), folder, device="cpu", listener=SILENT)


def test_a_range_and_standardising_are_one_too_many(experiment):
    for rule in ("values", "percentiles", [0, 1]):
        with pytest.raises(SettingsError, match=r"data\.range: auto wanted where standardize=true"):
            experiment(data={"standardize": True, "range": rule})
    assert experiment(data={"standardize": True}).data.range == "auto"


@pytest.mark.parametrize("text", ["everything", "1,x", 5, [1], [1, 2, 3], [0, "x"], None])
def test_what_is_no_range_is_refused_with_what_is(experiment, text):
    wanted = "data.range: should be auto, type, values, percentiles or numbers with a comma between them"
    with pytest.raises(SettingsError, match=rf"{re.escape(wanted)}, got {re.escape(repr(text))}$"):
        experiment(data={"range": text})


def test_the_check_tells_the_values_their_share_of_the_type_and_the_range(run, tmp_path):
    check = check_path(tmp_path / "masks")
    assert check.values is not None
    assert check.values.words == "0 to 1, 2 different, 0.39 % of the range of uint8"
    assert check.values.choice == "uint8, 2 levels (0 to 1) (data.range=auto)"
    assert any("fill 0.39 % of the range of uint8" in line for line in check.remarks)
    plain = check.to_plain()["values"]
    assert (plain["low"], plain["high"], plain["distinct"], plain["rule"]) == ([0], [1], 2, "data.range=auto")
    assert Codec.from_dict(plain["codec"]) == run.spec.codec


def test_the_check_tells_of_steps_and_of_floats_that_are_levels(tmp_path):
    np.save(tmp_path / "spread.npy", MASKS[:, None] * np.uint8(255))
    check = check_path(tmp_path / "spread.npy")
    assert [line for line in check.remarks if "in steps of 255; data.range=values takes 2 levels" in line]
    np.save(tmp_path / "floats.npy", MASKS[:, None].astype(np.float32))
    assert [line for line in check_path(tmp_path / "floats.npy").remarks if "2 different values only" in line]


def test_few_floats_that_hardly_repeat_are_not_taken_for_levels(tmp_path):
    np.save(tmp_path / "single.npy", np.random.default_rng(0).normal(size=(1, 1, 8, 8)))
    assert not [line for line in check_path(tmp_path / "single.npy").remarks if "values only" in line]
