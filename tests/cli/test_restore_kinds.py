"""Restoring signals, pictures, volumes and tables: each comes back in the kind of file that came."""

import csv

import numpy as np
import pytest
from PIL import Image

from idm import load
from idm.core.progress import SILENT
from idm.run.observing import read_observed
from idm.run.same_kind import kind_of
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..forging import POINTS
from .restored import AFFINE, LEFT, SHORT, grey, opened, read_sample


def test_a_lead_that_is_missing_is_added_in_the_units_of_the_data(idm, others, tmp_path):
    leads = np.load(others / "signals.npy")[0]
    np.save(tmp_path / "leads.npy", leads)
    command = ("restore", others / "signals", tmp_path / "leads.npy", "--operator", "channels:1", "--method", "ddnm")
    assert idm(*command, "--out", tmp_path / "out", *SHORT).code == 0
    found = opened(tmp_path / "out")["data"]
    assert np.allclose(found[0, :, 1], leads[1], atol=1e-5)
    assert abs(found[0, :, 0].mean() - 5) < 15  # of the first lead's range, not of the second's


@pytest.mark.parametrize("kind", ["rgb", "deep"])
def test_pictures_come_back_as_pictures(idm, others, tmp_path, kind):
    values = np.load(others / f"{kind}.npy")[0]
    Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)).save(tmp_path / "seen.png")
    grey(tmp_path / "hole.png")
    command = ("restore", others / kind, tmp_path / "seen.png", "--operator", f"mask:{tmp_path / 'hole.png'}")
    assert idm(*command, "--method", "ddnm", "--out", tmp_path / "out", *SHORT).code == 0
    picture = np.asarray(Image.open(tmp_path / "out" / "restored" / "seen-00.png"))
    assert picture.dtype == values.dtype
    assert (picture[~LEFT] == (values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))[~LEFT]).all()


def test_a_volume_comes_back_in_its_place(idm, others, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    affine = np.array([[0, 2.0, 0, 5], [1.5, 0, 0, -3], [0, 0, 4.0, 7], [0, 0, 0, 1]])
    values = np.load(others / "volumes.npy")[0, 0]
    hidden = np.zeros(values.shape, dtype=np.uint8)
    hidden[:4] = 1
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "scan.nii.gz")
    nibabel.save(nibabel.Nifti1Image(hidden, affine), tmp_path / "hole.nii")
    command = ("restore", others / "volumes", tmp_path / "scan.nii.gz", "--operator", f"mask:{tmp_path / 'hole.nii'}")
    assert idm(*command, "--method", "ddnm", "--out", tmp_path / "out", *SHORT).code == 0
    for name in ("scan-00", "scan-01", "scan-mean", "scan-std"):
        back = nibabel.load(tmp_path / "out" / "restored" / f"{name}.nii.gz")
        assert (back.affine == affine).all()
        assert back.shape == values.shape
        seen = np.zeros_like(values[4:]) if name == "scan-std" else values[4:]
        assert np.allclose(back.get_fdata()[4:], seen, atol=1e-5)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "u4", "?"])
def test_a_volume_of_every_type_of_numbers_is_written_with_its_values(others, tmp_path, dtype):
    nibabel = pytest.importorskip("nibabel")
    values = np.arange(128).reshape(1, 8, 4, 4).astype(dtype)
    nibabel.save(nibabel.Nifti1Image(np.zeros((8, 4, 4), dtype="f4"), AFFINE), tmp_path / "scan.nii")
    kind = kind_of(load(others / "volumes", device="cpu"), tmp_path / "scan.nii", None)
    ((name, content),) = kind.of_draws("back", values[None, None])
    (tmp_path / name).write_bytes(content)
    assert (read_sample(tmp_path / "back-00.nii") == values).all()


def test_a_volume_of_which_means_were_seen_has_finer_voxels_in_the_same_place(idm, others, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    fine = np.array([[0, 2.0, 0.5, 5], [1.5, 0, 0, -3], [0, 0, 4.0, 7], [0, 0, 0, 1]])
    # The middle of the first block of 2 x 2 x 2 voxels is at index 1/2 of the fine ones, the next one two further on.
    coarse = np.column_stack([2 * fine[:, :3], fine @ [0.5, 0.5, 0.5, 1]])
    means = np.load(others / "volumes.npy")[0, 0].reshape(4, 2, 2, 2, 2, 2).mean((1, 3, 5))
    image = nibabel.Nifti1Image(means, coarse)
    image.set_sform(coarse, 4)  # of the atlas of Montreal
    nibabel.save(image, tmp_path / "small.nii")
    command = ("restore", others / "volumes", tmp_path / "small.nii", "--operator", "downsample:2")
    assert idm(*command, "--method", "ddnm", "--out", tmp_path / "out", *SHORT).code == 0
    back = nibabel.load(tmp_path / "out" / "restored" / "small-00.nii")
    assert np.allclose(back.affine, fine)
    assert back.header["sform_code"] == 4
    assert np.allclose(back.get_fdata().reshape(4, 2, 2, 2, 2, 2).mean((1, 3, 5)), means, atol=1e-4)


def test_a_mask_of_a_volume_has_no_channels_too_many(idm, others, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(
        nibabel.Nifti1Image(np.eye(8, 4)[:, :, None, None] * np.ones((1, 1, 4, 2)), np.eye(4)), tmp_path / "m.nii"
    )
    refused = idm("restore", others / "volumes", "held-out:0", "--simulate", "--operator", f"mask:{tmp_path / 'm.nii'}")
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "got (2, 8, 4, 4)" in refused.errors[0]


def test_missing_numbers_of_points_in_a_table_are_found_and_come_back_in_such_a_table(idm, others, tmp_path):
    (tmp_path / "seen.csv").write_text("north;who;east\n1.5;a;\n;b;-0.5\n0.25;c;NA\n")
    result = idm(
        "restore", others / "points", tmp_path / "seen.csv", "--operator", "mask", "--out", tmp_path / "o", *SHORT
    )
    assert result.code == 0, result.err
    written = sorted(path.name for path in (tmp_path / "o" / "restored").iterdir())
    assert written == ["seen-00.csv", "seen-01.csv", "seen-mean.csv", "seen-std.csv"]
    lines = (tmp_path / "o" / "restored" / "seen-01.csv").read_text().splitlines()
    assert lines[0] == "north;who;east"
    rows = [line.split(";") for line in lines[1:]]
    assert [row[1] for row in rows] == ["a", "b", "c"]
    points = np.array([[row[2], row[0]] for row in rows], dtype=float)
    np.testing.assert_allclose([points[0, 1], points[1, 0], points[2, 1]], [1.5, -0.5, 0.25], atol=1e-6)
    np.testing.assert_array_equal(points, opened(tmp_path / "o")["data"][:, 1])
    assert idm("restore", others / "points", tmp_path / "o" / "restored" / "seen-01.csv", "--operator", "channels:0",
               "--simulate", "--out", tmp_path / "again", *SHORT).code == 0  # fmt: skip


def test_complete_rows_and_seen_numbers_come_back_exactly_as_they_were_given(idm, others, tmp_path):
    (tmp_path / "seen.csv").write_text("east,north\n0.1,7.1\n,0.3\n0.7,-0.2\n")
    verb = ("restore", others / "points", tmp_path / "seen.csv", "--operator", "mask", "--out", tmp_path / "o", *SHORT)
    done = idm(*verb)
    assert done.code == 0, done.err
    assert "2 of them complete" in done.out
    table = {
        part: [line.split(",") for line in (tmp_path / "o" / "restored" / f"seen-{part}.csv").read_text().split()[1:]]
        for part in ("00", "01", "mean", "std")
    }
    for part in ("00", "01", "mean"):
        assert (table[part][0], table[part][2], table[part][1][1]) == (["0.1", "7.1"], ["0.7", "-0.2"], "0.3")
    std = np.array(table["std"], dtype=float)
    assert std[1, 0] > 0
    assert std.sum() == std[1, 0]
    assert idm(*verb, "--json").json["complete"] == 2
    (tmp_path / "seen.csv").write_text("east,north\n0.1,7.1\n2,0.3\n")
    refused = idm(*verb)
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert f"{tmp_path / 'seen.csv'}, row 3 and the 1 before it: holes wanted" in refused.errors[0]
    (tmp_path / "seen.csv").write_text("east,north\n0.1,7.1\n,\n")
    assert f"{tmp_path / 'seen.csv'}, row 3: some values that are seen wanted" in idm(*verb).errors[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("east,north\n1,x\n", "a finite number in row 2 of column 'north' wanted, got 'x'"),
        ("a,b,c\n1,2,3\n", "2 columns of numbers (east, north) wanted, as the run was trained on, got 3"),
        ("east,north\n", "at least one row of numbers wanted, got none"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_a_line(idm, others, tmp_path, text, told):
    (tmp_path / "seen.csv").write_text(text)
    refused = idm("restore", others / "points", tmp_path / "seen.csv", "--operator", "mask", "--out", tmp_path / "out")
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert told in refused.errors[0]


def test_channels_of_different_ranges_are_repainted_with_noise(idm, others, tmp_path):
    leads = np.load(others / "signals.npy")[0].copy()
    leads[:, :4] = np.nan
    np.save(tmp_path / "leads.npy", leads)
    command = ("restore", others / "signals", tmp_path / "leads.npy", "--operator", "mask", "--noise", 0.05)
    result = idm(*command, "--method", "repaint", "--set", "method.jumps=2", "--out", tmp_path / "out", *SHORT)
    assert result.code == 0, result.err
    assert opened(tmp_path / "out")["data"].shape == (1, 2, 2, 16)


def test_rows_of_a_table_keep_their_identifiers_and_are_restored_as_the_class_that_they_name(idm, tmp_path):
    rows = [f"n{row},{row % 2 * 6 + row % 3 / 9},{row % 2 * -6 + row % 5 / 9},{'ab'[row % 2]}" for row in range(48)]
    (tmp_path / "points.csv").write_text("\n".join(["id,east,north,label", *rows]))
    source = {"name": "numeric_csv", "path": str(tmp_path / "points.csv"), "columns": ["east", "north"]}
    training = {**POINTS["training"], "label_dropout": 0.2}
    settings = {**POINTS, "data": {**POINTS["data"], "source": source}, "training": training}
    train(from_plain(Experiment, settings), tmp_path / "run", device="cpu", listener=SILENT)
    (tmp_path / "seen.csv").write_text("label,id,north,east\nb,first,,6\na,second,0.1,\n,third,,0.2\n")
    run = load(tmp_path / "run", device="cpu")
    observed = read_observed(run, run.operator("mask"), [str(tmp_path / "seen.csv")])
    assert observed.labels == (1, 0, None)
    verb = ("restore", tmp_path / "run", tmp_path / "seen.csv", "--operator", "mask", "--out", tmp_path / "o", *SHORT)
    assert idm(*verb).code == 0
    lines = (tmp_path / "o" / "restored" / "seen-01.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines] == [["label", "id"], ["b", "first"], ["a", "second"], ["", "third"]]
    (tmp_path / "other.csv").write_text("id,east,north,label\nu,1,2,b\nv,3,4,a\n")
    scored = ("evaluate", tmp_path / "run", "--data", tmp_path / "other.csv", "--metrics", "bound", "--steps", 2)
    done = idm(*scored, "--scores", tmp_path / "scores.csv", "--out", tmp_path / "e")
    assert done.code == 0, done.err
    with (tmp_path / "scores.csv").open() as file:
        assert {row["id"]: row["label"] for row in csv.DictReader(file)} == {"u": "b", "v": "a"}
