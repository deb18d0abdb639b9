"""Every file of a folder has its line in the index, and the verdict is that of training."""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import SOURCES, infer_source
from idm.data.check import check_images, check_path, thumbnail

RNG = np.random.default_rng(0)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def noise(height=8, width=8, channels=3):
    return RNG.integers(0, 256, (height, width, channels)).astype(np.uint8)


def entry(check, path):
    (found,) = [one for one in check.files if one.path == path]
    return found


def test_the_index_tells_size_hash_format_mode_orientation_and_label(tmp_path):
    save(tmp_path / "cat" / "a.png", noise(8, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "dog" / "b.jpg", noise(6, 8), exif=exif)
    content = (tmp_path / "dog" / "b.jpg").read_bytes()
    check = check_images(tmp_path)
    found = entry(check, "dog/b.jpg")
    assert (found.num_bytes, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (found.format, found.mode, found.orientation, found.label) == ("JPEG", "RGB", 6, "dog")
    assert found.size == (6, 8)
    assert found.conversions == ("turned upright (EXIF orientation 6)",)
    assert found.refusal is None
    assert entry(check, "cat/a.png").conversions == ()
    assert check.classes == {"cat": 1, "dog": 1}
    assert not check.refusals


def test_every_wrong_file_is_refused_with_its_reason_not_only_the_first_few(tmp_path):
    save(tmp_path / "a.png", noise())
    for number in range(12):
        Image.new("RGBA", (8, 8)).save(tmp_path / f"b{number:02d}.png")
    (tmp_path / "c.png").write_text("no image")
    save(tmp_path / "d.png", noise())
    whole = (tmp_path / "d.png").read_bytes()
    (tmp_path / "d.png").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "e.png", noise()[..., 0])
    (tmp_path / "f.png").symlink_to(tmp_path / "gone.png")
    check = check_images(tmp_path)
    assert len(check.refusals) == 16
    assert check.num_samples == 1
    assert "got transparency" in entry(check, "b11.png").refusal
    assert "cannot be read" in entry(check, "c.png").refusal
    assert "cannot be read" in entry(check, "d.png").refusal
    assert "8-bit RGB wanted as in a.png, got 8-bit grey" in entry(check, "e.png").refusal
    assert "nothing there" in entry(check, "f.png").refusal
    assert entry(check, "f.png").sha256 is None
    assert check.odd[0].reason == "refused"
    assert len(check.odd[0].names) == 16


def test_equal_contents_are_found_whatever_the_file_format(tmp_path):
    pixels = noise()
    save(tmp_path / "a.png", pixels)
    save(tmp_path / "b.bmp", pixels)
    save(tmp_path / "c.png", noise())
    check = check_images(tmp_path)
    assert check.duplicates == (("a.png", "b.bmp"),)
    assert any("copies" in remark for remark in check.remarks)


def test_ranges_sizes_and_imbalance_are_told(tmp_path):
    for number in range(11):
        save(tmp_path / "many" / f"{number}.png", np.clip(noise(8, 8 + number), 20, 200))
    save(tmp_path / "one" / "a.png", np.full((8, 8, 3), 7, np.uint8))
    check = check_images(tmp_path)
    assert (check.low, check.high[0]) == ((7, 7, 7), 200)
    assert check.counts["size"]["8 x 8"] == 2
    assert any("classes from 1 to 11 samples" in remark for remark in check.remarks)
    assert "11 different sizes" in check.remarks  # whose heights are all that of the frame
    groups = {group.reason: group.names for group in check.odd}
    assert groups["one value everywhere"] == ("one/a.png",)


def test_pictures_that_are_scaled_by_several_factors_are_told_with_the_resolution_they_lose(tmp_path):
    for number in range(3):
        pixels = Image.fromarray(noise(100, 90 + 10 * number)[..., 0])
        pixels.save(tmp_path / f"{number}.tif", **({"dpi": (300, 300)} if number else {}))
    said = "3 different sizes, from 90 x 100 to 110 x 100, scaled by factors from 0.64 to 0.711; the resolution in 2 "
    assert f"{said}TIFF files no longer holds" in check_images(tmp_path).remarks


@pytest.mark.parametrize("broken", [True, False])
def test_the_verdict_is_that_of_training(tmp_path, broken):
    for number in range(3):
        save(tmp_path / f"{number}.png", noise(70 + number, 90))
    if broken:
        Image.new("CMYK", (70, 90)).save(tmp_path / "x.jpg")
    check = check_images(tmp_path)
    assert bool(check.refusals) == broken
    if broken:
        with pytest.raises(DataError, match="got CMYK"):
            infer_source(tmp_path)
    else:
        assert (check.source, check.options) == infer_source(tmp_path)
        assert SOURCES.build(check.source, check.options).shape == check.opened.shape == (3, 64, 64)
        assert all("resized and cropped to 64 x 64" in one.conversions for one in check.files)


def test_only_a_few_refused_images_are_left_out_and_nothing_else(tmp_path):
    for number in range(100):
        save(tmp_path / f"{number}.png", noise())
    check = check_images(tmp_path)
    assert check.left_out == 0
    refused = replace(check.files[0], refusal="wrong")
    few = replace(check, files=(refused, *check.files[1:]), refusals=("wrong",))
    assert few.left_out == 1
    many = replace(few, files=(refused, refused, *few.files[2:]), refusals=("wrong", "wrong"))
    assert many.left_out is None
    assert replace(few, source="table").left_out is None  # a row is no file
    assert replace(check, refusals=("one value everywhere",)).left_out is None  # no file that could be left out


def test_other_files_are_skipped_by_name_and_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    with pytest.raises(DataError, match="0 images"):
        check_path(tmp_path)
    save(tmp_path / "a.png", noise())
    assert check_path(tmp_path).skipped == ("Thumbs.db",)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_thumbnails_are_small_rgb_pictures_of_any_mode(tmp_path, mode):
    Image.new(mode, (300, 100)).save(tmp_path / "a.tif")
    picture = thumbnail(tmp_path / "a.tif", 96)
    assert (picture.mode, picture.size) == ("RGB", (96, 32))


def test_what_has_no_thumbnail_gives_none(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("a.png", "pipe.png", "missing.png"):
        assert thumbnail(tmp_path / name, 96) is None


def remark(path):
    return [line for line in check_path(path).remarks if "outside" in line]


def test_files_outside_of_the_folder_they_are_listed_in_are_told(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for number in range(4):
        save(inside / f"{number}.png", noise())
        save(outside / f"{number}.png", noise())
    assert remark(inside) == []
    (inside / "some.csv").write_text("path\n0.png\n1.png\n")
    assert remark(inside / "some.csv") == []
    for name in ("../out/2.png", str(outside / "2.png")):
        (inside / "some.csv").write_text(f"path\n0.png\n{name}\n")
        words = f"1 file outside of the folder they are listed in, such as {name}; training reads them, too"
        assert remark(inside / "some.csv") == [words]
    (inside / "some.csv").unlink()
    (inside / "4.png").symlink_to(outside / "3.png")
    assert len(remark(inside)) == 1


def test_an_index_that_leads_out_of_its_folder_is_told(tmp_path):
    save(tmp_path / "in" / "0.png", noise())
    save(tmp_path / "1.png", noise())
    index = check_images(tmp_path / "in").index
    (tmp_path / "index.jsonl").write_text(index.to_text())
    assert remark(tmp_path / "index.jsonl") == []
    content = (tmp_path / "1.png").read_bytes()
    other = replace(index.files[0], path="../1.png", num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    (tmp_path / "index.jsonl").write_text(replace(index, files=(*index.files, other)).to_text())
    assert len(remark(tmp_path / "index.jsonl")) == 1
