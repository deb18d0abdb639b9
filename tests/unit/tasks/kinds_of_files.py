"""Files of each kind: how their own libraries write them, and what these read of what comes back."""

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
import soundfile
import tifffile
import zarr
from PIL import Image

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
