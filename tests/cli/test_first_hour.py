"""From an unknown file to a page of samples in three commands, as docs/data.md has them, for kinds that it lists."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs" / "data.md"
RNG = np.random.default_rng(0)


def pictures(folder):
    for number in range(40):
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        pixels = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "ab"[number % 2] / f"{number}.png")
    return folder


def signals(folder):
    np.save(folder / "waves.npy", RNG.normal(size=(40, 2, 16)).astype(np.float32))
    return folder / "waves.npy"


def points(folder):
    rows = "\n".join(f"{x:.4f},{y:.4f}" for x, y in RNG.normal(size=(60, 2)))
    (folder / "points.csv").write_text(f"length,width\n{rows}\n")
    return folder / "points.csv"


def raster(folder):
    tifffile.imwrite(folder / "scene.tif", RNG.normal(size=(64, 64)).astype(np.float32))
    return folder / "scene.tif"


KINDS = {
    "a folder of pictures": (pictures, ()),
    "an array of signals": (signals, ("channels=first",)),
    "points in CSV": (points, ()),
    "one large TIFF": (raster, ("data.patch_size=8",)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_three_commands_lead_to_a_page(idm, tiny, tmp_path, kind):
    make, told = KINDS[kind]
    (tmp_path / "mine").mkdir()
    data, run = make(tmp_path / "mine"), tmp_path / "run"
    given = [word for one in told for word in ("--set", one)]
    looked = idm("check-data", data, *given)
    assert looked.code == 0, looked.err
    options = tiny(training__num_steps=2, training__save_interval=2, training__sample_interval=100)
    network = [] if kind == "points in CSV" else options
    few = ["--set", "training.num_steps=2", "--set", "training.batch_size=8", "--set", "sampler.steps=4"]
    trained = idm("train", "--data", data, "--out", run, *given, *(network or few))
    assert trained.code == 0, trained.err
    page = idm("report", run, "--budget", "1000", "--sections", "samples,configuration")
    assert page.code == 0, page.err
    assert (run / "reported" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_tell_what_these_kinds_need(kind):
    section = DOCS.read_text().split("## The first hour")[1].split("\n## ")[0]
    assert all(word.partition("=")[0] in section for word in KINDS[kind][1])
