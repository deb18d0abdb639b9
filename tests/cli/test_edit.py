"""Changing samples from the command line: how far, as what, and in which kind of file they come back."""

import numpy as np
import pytest

from idm import Calls, load
from idm.core.errors import SettingsError

from ..forging import make_run
from .restored import opened, read_sample, write_sample


@pytest.mark.parametrize(
    ("kind", "suffix"), [("signals", ".npy"), ("rgb", ".png"), ("deep", ".png"), ("volumes", ".nii")]
)
def test_an_edit_of_a_folder_comes_back_in_the_kind_of_its_files(idm, others, tmp_path, kind, suffix):
    """Up and down as no other class by an exact way: each sample itself, but for a thousandth of its range."""
    (tmp_path / "in").mkdir()
    values = np.load(others / f"{kind}.npy")[:2]
    for name, one in zip("ab", values, strict=True):
        write_sample(tmp_path / "in" / f"{name}{suffix}", one)
    command = ("edit", others / kind, tmp_path / "in", "--method", "bdia", "--steps", 4, "--strength", 0.6)
    result = idm(*command, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "in 4 steps" in result.out  # 2 of 4 up, and down again
    drawn = "" if suffix == ".npy" else "-00"
    for name, one in zip("ab", values, strict=True):
        back = read_sample(tmp_path / "out" / "restored" / f"{name}{drawn}{suffix}")
        assert np.abs(back.astype(float) - one).max() <= 1e-3 * np.ptp(values.astype(float))
        assert back.dtype == one.dtype or suffix == ".nii"


def test_an_edit_of_several_calls_a_step_is_followed_to_its_end(run):
    opened, events = load(run, device="cpu"), []
    held_out = opened.read("held-out:0-1").data
    for method in ("fixed_point", "rex"):
        opened.edit(held_out, method=method, steps=3, listener=Calls(events.append))
        assert (events[-1].done, events[-1].total) == (2, 2), method


def test_a_folder_of_volumes_is_edited_into_volumes(idm, others, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    values = np.load(others / "volumes.npy")[:2, 0]
    (tmp_path / "scans").mkdir()
    for name, volume in zip("ab", values, strict=True):
        nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / "scans" / f"{name}.nii.gz")
    command = ("edit", others / "volumes", tmp_path / "scans", "--method", "bdia", "--steps", 4)
    result = idm(*command, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    for name, volume in zip("ab", values, strict=True):
        back = nibabel.load(tmp_path / "out" / "restored" / f"{name}-00.nii.gz")
        assert (back.affine == affine).all()
        assert np.allclose(back.get_fdata(), volume, atol=1e-3)  # carried up and down as nothing else


def test_an_edit_keeps_more_the_weaker_it_is(idm, run, tmp_path):
    """SDEdit from a lower level leaves the sample nearer to itself; of no strength at all it would be the sample."""
    held_out = load(run, device="cpu").read("held-out:0-3").data.astype(float)
    far = {}
    for strength in (0.1, 0.9):
        out = tmp_path / str(strength)
        command = ("edit", run, "held-out:0-3", "--strength", strength, "--label-b", 3, "--steps", 10, "--num", 2)
        assert idm(*command, "--out", out).code == 0
        far[strength] = np.abs(opened(out)["data"].astype(float) - held_out[:, None]).mean()
    assert far[0.1] < 0.5 * far[0.9]


def test_what_is_encoded_and_decoded_as_the_same_class_comes_back_and_as_another_does_not(idm, run, tmp_path):
    held_out = load(run, device="cpu").read("held-out:0-3").data
    found = {}
    for label_b in ("", "3"):
        command = ("edit", run, "held-out:0-3", "--method", "bdia", "--strength", 0.6, "--steps", 8)
        more = ("--label-b", label_b) if label_b else ()
        assert idm(*command, *more, "--out", tmp_path / f"as {label_b}").code == 0
        found[label_b] = opened(tmp_path / f"as {label_b}")["data"][:, 0]
    np.testing.assert_array_equal(found[""], held_out)
    assert (found["3"] != held_out).any()
    changed = load(run, device="cpu").edit(
        held_out, method="bdia", strength=0.6, steps=8, label_b=[3], label_a=load(run).read("held-out:0-3").labels
    )
    np.testing.assert_array_equal(changed.draws[:, 0], found["3"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--method", "bdia", "--num", 2), "--num: 1 wanted with --method bdia"),
        (
            ("--method", "bdia", "--sampler", "ddim"),
            "--method: sdedit wanted beside the sampler's name, got bdia, which takes steps",
        ),
        (("--method", "bdja"), "did you mean"),
        (("--label-a", 3), "--label-a: a method that inverts wanted beside it, such as bdia, got sdedit"),
        (("--strength", 0), "--strength: a number above 0 and up to 1 wanted, got 0;"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_in_a_line(idm, run, tmp_path, options, told):
    refused = idm("edit", run, "held-out:0", "--out", tmp_path / "out", *options)
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert told in refused.errors[0]
    assert not (tmp_path / "out").exists()


def test_an_edit_of_a_network_that_knows_classes_only_says_which_option_names_one(tmp_path):
    np.savez(tmp_path / "points.npz", x=np.random.default_rng(0).normal(size=(30, 2)), y=np.arange(30) % 2)
    run = load(make_run(tmp_path / "points.npz", tmp_path / "run"), device="cpu")
    for method, option in (("sdedit", "label_b"), ("bdia", "label_a")):
        with pytest.raises(SettingsError, match=f"name it with {option}=CLASSES"):
            run.edit([[0.1, 0.2]], method=method)
        assert run.edit([[0.1, 0.2]], method=method, **{option: [1]}).draws.shape == (1, 1, 2)


@pytest.mark.parametrize(("name", "num"), [("signals.npy", 1), ("signals.npz", 2)])
def test_a_set_in_a_file_comes_back_as_a_set_for_each_draw(idm, others, tmp_path, name, num):
    values = np.load(others / "signals.npy")[:3]
    np.save(tmp_path / name, values) if name.endswith("y") else np.savez(tmp_path / name, data=values)
    command = ("edit", others / "signals", tmp_path / name, "--steps", 3, "--num", num, "--out", tmp_path / "out")
    assert idm(*command).code == 0
    suffix = name.removeprefix("signals")
    names = [*(f"signals-{draw:02d}" for draw in range(num)), "signals-mean", "signals-std"]
    folder, found = tmp_path / "out" / "restored", opened(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [f"{each}{suffix}" for each in names]

    def of(each):
        read = np.load(folder / f"{each}{suffix}")
        return read["data"] if suffix == ".npz" else read

    for draw in range(num):
        np.testing.assert_array_equal(of(f"signals-{draw:02d}"), found["data"][:, draw])
    np.testing.assert_array_equal(of("signals-mean"), found["mean"])
    again = (
        "encode",
        others / "signals",
        folder / f"{names[0]}{suffix}",
        "--steps",
        2,
        "--out",
        tmp_path / "a.safetensors",
    )
    assert idm(*again).code == 0


def test_held_out_points_come_back_as_one_set(idm, others, tmp_path):
    assert idm("edit", others / "points", "held-out:0-2", "--steps", 2, "--num", 2, "--out", tmp_path).code == 0
    names, *rows = (tmp_path / "restored" / "held-out-01.csv").read_text().splitlines()
    assert names == "east,north"
    np.testing.assert_array_equal([row.split(",") for row in rows], opened(tmp_path)["data"][:, 1].astype(str))


GUIDED = ("--guidance", 3, "--guidance-rule", "rescale", "--set", "guidance.phi=0.5", "--guidance-interval", "0,10")


def test_a_guided_edit_says_so_and_gives_samples_of_the_same_class_back(idm, run, tmp_path):
    command = ("edit", run, "held-out:0-1", "--method", "bdia", "--steps", 4, "--set", "threshold=0.99", *GUIDED)
    result = idm(*command, "--out", tmp_path / "a")
    assert result.code == 0, result.err
    assert "guidance 3, by rescale (phi=0.5), at noise-to-signal ratios from 0 to 10" in result.out
    held_out = load(run, device="cpu").read("held-out:0-1").data
    np.testing.assert_array_equal(opened(tmp_path / "a")["data"][:, 0], held_out)
    drawn = [idm("edit", run, "held-out:0", "--steps", 3, *more, "--out", tmp_path / "b") for more in ((), GUIDED)]
    assert [each.code for each in drawn] == [0, 0]
