"""``idm check-data``: what is printed and written, and the exit code."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    for number, kind in enumerate(["cat", "cat", "dog", "dog"]):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / kind / f"{number}.png")
    return folder


def test_good_data_give_zero_and_nothing_is_written(idm, folder):
    before = sorted(folder.parent.rglob("*"))
    result = idm("check-data", folder)
    assert (result.code, result.err) == (0, "")
    assert "4 of 3 x 8 x 8, uint8" in result.out
    assert "cat (2), dog (2)" in result.out
    assert sorted(folder.parent.rglob("*")) == before


def test_data_that_training_refuses_give_three_and_every_reason(idm, folder):
    Image.new("RGBA", (8, 8)).save(folder / "cat" / "see-through.png")
    (folder / "dog" / "text.png").write_text("no image")
    result = idm("check-data", folder)
    assert result.code == 3
    assert "see-through.png: grey or RGB wanted, got transparency" in result.out
    assert "text.png: cannot be read" in result.out


def test_index_summary_and_page_are_written_where_asked_for(idm, folder, tmp_path):
    Image.new("RGBA", (8, 8), (255, 0, 0, 128)).save(folder / "cat" / "<b>.png")
    result = idm("check-data", folder, "--out", tmp_path / "out")
    assert result.code == 3
    index = [json.loads(line) for line in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert len(index) == 5
    assert {"path", "num_bytes", "sha256", "format", "mode", "orientation", "label", "refusal"} <= set(index[0])
    assert json.loads((tmp_path / "out" / "check.json").read_text())["num_samples"] == 4
    page = (tmp_path / "out" / "page.html").read_text()
    assert "Training would refuse these data." in page
    assert page.count("data:image/png;base64,") == 1
    assert "&lt;b&gt;.png" in page
    assert "<b>.png" not in page


def test_json_holds_the_index_and_the_speed(idm, folder):
    result = idm("check-data", folder, "--json", "--speed")
    assert result.code == 0
    assert len(result.json["files"]) == 4
    assert result.json["classes"] == {"cat": 2, "dog": 2}
    assert result.json["speed"]["later"] > 0


def test_array_files_are_checked_with_pictures_of_what_is_odd(idm, tmp_path):
    data = np.random.default_rng(0).normal(size=(6, 1, 8, 8)).astype(np.float32)
    data[4] = data[1]
    np.save(tmp_path / "a.npy", data)
    result = idm("check-data", tmp_path / "a.npy", "--out", tmp_path / "out", "--speed")
    assert result.code == 0
    assert "1 copies of other samples" in result.out
    assert "samples/s in the first epoch" in result.out
    assert (tmp_path / "out" / "page.html").read_text().count("data:image/png;base64,") == 2


def test_nothing_there_is_one_line(idm, tmp_path):
    result = idm("check-data", tmp_path / "missing")
    assert result.code == 3
    assert len(result.errors) == 1
    assert "nothing there" in result.errors[0]


def test_other_kinds_of_data_are_checked_and_trained_on(idm, tiny, folder, tmp_path):
    rows = "".join(f"{path.relative_to(folder)},{path.parent.name}\n" for path in sorted(folder.rglob("*.png")))
    (folder / "list.csv").write_text("path,label\n" + rows)
    result = idm("check-data", folder / "list.csv")
    assert result.code == 0, result.err
    assert "read as csv" in result.out
    assert "cat (2), dog (2)" in result.out
    result = idm("train", "--data", folder / "list.csv", "--out", tmp_path / "run", *tiny(data__held_out=1))
    assert result.code == 0, result.err
    (folder / "cat" / "0.png").write_text("no image")
    result = idm("check-data", folder / "list.csv", "--out", tmp_path / "out")
    assert result.code == 3
    assert "cat/0.png: cannot be read" in result.out
