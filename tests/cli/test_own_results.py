"""What the program wrote below a folder of data is no data."""

import numpy as np
import pytest
from PIL import Image

from idm.data import SOURCES, infer_source
from idm.data.hashing import files_of
from idm.data.image_files import find_files


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path)


@pytest.fixture(scope="module")
def results(tmp_path_factory, idm, tiny):
    """A folder of pictures with a run, and samples, decoded latents and scores, in it and beside it."""
    folder = tmp_path_factory.mktemp("results") / "pictures"
    for number in range(10):
        picture(folder / f"{number}.png")
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)).save(folder / f"{number}.png")
    train = ("train", "--data", folder, "--out", folder / "run", *tiny(training__num_steps=2, data__held_out=2))
    longer = ("--set", "training.sample_interval=1", "--set", "training.save_interval=1")
    assert idm(*train, *longer).code == 0
    for where in (("--out", folder / "drawn"), ()):
        assert idm("sample", folder / "run", "--num", "3", *where).code == 0
    assert idm("encode", folder / "run", "held-out:0-1", "--steps", "2", "--out", folder / "l.safetensors").code == 0
    assert idm("decode", folder / "run", folder / "l.safetensors").code == 0
    assert idm("evaluate", folder / "run", "--steps", "2", "--out", folder / "scores").code == 0
    return folder, train


def test_runs_samples_and_scores_below_a_folder_are_not_read(results):
    folder, _ = results
    images, others = find_files(folder)
    assert images == [f"{number}.png" for number in range(10)]
    assert others == ["l.safetensors"]
    assert len(SOURCES.build(*infer_source(folder))) == 10
    assert sorted(files_of(folder, "")) == [*sorted(images), "l.safetensors"]


def test_a_run_below_its_own_data_goes_on(results, idm):
    _, train = results
    result = idm(*train, "--set", "training.num_steps=3")
    assert result.code == 0, result.err
    assert "8 samples" in result.out


def test_samples_written_into_the_folder_of_the_data_itself_are_not_read(results, idm, tmp_path):
    folder, _ = results
    for number in range(4):
        picture(tmp_path / f"{number}.png")
    picture(tmp_path / "images" / "mine.png")
    assert idm("sample", folder / "run", "--num", "3", "--out", tmp_path).code == 0
    assert find_files(tmp_path)[0] == [*(f"{number}.png" for number in range(4)), "images/mine.png"]


def test_results_are_read_where_they_are_asked_for_and_others_folders_always(results, tmp_path):
    folder, _ = results
    assert len(find_files(folder / "run" / "samples")[0]) > 0
    assert len(find_files(folder / "drawn" / "images")[0]) == 3
    picture(tmp_path / "samples" / "a.png")
    picture(tmp_path / "samples" / "grid.png")
    picture(tmp_path / "images" / "00000.png")
    (tmp_path / "experiment.yaml").write_text("author: me\n")
    assert find_files(tmp_path)[0] == ["images/00000.png", "samples/a.png", "samples/grid.png"]
