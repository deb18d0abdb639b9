"""``idm check-data``: what is printed and written, and the exit code."""

import json
import shlex
import warnings

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
    assert result.code == 0
    assert [line.partition(":")[0] for line in result.err.splitlines()] == ["checking"]
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
    head, *index = [json.loads(line) for line in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert (head["source"], head["folder"], head["class_names"]) == ("image_folder", str(folder), ["cat", "dog"])
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
    assert "1 copy of other samples" in result.out
    assert "samples/s in the first epoch" in result.out
    page = (tmp_path / "out" / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 4  # samples, values, frequencies, and what is odd
    assert "6 of 6 samples, evenly spaced." in page
    assert 'alt="same contents as another: 1, 4"' in page


def test_a_csv_file_beside_images_without_classes_is_told_as_what_may_list_them(idm, tmp_path):
    for number in range(3):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    (tmp_path / "labels.csv").write_text("path,label\n0.png,a\n1.png,b\n2.png,a\n")
    told = " ".join(idm("check-data", tmp_path).out.split())
    path = tmp_path / "labels.csv"
    assert f"labels.csv is not read; if it lists images and their classes, give its path: {path}" in told
    assert "classes a (2), b (1)" in " ".join(idm("check-data", path).out.split())


def test_of_several_csv_files_all_are_named_and_the_one_to_train_on_is_advised(idm, tmp_path):
    for number in range(3):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    for name in ("extra.csv", "test.csv", "train.csv"):
        (tmp_path / name).write_text("path,label\n0.png,a\n1.png,b\n")
    told = " ".join(idm("check-data", tmp_path).out.split())
    path = tmp_path / "train.csv"
    assert "train.csv, extra.csv, test.csv are not read; if one lists images and their classes" in told
    assert f"give its path: {path}" in told


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


def next_command(result):
    """What the closing line says to do, as arguments."""
    last = result.out.splitlines()[-1]
    assert last.startswith("Next")
    return shlex.split(last.partition(": idm ")[2])


def test_the_closing_line_trains_on_what_was_indexed(idm, tiny, folder, tmp_path):
    out, run = tmp_path / "out of it", tmp_path / "run"
    command = next_command(idm("check-data", folder, "--out", out))
    assert command == ["train", "--data", str(out / "index.jsonl"), "--out", "RUN"]
    Image.new("CMYK", (3, 3)).save(folder / "cat" / "later.jpg")
    result = idm(*command[:-1], run, *tiny(data__held_out=1))
    assert result.code == 0, result.err
    assert "as indexed in index.jsonl" in result.out
    assert "names=" in idm("info", run).out
    (folder / "cat" / "0.png").write_bytes((folder / "dog" / "3.png").read_bytes())
    result = idm(*command[:-1], run, *tiny(data__held_out=1))
    assert result.code == 3
    assert len(result.errors) == 1
    assert "0.png: the file that was indexed wanted" in result.errors[0]


def test_without_an_index_the_closing_line_trains_on_the_data(idm, folder):
    assert next_command(idm("check-data", folder)) == ["train", "--data", str(folder), "--out", "RUN"]


def test_the_closing_line_has_full_paths(idm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).normal(size=(20, 1, 8, 8)).astype(np.float32)
    np.save("fine.npy", values)
    np.save("coarse.npy", values[..., ::2, ::2])
    command = next_command(idm("check-data", "fine.npy", "--condition", "coarse.npy"))
    paths = (str(tmp_path / name) for name in ("fine.npy", "coarse.npy"))
    assert command == ["train", "--data", next(paths), "--condition", next(paths), "--out", "RUN"]


def test_no_samples_are_counted_where_all_are_refused(idm, tmp_path):
    np.save(tmp_path / "gaps.npy", np.full((4, 1, 8, 8), np.nan))
    result = idm("check-data", tmp_path / "gaps.npy")
    assert result.code == 3
    assert "missing in sample 0" in result.out
    assert "samples  0" not in result.out


def test_the_closing_line_leaves_out_a_few_refused_images_and_not_more(idm, folder, tmp_path):
    for number in range(100):
        (folder / "dog" / f"more-{number}.png").write_bytes((folder / "dog" / "3.png").read_bytes())
    Image.new("RGBA", (8, 8)).save(folder / "cat" / "a.png")
    result = idm("check-data", folder, "--out", tmp_path / "out")
    assert result.code == 3
    assert "Next, without the 1 refused: idm train --data" in result.out
    assert "Next" not in idm("check-data", folder).out
    Image.new("RGBA", (8, 8)).save(folder / "cat" / "b.png")
    assert "Next" not in idm("check-data", folder, "--out", tmp_path / "out").out
    result = idm("train", "--data", tmp_path / "out" / "index.jsonl", "--out", tmp_path / "run")
    assert result.code == 3
    assert "max_refused: at most 1.0% of refused files wanted, got 1.9% (2 of 106" in result.errors[0]


def test_an_index_is_checked_like_the_data_it_is_of(idm, folder, tmp_path):
    index = tmp_path / "out" / "index.jsonl"
    idm("check-data", folder, "--out", index.parent)
    result = idm("check-data", index, "--out", tmp_path / "again")
    assert result.code == 0
    assert "4 of 3 x 8 x 8, uint8" in result.out
    assert not (tmp_path / "again" / "index.jsonl").exists()
    assert next_command(result)[2] == str(index)
    with (folder / "cat" / "0.png").open("ab") as file:
        file.write(b"more")
    result = idm("check-data", index)
    assert result.code == 3
    assert "0.png: the file that was indexed wanted" in result.out


def test_settings_are_heard_by_their_paths_and_by_their_names(idm, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (8, 10, 12, 16)).astype(np.uint8))
    result = idm("check-data", tmp_path / "x.npy")
    assert (result.code, "set data.source.channels=first" in result.out) == (3, True)
    for said in ("data.source.channels=first", "source.channels=first", "channels=first"):
        result = idm("check-data", tmp_path / "x.npy", "--set", said, "--set", "random_crop=8")
        assert result.code == 0, result.err
        assert "8 of 10 x 12 x 16" in result.out
        command = next_command(result)
        assert command == [
            *("train", "--data", str(tmp_path / "x.npy"), "--set", "data.source.channels=first"),
            *("--set", "data.random_crop=8", "--out", "RUN"),
        ]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("random_crop=99", "data.random_crop: at most 8 wanted"),
        ("held_out=99", "data.held_out: fewer than the 4 samples"),
        ("standardize=true", "data.standardize: continuous data wanted"),
        ("image_size=64", "at least 64 x 64 wanted, got 8 x 8"),
        ("labels=prefix", "data.source.labels=none"),
        ("max_pixels=10", "raise data.source.max_pixels"),
    ],
)
def test_what_training_would_refuse_of_the_settings_is_refused(idm, folder, said, line):
    result = idm("check-data", folder, "--set", said)
    assert result.code == 3
    assert line in result.out + result.err
    assert "Next" not in result.out


def test_settings_that_there_are_not_are_told_by_their_path(idm, folder):
    result = idm("check-data", folder, "--set", "image_sise=8")
    assert (result.code, len(result.errors)) == (2, 1)
    assert "did you mean 'data.source.image_size'" in result.errors[0]


def test_the_closing_line_says_beside_an_index_only_what_the_index_does_not(idm, tiny, tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros((9, 8, 10, 8), np.uint8), b=np.arange(6 * 640).reshape(6, 8, 8, 10) % 9)
    said = ("--set", "key=b", "--set", "channels=last", "--set", "held_out=2")
    result = idm("check-data", tmp_path / "x.npz", *said, "--out", tmp_path / "out")
    command = next_command(result)
    assert command[3:] == ["--set", "data.held_out=2", "--out", "RUN"]
    trained = idm(*command[:-1], tmp_path / "run", *tiny(training__num_steps=1))
    assert trained.code == 0, trained.err
    assert "4 samples of 10 x 8 x 8" in " ".join(trained.out.split())  # a long path wraps the line


def test_the_closing_line_carries_what_an_index_of_images_needs(idm, folder, tmp_path):
    said = ("--set", "labels=none", "--set", "image_size=16", "--set", "upscale=true")
    command = next_command(idm("check-data", folder, *said, "--out", tmp_path / "out"))
    assert command[3:] == ["--set", "data.source.image_size=16", "--set", "data.source.upscale=true", "--out", "RUN"]
    result = idm("check-data", *command[2:-2])
    assert result.code == 0
    assert "4 of 3 x 16 x 16" in result.out


def save(path, pixels):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_pictures_that_are_not_square_keep_their_shape_from_the_check_to_the_samples(idm, tiny, tmp_path):
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 80, 3)).astype(np.uint8)
        save(tmp_path / "wide" / f"{number}.png", pixels)
    checked = idm("check-data", tmp_path / "wide")
    assert "8 of 3 x 48 x 64" in checked.out
    assert "resized and cropped to 64 x 48" in checked.out
    smaller = idm("check-data", tmp_path / "wide", "--set", "image_size=[12,16]", "--out", tmp_path / "out")
    assert "8 of 3 x 12 x 16" in smaller.out
    command = next_command(smaller)
    assert command[3:5] == ["--set", "data.source.image_size=[12,16]"]
    trained = idm(*command[:-1], tmp_path / "run", *tiny(training__num_steps=1))
    assert trained.code == 0, trained.err
    assert idm("sample", tmp_path / "run", "--num", "2", "--steps", "2", "--out", tmp_path / "drawn").code == 0
    assert np.load(tmp_path / "drawn" / "samples.npz")["data"].shape == (2, 3, 12, 16)
    scored = idm(
        "encode", tmp_path / "run", tmp_path / "wide" / "0.png", "--steps", "2", "--out", tmp_path / "codes.safetensors"
    )
    assert scored.code == 0, scored.err


@pytest.mark.parametrize(("rule", "channels"), [("white", 3), ("keep", 4)])
def test_pictures_with_transparency_are_trained_on_drawn_and_encoded(idm, tiny, tmp_path, rule, channels):
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 12, 4)).astype(np.uint8)
        save(tmp_path / "clear" / f"{number}.png", pixels)
    assert "set data.source.pixels=white" in idm("check-data", tmp_path / "clear").out
    command = next_command(idm("check-data", tmp_path / "clear", "--set", f"pixels={rule}", "--out", tmp_path / "out"))
    assert command[3:5] == ["--set", f"data.source.pixels={rule}"]
    trained = idm(*command[:-1], tmp_path / "run", *tiny(training__num_steps=1))
    assert trained.code == 0, trained.err
    assert idm("sample", tmp_path / "run", "--num", "2", "--steps", "2", "--out", tmp_path / "drawn").code == 0
    assert np.load(tmp_path / "drawn" / "samples.npz")["data"].shape == (2, channels, 8, 12)
    codes = tmp_path / "codes.safetensors"
    encoded = idm("encode", tmp_path / "run", tmp_path / "clear" / "0.png", "--steps", "2", "--out", codes)
    assert encoded.code == 0, encoded.err


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("image_size=8,12", None),
        ("image_size=[8,12]", None),
        ("image_size=8", None),
        ("image_size=[8,8,8]", "data.source.image_size: should be a whole number, or two with a comma"),
        ("image_size=[8]", "data.source.image_size: should be a whole number, or two with a comma"),
        ("image_size=[8,x]", "data.source.image_size: should be a whole number, or two with a comma"),
        ("image_size=[8,0]", "image_size: at least 1 wanted, got 0"),
    ],
)
def test_a_size_is_a_side_or_height_and_width(idm, tmp_path, told, said):
    for number in range(3):
        save(
            tmp_path / "wide" / f"{number}.png", np.random.default_rng(number).integers(0, 9, (16, 24)).astype(np.uint8)
        )
    result = idm("check-data", tmp_path / "wide", "--set", told)
    assert (result.code == 0) is (said is None), result.err
    assert said is None or said in result.err + result.out


def test_settings_that_training_would_refuse_are_refused(idm, folder):
    result = idm("check-data", folder, "--set", "training.batch_size=0", "--set", "network.name=unt")
    assert (result.code, len(result.errors)) == (2, 2)
    assert "training.batch_size" in result.errors[0] + result.errors[1]


def test_pillow_warns_of_nothing_but_others_do(idm, folder):
    Image.new("RGB", (4, 4)).save(folder / "cat" / "odd.png", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert idm("check-data", folder).code == 0
        warnings.warn("of somebody else", stacklevel=1)
    assert [str(warning.message) for warning in said] == ["of somebody else"]
