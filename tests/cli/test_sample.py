"""Sampling from the command line: files, seeds, labels, samplers."""

import shutil

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def sample(idm, run, tmp_path):
    """Draw samples into a new folder, and return the arrays."""
    count = iter(range(100))

    def draw(*options):
        folder = tmp_path / str(next(count))
        result = idm("sample", run, "--out", folder, "--no-trajectory", *options)
        assert result.code == 0, result.err
        with np.load(folder / "samples.npz") as arrays:
            return {name: arrays[name] for name in arrays.files}

    return draw


def test_the_folder_holds_pictures_and_exact_values(idm, run, tmp_path):
    result = idm("sample", run, "--num", "7", "--out", tmp_path / "s")
    assert result.code == 0, result.err
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        ".results.json",
        "grid.png",
        "images",
        "samples.npz",
        "trajectory.png",
        "trajectory.webp",
    ]
    arrays = np.load(tmp_path / "s" / "samples.npz")
    assert arrays["data"].shape == (7, 1, 8, 8)
    assert arrays["data"].dtype == np.uint8
    assert arrays["data"].max() <= 16
    assert arrays["seeds"].tolist() == list(range(7))
    assert arrays["labels"].tolist() == list(range(7))
    assert "".join(arrays["class_names"]) == "0123456789"


def test_single_pictures_show_the_exact_values(idm, run, tmp_path):
    assert idm("sample", run, "--num", "3", "--out", tmp_path).code == 0
    data = np.load(tmp_path / "samples.npz")["data"]
    for i in range(3):
        pixels = np.asarray(Image.open(tmp_path / "images" / f"{i:05d}.png")).astype(float)
        np.testing.assert_array_equal(np.rint(pixels / 255 * 16), data[i, 0])


def test_the_animation_ends_with_the_samples(idm, run, tmp_path):
    assert idm("sample", run, "--num", "4", "--out", tmp_path).code == 0
    with Image.open(tmp_path / "trajectory.webp") as animation:
        assert animation.n_frames == 5  # x_T and four steps
        animation.seek(4)
        last = np.asarray(animation.convert("L"))
    np.testing.assert_array_equal(last, np.asarray(Image.open(tmp_path / "grid.png")))


def test_sample_i_depends_on_seed_i_alone(sample):
    several, one = sample("--num", "5", "--labels", "4"), sample("--num", "1", "--seed", "3", "--labels", "4")
    np.testing.assert_array_equal(several["data"][3], one["data"][0])


def test_the_batch_size_does_not_matter(sample):
    whole, parts = sample("--num", "5"), sample("--num", "5", "--batch-size", "2")
    assert np.abs(whole["data"].astype(int) - parts["data"]).max() <= 1
    np.testing.assert_array_equal(whole["labels"], parts["labels"])


def test_another_seed_gives_other_samples(sample):
    assert (sample("--num", "2")["data"] != sample("--num", "2", "--seed", "50")["data"]).any()


@pytest.mark.parametrize(
    ("text", "expected"), [("3", [3] * 6), ("1,2", [1, 2, 1, 2, 1, 2]), ("0-3,9", [0, 1, 2, 3, 9, 0])]
)
def test_labels(sample, text, expected):
    assert sample("--num", "6", "--labels", text)["labels"].tolist() == expected


def test_samplers_and_their_options_change_the_samples(sample):
    plain = sample("--num", "2")["data"]
    for options in (
        ["--sampler", "ddpm"],
        ["--steps", "2"],
        ["--eta", "1"],
        ["--set", "eta=1"],
        ["--set", "sampler.spacing=trailing", "--set", "steps=3"],
        ["--spacing", "log_snr"],
        ["--spacing", "rho", "--steps", "3"],
        ["--guidance", "3"],
    ):
        assert (sample("--num", "2", *options)["data"] != plain).any(), options
    np.testing.assert_array_equal(
        sample("--num", "2", "--eta", "1")["data"], sample("--num", "2", "--set", "eta=1")["data"]
    )


def test_zero_steps_are_all_of_them(idm, run, tmp_path):
    result = idm("sample", run, "--num", "1", "--steps", "0", "--out", tmp_path, "--json")
    assert result.json["steps"] > 30


def test_the_default_folder_is_in_the_run(idm, run, tmp_path):
    run = shutil.copytree(run, tmp_path / "run")  # other tests want it without results
    result = idm("sample", run, "--num", "1", "--json")
    assert result.json["arrays"] == str(run / "sampled" / "samples.npz")


def test_a_single_checkpoint_can_be_sampled(idm, run, tmp_path):
    run = shutil.copytree(run, tmp_path / "run")
    result = idm("sample", run / "checkpoints" / "step-00000060", "--num", "1", "--json")
    assert result.code == 0, result.err
    assert result.json["picture"] == str(run / "sampled" / "grid.png")


def test_python_draws_the_same_samples(sample, run):
    import idm

    opened = idm.load(run, device="cpu")
    drawn = opened.sample(4, seed=2)
    np.testing.assert_array_equal(drawn, sample("--num", "4", "--seed", "2", "--device", "cpu")["data"])


def test_an_option_lies_over_the_same_setting(sample):
    both = sample("--num", "2", "--set", "eta=0.3", "--eta", "1")
    np.testing.assert_array_equal(both["data"], sample("--num", "2", "--eta", "1")["data"])


@pytest.mark.parametrize(
    "options",
    [
        ["--set", "self=1"],
        ["--set", "sampler=3"],
        ["--guidance", "nan"],
        ["--eta", "nan"],
        ["--labels", "0-99999999999"],
        ["--labels", "9" * 5000],
        ["--seed", str(2**70)],
        ["--num", "1000000000000"],
        ["--out", ""],
        ["--out="],
    ],
)
def test_odd_values_are_refused_in_one_line(idm, run, options):
    result = idm("sample", run, "--num", "1", *options)
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_fewer_samples_replace_more_and_leave_what_is_not_ours(idm, run, tmp_path):
    assert idm("sample", run, "--num", "10", "--out", tmp_path).code == 0
    own = ["notes.txt", "images/00010.png", "images/mine.png", "images/7.png"]
    for name in own:
        (tmp_path / name).write_text("mine")
    assert idm("sample", run, "--num", "3", "--no-trajectory", "--out", tmp_path).code == 0
    singles = [f"images/{i:05d}.png" for i in range(3)]
    assert files(tmp_path) == sorted([".results.json", "grid.png", "samples.npz", *singles, *own])
    assert all((tmp_path / name).read_text() == "mine" for name in own)


@pytest.mark.parametrize("arrays", [None, b"", b"no archive"])
def test_without_arrays_of_an_earlier_call_nothing_is_removed(idm, run, tmp_path, arrays):
    (tmp_path / "images").mkdir()
    for name in ("images/00005.png", "trajectory.webp", "samples.png"):
        (tmp_path / name).write_text("mine")
    if arrays is not None:
        (tmp_path / "samples.npz").write_bytes(arrays)
    result = idm("sample", run, "--num", "1", "--no-trajectory", "--out", tmp_path)
    assert result.code == (0 if arrays is None else 2), result.err  # nor are arrays of somebody else's replaced
    assert (tmp_path / "images" / "00005.png").read_text() == "mine"
    assert (tmp_path / "trajectory.webp").read_text() == (tmp_path / "samples.png").read_text() == "mine"
    if arrays is not None:
        assert (tmp_path / "samples.npz").read_bytes() == arrays


def test_a_line_tells_that_few_steps_had_another_sampler_than_the_run_s_own(idm, run, tmp_path):
    said = "few steps are taken by multistep on log_snr levels; --sampler ddim is the run's own"
    few = ("sample", run, "--num", "1", "--no-trajectory", "--out", tmp_path / "out", "--steps", "3")
    result = idm(*few)
    assert "SamplerMultistep, 3 steps, 3 calls of the network" in result.out
    assert said in result.out
    named = idm(*few, "--sampler", "ddim")
    assert "SamplerDDIM, 3 steps, 3 calls of the network" in named.out
    assert "few steps" not in named.out
