"""Volumes of people whose ages and families a table tells."""

import csv
import json

import nibabel
import numpy as np
import pytest

from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..forging import POINTS
from .restored import UNET

PEOPLE = 12


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder of volumes, tables that tell of them, and a run on their ages."""
    folder, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    for person in range(PEOPLE):
        (folder / "scans" / f"sub-{person:02}").mkdir(parents=True)
        volume = nibabel.Nifti1Image(rng.normal(size=(4, 4, 4)).astype("f4"), np.eye(4))
        nibabel.save(volume, folder / "scans" / f"sub-{person:02}" / "T1.nii.gz")
    rows = [f"sub-{person:02}\t{20 + 5 * person}\tf{person // 2}" for person in reversed(range(PEOPLE + 3))]
    (folder / "participants.tsv").write_text("\n".join(["participant_id\tage\tfamily", *rows]))
    (folder / "fewer.tsv").write_text("\n".join(["participant_id\tage\tfamily", *rows[:8]]))
    data = {
        "source": {"name": "nifti", "path": str(folder / "scans")},
        "table": str(folder / "participants.tsv"),
        "attributes": ["age"],
        "group_by": "family",
        "held_out": 4,
    }
    run = train(
        from_plain(Experiment, {**POINTS, "network": UNET, "data": data}),
        folder / "run",
        device="cpu",
        listener=SILENT,
    )
    return folder, run


def test_numbers_and_groups_are_those_of_the_rows_that_name_the_folders(study):
    _, run = study
    assert run.spec.attributes is not None
    held = run.spec.num_held_out
    assert (run.spec.num_train, held, held % 2) == (PEOPLE - held, held, 0)
    ages = sorted(20.0 + 5 * person for person in range(PEOPLE))
    known = [row[0] for row in run.spec.attributes.examples]
    assert set(known) < set(ages)
    families = {(age - 20) // 10 for age in ages if age not in known}
    assert len(families) == held // 2  # whole families are held out


def test_other_volumes_are_scored_under_their_own_table(idm, study, tmp_path):
    folder, _ = study
    out = []
    for name, told in (("own", []), ("given", ["--set", f"table={folder / 'participants.tsv'}"])):
        verb = ("evaluate", folder / "run", "--data", folder / "scans", *told, "--budget", 4, "--json")
        done = idm(*verb, "--out", tmp_path / name)
        assert done.code == 0, done.err
        out.append(json.loads(done.out)["figures"] if "figures" in json.loads(done.out) else done.out.count("\n"))
        with (tmp_path / name / "scores.csv").open() as file:
            assert len(list(csv.DictReader(file))) == PEOPLE
    assert out[0] == out[1]
    refused = idm("evaluate", folder / "run", "--data", folder / "scans", "--set", f"table={folder / 'fewer.tsv'}")
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert "one row for each of 12 files wanted, got none or several for 7 files" in refused.errors[0]


def test_a_table_that_is_gone_is_refused_in_a_line(idm, study, tmp_path):
    folder, _ = study
    told = ("--set", f"data.table={tmp_path / 'none.tsv'}", "--set", "data.attributes=age")
    refused = idm("train", "--data", folder / "scans", *told, "--out", tmp_path / "run")
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert "none.tsv: a CSV file wanted, got nothing there" in refused.errors[0]
    assert not (tmp_path / "run").exists()
