"""Data of each format, twenty steps of training, and samples in that format again: what its own library reads of them.

Shape, type, range, and what the data's owner needs back: place, coordinates, units, names, rate.
"""

import numpy as np
import pytest
import torch

from idm.core.progress import SILENT
from idm.presets import data_settings
from idm.run import load
from idm.settings import to_plain
from idm.tasks import train
from idm.tasks.edit_requests import EditRequest, EncodeRequest
from idm.tasks.editing import decode_into, encode_into
from idm.tasks.restoring import edit_into

from .kinds_of_files import FORMATS, OTHERS

DEVIATIONS_APART = {"wav", "edf", "png"}
"""Formats without fractions."""

SETS = {"netcdf": ".nc", "csv": ".csv", "hdf5": ".h5", "zarr": ".zarr", "parquet": ".parquet"}


def results_as_samples(restored, what, out, name):
    """Put the results called so, such as "00" or "mean", where the reader of a format looks for samples."""
    (found,) = sorted(restored.glob(f"*-{what}.*"))
    place = f"samples{SETS[name]}" if name in SETS else f"{name}/{found.name}"
    (out / place).parent.mkdir(parents=True)
    found.rename(out / place)
    return out


def assert_edited_files_keep_what_they_say(run, data, name, get, known, folder):
    """Change a file of one's own, and read the results with the library of its format."""
    place, put = OTHERS.get(name, ("", None))
    own = folder / place if put else data if name in {*SETS, "tiff"} else sorted(data.iterdir())[0]
    known = put(own) if put else known
    request = EditRequest(strength=0.2, num=2, sampler={"steps": 2})
    done = edit_into(run.folder, [str(own)], request, folder / "edited", device="cpu", listener=SILENT)
    restored, x = folder / "edited" / "restored", run.spec.codec.decode(done.x)
    for number, what in enumerate(("00", "mean")):
        if name == "tiff":  # each of the samples of the scene has a file of its own
            [file.unlink() for file in restored.iterdir() if "-0-" not in file.name]
        found = get(results_as_samples(restored, what, folder / f"as-{what}", name))
        assert found.known == known
        if number == 0 and name != "tiff":
            exact = x[::2]
            step = 900 / 65_535 if name == "edf" else 0
            values = found.values.reshape(exact.shape) if name in {"parquet", "nifti", "fits"} else found.values
            np.testing.assert_allclose(values, exact, rtol=1e-6 if name == "parquet" else 0, atol=step)
    if put:
        encode_into(
            run.folder, [str(own)], EncodeRequest(inversion={"steps": 2}), folder / "x.safetensors", device="cpu"
        )
        decode_into(run.folder, folder / "x.safetensors", folder / "decoded", device="cpu", listener=SILENT)
        assert get(folder / "decoded").known == known
    deviations = [file.name for file in restored.glob("*-std.*")]
    assert len(deviations) == 1
    assert deviations[0].endswith(".npy") == (name in DEVIATIONS_APART - {"png"})


SAID = {"hdf5": {"channels": "first"}, "zarr": {"channels": "first"}, "parquet": {"channels": "first"}}


@pytest.mark.parametrize("name", FORMATS)
def test_samples_leave_as_their_data_came(name, experiment, tmp_path):
    place, put, get, known = FORMATS[name]
    put(tmp_path / place)
    source = to_plain(data_settings(tmp_path / place).source) | SAID.get(name, {})
    network = {"name": "mlp", "width": 8, "num_layers": 1} if name == "csv" else {"name": "unet", "model_channels": 8}
    usual = {"training__num_steps": 20, "training__bound_interval": 0, "training__save_interval": 20}
    usual |= {"training__label_dropout": 0.0, "schedule__num_timesteps": 8}
    if name != "csv":
        network |= {"num_res_blocks": 1, "channel_mult": [1], "attention_resolutions": []}
    settings = experiment(data={"source": source, "held_out": 2}, network=network, **usual)
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    run = load(tmp_path / "run", device="cpu")
    samples = run.sample(3)
    run.save(samples, tmp_path / "out", formats=None if name != "png" else ("png",))
    found = get(tmp_path / "out")
    exact = np.moveaxis(samples, -1, 1) if run.spec.layout == "last" else samples.reshape(found.values.shape)
    assert found.values.dtype == exact.dtype or name in {"csv", "parquet", "edf"}
    step = 900 / 65_535 if name == "edf" else 0  # its files have 16 bits
    np.testing.assert_allclose(found.values, exact, rtol=1e-6 if name == "parquet" else 0, atol=step)
    low, high = (run.spec.codec.decode(torch.full((1, *run.spec.shape), end)) for end in (-1.0, 1.0))
    assert known == found.known
    assert (samples.min() >= low.min(), samples.max() <= high.max()) == (True, True)
    assert_edited_files_keep_what_they_say(run, tmp_path / place, name, get, known, tmp_path)
