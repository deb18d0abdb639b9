"""Samples of several kinds in files, and runs of such samples: what tests of restoring and editing share."""

import numpy as np
import pytest
from PIL import Image

from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..forging import POINTS, make_run

SHORT = ("--steps", 3, "--num", 2)
UNET = {"name": "unet", "model_channels": 4, "num_res_blocks": 1, "channel_mult": [1, 2], "num_heads": 1}
LEFT = np.zeros((8, 8), dtype=bool)
LEFT[:, :4] = True
AFFINE = np.array([[0, 2.0, 0, 5], [1.5, 0, 0, -3], [0, 0, 4.0, 7], [0, 0, 0, 1]])


def make_others(folder):
    """Train runs of signals of two leads, RGB pictures, 16-bit pictures, volumes and points for a moment."""
    rng = np.random.default_rng(0)
    data = {
        "signals": rng.normal(size=(24, 2, 16)).astype("f4") * [[3.0], [0.1]] + [[5.0], [-2.0]],
        "rgb": rng.integers(0, 256, (24, 3, 8, 8), dtype=np.uint8),
        "deep": rng.integers(0, 65536, (24, 1, 8, 8), dtype=np.uint16),
        "volumes": rng.normal(size=(24, 1, 8, 4, 4)).astype("f4"),
    }
    for name, values in data.items():
        np.save(folder / f"{name}.npy", values.astype("f4") if name == "signals" else values)
        make_run(folder / f"{name}.npy", folder / name, network=UNET)
    points = "\n".join(f"{x},{y}" for x, y in rng.normal(size=(24, 2)).round(3).tolist())
    (folder / "points.csv").write_text(f"east,north\n{points}\n")
    source = {"name": "numeric_csv", "path": str(folder / "points.csv")}
    settings = {**POINTS, "data": {**POINTS["data"], "source": source}}
    train(from_plain(Experiment, settings), folder / "points", device="cpu", listener=SILENT)


def opened(folder):
    with np.load(folder / "restored.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def grey(path, hidden=LEFT):
    """Write a mask as a grey picture."""
    Image.fromarray(np.where(hidden, 255, 0).astype(np.uint8)).save(path)


def write_sample(path, values):
    """Write one sample into a file of the kind that its name says."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".png":
        Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)).save(path)
    else:
        nibabel = pytest.importorskip("nibabel")
        nibabel.save(nibabel.Nifti1Image(values[0], AFFINE), path)


def read_sample(path):
    """Read it again; a volume has to be in its place."""
    if path.suffix == ".npy":
        return np.load(path)[0]
    if path.suffix == ".png":
        picture = np.asarray(Image.open(path))
        return picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(path)
    assert (image.affine == AFFINE).all()
    return image.get_fdata()[None]
