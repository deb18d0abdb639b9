"""Data of each format, twenty steps of training, and samples in that format again: what its own library reads of them.

Shape, type, range, and what the data's owner needs back: place, coordinates, units, names, rate.
"""

import csv
from dataclasses import dataclass

import astropy.io.fits as fits
import edfio
import h5netcdf
import h5py
import nibabel
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
import tifffile
import torch
import zarr
from PIL import Image

from idm.core.progress import SILENT
from idm.presets import data_settings
from idm.run import load
from idm.settings import to_plain
from idm.tasks import train
from idm.tasks.edit_requests import EditRequest, EncodeRequest
from idm.tasks.editing import decode_into, encode_into
from idm.tasks.restoring import edit_into

RNG = np.random.default_rng(0)
NUM, RATE = 12, 8_000
AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2.5, -72], [0, 0, 0, 1]])


@dataclass
class Written:
    """What lies in the file of samples: values [n, c, *space], and what else is known."""

    values: np.ndarray
    known: dict


def put_nifti(path):
    path.mkdir()
    for number in range(NUM):
        nibabel.save(nibabel.Nifti1Image(RNG.normal(size=(4, 4, 4)).astype(np.float32), AFFINE), path / f"{number}.nii")


def get_nifti(out):
    images = [nibabel.load(file) for file in sorted((out / "nifti").iterdir())]
    values = np.stack([np.asanyarray(image.dataobj) for image in images])[:, None]
    return Written(values, {"affine": images[0].affine.tolist()})


def put_netcdf(path):
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": NUM, "lat": 8, "lon": 8}
        for name in ("u", "v"):
            values = RNG.normal(size=(NUM, 8, 8)).astype(np.float32)
            file.create_variable(name, ("time", "lat", "lon"), data=values).attrs["units"] = "m s-1"
        file.create_variable("lat", ("lat",), data=np.linspace(60, 53, 8))


def get_netcdf(out):
    with h5netcdf.File(out / "samples.nc") as file:
        known = {"units": file["u"].attrs["units"], "lat": file["lat"][...].tolist()}
        return Written(np.stack([file[name][...] for name in ("u", "v")], axis=1), known)


def put_fits(path):
    path.mkdir()
    for number in range(NUM):
        image = fits.PrimaryHDU(RNG.normal(size=(8, 8)).astype(np.float32))
        image.header.update({"CTYPE1": "RA---TAN", "CRVAL1": 83.5, "BUNIT": "Jy"})
        image.writeto(path / f"{number}.fits")


def get_fits(out):
    units = [fits.open(file)[0] for file in sorted((out / "fits").iterdir())]
    header = units[0].header
    values = np.stack([np.array(unit.data) for unit in units])
    return Written(
        values.astype(values.dtype.newbyteorder("="))[:, None],
        {key: header[key] for key in ("CTYPE1", "CRVAL1", "BUNIT")},
    )


def put_wav(path):
    path.mkdir()
    for number in range(NUM):
        soundfile.write(path / f"{number}.wav", RNG.integers(-900, 900, (32, 2)).astype(np.int16), RATE)


def get_wav(out):
    read = [soundfile.read(file, dtype="int16") for file in sorted((out / "wav").iterdir())]
    return Written(np.stack([values.T for values, _ in read]), {"rate": read[0][1]})


def put_edf(path):
    path.mkdir()
    for number in range(NUM):
        signal = edfio.EdfSignal(RNG.uniform(-400, 400, 64), 32, label="C3", physical_dimension="uV")
        edfio.Edf([signal]).write(path / f"{number}.edf")


def get_edf(out):
    files = [edfio.read_edf(file) for file in sorted((out / "edf").iterdir())]
    signal = files[0].signals[0]
    known = {"name": signal.label, "unit": signal.physical_dimension, "rate": signal.sampling_frequency}
    return Written(np.stack([[one.data for one in file.signals] for file in files]), known)


def put_tiff(path):
    scene = RNG.integers(0, 10_000, (NUM, 8, 8, 5)).astype(np.uint16)
    how = {"photometric": "minisblack", "planarconfig": "contig", "resolution": (300, 300), "resolutionunit": 2}
    tifffile.imwrite(path, scene, **how)


def get_tiff(out):
    files = sorted((out / "tiff").iterdir())
    values = np.stack([tifffile.imread(file) for file in files])
    with tifffile.TiffFile(files[0]) as file:
        resolution = file.pages[0].tags["XResolution"].value
    return Written(values, {"dots": resolution[0] / resolution[1]})


def put_csv(path):
    rows = [f"{a:.5f},{b:.5f}\n" for a, b in RNG.normal(size=(NUM, 2))]
    path.write_text("east,north\n" + "".join(rows))


def get_csv(out):
    with (out / "samples.csv").open() as file:
        names, *rows = csv.reader(file)
    return Written(np.array([row[:2] for row in rows], float), {"names": names[:2]})


def put_hdf5(path):
    with h5py.File(path, "w") as file:
        file["data"] = RNG.normal(size=(NUM, 2, 8, 8))


def get_hdf5(out):
    with h5py.File(out / "samples.h5") as file:
        return Written(file["data"][()], {})


def put_zarr(path):
    zarr.create_array(str(path), data=RNG.normal(size=(NUM, 2, 8, 8)).astype(np.float32))


def get_zarr(out):
    found = zarr.open(str(out / "samples.zarr"), mode="r")
    return Written(found["data"][...], {})


def put_parquet(path):
    values = RNG.normal(size=(NUM, 2, 8)).astype(np.float32)
    pyarrow.parquet.write_table(pyarrow.table({"data": values.tolist()}), path)


def get_parquet(out):
    return Written(np.array(pyarrow.parquet.read_table(out / "samples.parquet")["data"].to_pylist()), {})


def put_png(path):
    path.mkdir()
    for number in range(NUM):
        Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path / f"{number}.png")


def get_png(out):
    files = sorted((out / "png").rglob("*.png"))
    return Written(np.stack([np.asarray(Image.open(file)) for file in files]).transpose(0, 3, 1, 2), {})


FORMATS = {
    # by the name of the format: the place of the data, what writes them, what reads samples, and what is known of these
    "nifti": ("scans", put_nifti, get_nifti, {"affine": AFFINE.tolist()}),
    "netcdf": ("wind.nc", put_netcdf, get_netcdf, {"units": "m s-1", "lat": np.linspace(60, 53, 8).tolist()}),
    "fits": ("stars", put_fits, get_fits, {"CTYPE1": "RA---TAN", "CRVAL1": 83.5, "BUNIT": "Jy"}),
    "wav": ("hums", put_wav, get_wav, {"rate": RATE}),
    "edf": ("eeg", put_edf, get_edf, {"name": "C3", "unit": "uV", "rate": 32}),
    "tiff": ("scene.tif", put_tiff, get_tiff, {"dots": 300}),
    "csv": ("points.csv", put_csv, get_csv, {"names": ["east", "north"]}),
    "hdf5": ("fields.h5", put_hdf5, get_hdf5, {}),
    "zarr": ("fields.zarr", put_zarr, get_zarr, {}),
    "parquet": ("signals.parquet", put_parquet, get_parquet, {}),
    "png": ("pictures", put_png, get_png, {}),
}


def other_nifti(path):
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.float32), 2 * AFFINE - np.diag([0, 0, 0, 1])), path)
    return {"affine": (2 * AFFINE - np.diag([0, 0, 0, 1])).tolist()}


def other_netcdf(path):
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": 2, "lat": 8, "lon": 8}
        for name in ("u", "v"):
            values = RNG.normal(size=(2, 8, 8)).astype(np.float32)
            file.create_variable(name, ("time", "lat", "lon"), data=values).attrs["units"] = "m s-1"
        file.create_variable("lat", ("lat",), data=np.linspace(-10, -17, 8))
    return {"units": "m s-1", "lat": np.linspace(-10, -17, 8).tolist()}


def other_fits(path):
    image = fits.PrimaryHDU(RNG.normal(size=(8, 8)).astype(np.float32))
    image.header.update({"CTYPE1": "GLON-TAN", "CRVAL1": 12.25, "BUNIT": "mJy"})
    image.writeto(path)
    return {"CTYPE1": "GLON-TAN", "CRVAL1": 12.25, "BUNIT": "mJy"}


def other_wav(path):
    soundfile.write(path, RNG.integers(-900, 900, (32, 2)).astype(np.int16), 2 * RATE)
    return {"rate": 2 * RATE}


OTHERS = {"nifti": ("own.nii", other_nifti), "netcdf": ("own.nc", other_netcdf)}
OTHERS |= {"fits": ("own.fits", other_fits), "wav": ("own.wav", other_wav)}
"""Files whose metadata are other than those of the data, and what these are."""

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
