"""What is found out about a checkpoint lies beside it, serves that one alone, and is data of a stranger."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from idm.core.errors import CheckpointError, NumericalError, SettingsError
from idm.storage.fit_file import FORMAT
from idm.storage.fits import FOLDER, LARGEST_FIT_BYTES, Fits, damaged_fits, names_in, read_fit, sweep_fits
from idm.storage.manifest import as_text, signed

OURS, OTHER = "a" * 64, "b" * 64
BODY = {"format": FORMAT, "kind": "plan", "checkpoint": OURS, "data": "", "content": {"steps": [1, 2]}, "tensors": ""}


@pytest.fixture
def fits(tmp_path: Path) -> Fits:
    return Fits(tmp_path, OURS)


def put(fits: Fits, text: str | bytes, name: str = "forged.json") -> Path:
    (fits.run_folder / FOLDER).mkdir(exist_ok=True)
    path = fits.run_folder / FOLDER / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_what_is_written_is_read_again_with_words_tensors_and_fingerprint(fits: Fits) -> None:
    fits.write("plan-10", "plan", {"times": [0.5, 3.0]}, data="names=ab")
    fits.write("curve", "error_curve", {"levels": 2}, {"error": torch.tensor([[1.5], [2.5]])})
    plan, curve = fits.read("plan-10", "plan", ""), fits.read("curve", "error_curve", "")
    assert (plan.content, plan.data, dict(plan.tensors)) == ({"times": [0.5, 3.0]}, "names=ab", {})
    assert curve.content == {"levels": 2}
    assert curve.tensors["error"].tolist() == [[1.5], [2.5]]
    assert fits.names() == names_in(fits.run_folder) == ["curve", "plan-10"]


def test_a_later_one_takes_the_place_of_an_earlier_one_whether_it_has_tensors_or_not(fits: Fits) -> None:
    fits.write("it", "plan", {}, {"a": torch.ones(1)})
    fits.write("it", "plan", {"n": 1})
    assert fits.read("it", "plan", "").content == {"n": 1}
    assert [path.name for path in (fits.run_folder / FOLDER).iterdir()] == ["it.json"]


def test_another_checkpoint_is_refused_it_and_told_the_way(fits: Fits) -> None:
    fits.write("curve", "error_curve", {})
    other = Fits(fits.run_folder, OTHER)
    with pytest.raises(CheckpointError, match="got another's; calibrate it anew"):
        other.read("curve", "error_curve", "calibrate it anew")
    assert other.find("curve") is None
    assert other.names() == []
    assert names_in(fits.run_folder) == ["curve"]


def test_what_is_not_there_or_of_another_kind_is_refused(fits: Fits) -> None:
    with pytest.raises(SettingsError, match=r"curve: a fit of run .* wanted, there is none of that name; calibrate"):
        fits.read("curve", "error_curve", "calibrate")
    fits.write("it", "plan", {})
    with pytest.raises(SettingsError, match="one of kind error_curve wanted, got one of kind plan"):
        fits.read("it", "error_curve", "")
    assert fits.find("nothing") is None


def test_a_model_without_a_checkpoint_and_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="with a checkpoint wanted"):
        Fits(tmp_path, "").write("it", "plan", {})
    with pytest.raises(NumericalError, match="not finite"):
        Fits(tmp_path, OURS).write("it", "plan", {"a": float("nan")})
    with pytest.raises(NumericalError, match="not finite"):
        Fits(tmp_path, OURS).write("it", "plan", {}, {"a": torch.tensor([torch.inf])})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "UP", "x" * 61, "a b", "a\n", "nul\0"])
def test_names_that_lead_elsewhere_are_refused(fits: Fits, name: str) -> None:
    with pytest.raises(SettingsError, match="small letters"):
        fits.write(name, "plan", {})
    with pytest.raises(SettingsError, match="small letters"):
        fits.read(name, "plan", "")


def test_links_are_not_followed_for_reading_or_writing(fits: Fits, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(as_text(signed(BODY)))
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "it.json").symlink_to(outside)
    with pytest.raises(CheckpointError, match="a link"):
        fits.read("it", "plan", "")
    with pytest.raises(CheckpointError, match="a link"):
        fits.write("it", "plan", {})
    assert fits.find("it") is None
    assert outside.read_text() == as_text(signed(BODY))


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    run.mkdir()
    (run / FOLDER).symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match="a link"):
        Fits(run, OURS).write("it", "plan", {})
    assert names_in(run) == []
    assert Fits(run, OURS).find("it") is None
    assert list(elsewhere.iterdir()) == []


def test_a_pipe_in_place_of_a_file_is_not_waited_for(fits: Fits) -> None:
    (fits.run_folder / FOLDER).mkdir()
    os.mkfifo(fits.run_folder / FOLDER / "it.json")
    with pytest.raises(CheckpointError, match="a pipe"):
        fits.read("it", "plan", "")


def test_a_flipped_byte_of_a_file_of_words_is_noticed(fits: Fits) -> None:
    path = fits.write("it", "plan", {"a": 1.5})
    whole = path.read_bytes()
    for place in range(0, len(whole) - 1, 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            found = read_fit(fits.run_folder, "it")
        except CheckpointError:
            continue
        assert found is not None
        assert found.content == {"a": 1.5}


def test_a_flipped_byte_of_a_tensor_and_a_missing_end_are_noticed(fits: Fits) -> None:
    path = fits.write("it", "plan", {}, {"a": torch.arange(8.0)})
    whole = path.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1], whole[:7], b""):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged"):
            fits.read("it", "plan", "")


FORGED = {
    "list": "[1]",
    "no JSON": "{",
    "too deep": "[" * 100_000,
    "no hash": as_text(BODY),
    "another format": as_text(signed(BODY | {"format": FORMAT + 1})),
    "format is no number": as_text(signed(BODY | {"format": True})),
    "kind leads elsewhere": as_text(signed(BODY | {"kind": "../x"})),
    "checkpoint is no hash": as_text(signed(BODY | {"checkpoint": "abc"})),
    "content is a list": as_text(signed(BODY | {"content": []})),
    "long fingerprint": as_text(signed(BODY | {"data": "x" * 10_000})),
    "tensors that are not there": as_text(signed(BODY | {"tensors": "c" * 64})),
    "not text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", FORGED.values(), ids=FORGED)
def test_forged_words_are_refused(fits: Fits, content: str | bytes) -> None:
    put(fits, content)
    with pytest.raises(CheckpointError, match="damaged"):
        fits.read("forged", "plan", "")


def test_forged_tensors_are_refused(fits: Fits) -> None:
    path = fits.write("it", "plan", {}, {"a": torch.arange(8.0)})
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    header["a"]["shape"] = [2**40]
    text = json.dumps(header).encode()
    unsigned = save({"a": torch.arange(8.0)}, header["__metadata__"])
    others = save({"a": torch.arange(8.0) + 1}, header["__metadata__"])
    huge = (2**62).to_bytes(8, "little") + whole[8:]
    for forged in (len(text).to_bytes(8, "little") + text + whole[8 + length :], others, huge, save(load(whole))):
        path.write_bytes(forged)
        with pytest.raises(CheckpointError, match="damaged"):
            fits.read("it", "plan", "")
    path.write_bytes(unsigned)  # the same words and numbers: the order of its header alone is another
    assert fits.read("it", "plan", "").tensors["a"].tolist() == list(range(8))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float16, torch.bool])
def test_tensors_of_other_number_formats_are_refused_whatever_signed_them(fits: Fits, dtype: torch.dtype) -> None:
    text = as_text(signed(BODY | {"tensors": "c" * 64}))
    put(fits, save({"a": torch.ones(2).to(dtype)}, {"fit": text}), "forged.safetensors")
    with pytest.raises(CheckpointError, match="tensors of float32, float64 or int64 wanted"):
        fits.read("forged", "plan", "")
    assert list(damaged_fits(fits.run_folder)) == ["forged"]
    assert fits.names() == []


def test_a_file_that_is_too_large_is_not_read(fits: Fits) -> None:
    path = put(fits, "{}")
    os.truncate(path, LARGEST_FIT_BYTES + 1)
    with pytest.raises(CheckpointError, match="of at most"):
        fits.read("forged", "plan", "")


def test_other_files_in_the_folder_are_no_fits_and_what_a_crash_left_is_swept(fits: Fits) -> None:
    fits.write("it", "plan", {})
    kept = put(fits, "mine", "Notes.txt")
    left = [put(fits, "half", f".it.{kind}.123.partial") for kind in ("json", "safetensors", "png")]
    assert names_in(fits.run_folder) == ["it"]
    sweep_fits(fits.run_folder)
    assert kept.exists()
    assert not any(path.exists() for path in left)
