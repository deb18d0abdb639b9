"""What the program wrote below a folder of data is no data."""

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import SettingsError
from idm.data import SOURCES, infer_source
from idm.data.hashing import files_of
from idm.data.images.files import find_files
from idm.settings import Experiment, from_plain
from idm.tasks import train as idm_train


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


def test_the_folder_of_the_data_is_refused_for_runs_and_results(results, idm, tmp_path):
    folder, train = results
    before = sorted(folder.rglob("*"))
    for command in (["sample", folder / "run", "--num", "3"], ["evaluate", folder / "run", "--steps", "2"], train[:3]):
        result = idm(*command, "--out", folder)
        assert (result.code, len(result.errors)) == (2, 1)
        assert f"--out {folder}: a folder of its own wanted, got one that holds the data" in result.errors[0]
    assert sorted(folder.rglob("*")) == before
    picture(tmp_path / "pets" / "cat" / "1.png")
    (tmp_path / "pets" / "list.csv").write_text("path\ncat/1.png\n")
    for data, out in (("pets", "pets/cat"), ("pets/list.csv", "pets"), ("pets/list.csv", "pets/cat")):
        result = idm("train", "--data", tmp_path / data, "--out", tmp_path / out)
        assert (result.code, len(result.errors)) == (2, 1)
        assert "got one that holds the data; choose another, such as --out" in result.errors[0]
    with pytest.raises(SettingsError, match="got one that holds the data"):
        idm_train(from_plain(Experiment, {"data": {"source": {"name": "image_folder", "path": str(folder)}}}), folder)
    assert not (folder / "experiment.yaml").exists()


def test_a_folder_of_samples_that_is_asked_for_is_read_as_its_arrays(results, idm, tmp_path):
    folder, _ = results
    name, options = infer_source(folder / "drawn")
    assert (name, options) == ("arrays", {"path": str(folder / "drawn" / "samples.npz")})
    assert len(SOURCES.build(name, options)) == 3
    scored = idm("evaluate", folder / "run", "--data", folder / "drawn", "--steps", "2", "--out", tmp_path / "scores")
    assert scored.code == 0, scored.err
    said = idm("check-data", folder / "run").errors[0]
    assert "got 0 images and 0 files of data; give the folder or file that holds the data" in said


def test_files_are_results_by_the_record_and_not_by_their_names(results, tmp_path):
    folder, _ = results
    np.savez(tmp_path / "samples.npz", data=np.zeros((3, 1, 4, 4), np.uint8))
    for name in ("grid.png", "images/00000.png", "images/00001.png"):
        picture(tmp_path / name)
    images, others = find_files(tmp_path)
    assert (images, others) == (["grid.png", "images/00000.png", "images/00001.png"], ["samples.npz"])
    record = (folder / "drawn" / ".results.json").read_bytes()
    (tmp_path / ".results.json").write_bytes(record)  # of files of other sizes
    assert find_files(tmp_path) == (images, others)
    (tmp_path / ".results.json").unlink()
    (tmp_path / ".results.json").symlink_to(folder / "drawn" / ".results.json")
    assert find_files(tmp_path) == (images, others)


def test_what_somebody_puts_beside_results_is_data(results, idm, tmp_path):
    folder, _ = results
    assert idm("sample", folder / "run", "--num", "3", "--out", tmp_path / "drawn").code == 0
    picture(tmp_path / "drawn" / "mine.png")
    assert find_files(tmp_path) == (["drawn/mine.png"], [])


def test_results_are_read_where_they_are_asked_for_and_others_folders_always(results, tmp_path):
    folder, _ = results
    assert len(find_files(folder / "run" / "samples")[0]) > 0
    assert len(find_files(folder / "drawn" / "images")[0]) == 3
    picture(tmp_path / "samples" / "a.png")
    picture(tmp_path / "samples" / "grid.png")
    picture(tmp_path / "images" / "00000.png")
    (tmp_path / "experiment.yaml").write_text("author: me\n")
    assert find_files(tmp_path)[0] == ["images/00000.png", "samples/a.png", "samples/grid.png"]
