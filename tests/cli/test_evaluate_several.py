"""Several data sets are scored in one call, as each is alone, into one table that names the set."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from idm.data import SOURCES
from idm.tasks.drawn_parts import draw_parts


def digits_in(folder, **rows):
    """Files of so many digits, each in a folder of its own."""
    source = SOURCES.build("digits", {})
    paths, first = [], 0
    for name, count in rows.items():
        (folder / name).mkdir()
        paths.append(folder / name / "digits.npz")
        indices = np.arange(first, first + count)
        np.savez(paths[-1], data=source.read(indices), labels=source.labels[indices])
        first += count
    return paths


@pytest.fixture
def sets(tmp_path):
    return digits_in(tmp_path, a=3, b=2)


def rows_of(path):
    return list(csv.DictReader(path.open()))


def both(sets):
    return [part for path in sets for part in ("--data", path)]


def test_several_sets_have_the_scores_that_each_has_alone(idm, run, sets, tmp_path):
    together = idm("evaluate", run, *both(sets), "--steps", "3", "--out", tmp_path / "out", "--json")
    assert together.code == 0, together.err
    rows = rows_of(tmp_path / "out" / "scores.csv")
    assert [row["set"] for row in rows] == [str(sets[0])] * 3 + [str(sets[1])] * 2
    assert list(together.json["sets"]) == [str(path) for path in sets]
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["sets"] == together.json["sets"]
    for number, path in enumerate(sets, 1):
        alone = idm("evaluate", run, "--data", path, "--steps", "3", "--out", tmp_path / f"alone{number}", "--json")
        of_set = together.json["sets"][str(path)]
        assert of_set["bits_per_dim"] == alone.json["bits_per_dim"]
        own = json.loads((tmp_path / "out" / f"{number}_digits.npz" / "evaluation.json").read_text())
        assert own["bits_per_dim"] == alone.json["bits_per_dim"]
        wanted = rows_of(tmp_path / f"alone{number}" / "scores.csv")
        assert [{k: v for k, v in row.items() if k != "set"} for row in rows if row["set"] == str(path)] == wanted


def test_samples_are_drawn_once_and_compared_with_every_set(idm, run, tmp_path, monkeypatch):
    calls, sets = [], digits_in(tmp_path, a=50, b=44)

    def counted(*arguments, **options):
        calls.append(arguments)
        return draw_parts(*arguments, **options)

    monkeypatch.setattr("idm.tasks.drawn_rows.draw_parts", counted)
    asked = ("--steps", "2", "--metrics", "bound,values", "--samples", "20", "--json")
    together = idm("evaluate", run, *both(sets), *asked, "--out", tmp_path / "out")
    assert together.code == 0, together.err
    assert len(calls) == 1
    for number, path in enumerate(sets):
        alone = idm("evaluate", run, "--data", path, *asked, "--out", tmp_path / f"alone{number}")
        assert together.json["sets"][str(path)]["metrics"] == alone.json["metrics"]
    assert len(calls) == 3


def test_the_folder_of_several_sets_is_taken_over_by_one_and_the_other_way_round(idm, run, sets, tmp_path):
    out = tmp_path / "out"
    for arguments in (both(sets), both(sets[:1]), both(sets)):
        result = idm("evaluate", run, *arguments, "--steps", "2", "--out", out)
        assert result.code == 0, result.err
        several = len(arguments) > 2
        assert (out / "2_digits.npz").exists() is several
        assert (out / "bound.png").exists() is not several


def test_the_table_of_several_sets_may_go_elsewhere(idm, run, sets, tmp_path):
    table = tmp_path / "tables" / "all.csv"
    arguments = ("--steps", "2", "--out", tmp_path / "out", "--scores", table)
    result = idm("evaluate", run, *both(sets), *arguments)
    assert result.code == 0, result.err
    assert len(rows_of(table)) == 5
    assert not (tmp_path / "out" / "scores.csv").exists()


@pytest.mark.parametrize(
    ("which", "code", "words"), [((0, 0), 2, "each data set once wanted"), ((0, None), 3, "nothing there")]
)
def test_sets_that_are_the_same_or_missing_are_refused_before_any_is_scored(
    idm, run, sets, tmp_path, which, code, words
):
    paths = [tmp_path / "none.npz" if number is None else sets[number] for number in which]
    result = idm("evaluate", run, *both(paths), "--steps", "2", "--out", tmp_path / "out")
    assert result.code == code
    assert len(result.errors) == 1
    assert words in result.errors[0]
    assert "--data" in result.errors[0] or code == 3
    assert not (tmp_path / "out").exists()


def test_other_pictures_are_read_with_the_policy_of_the_run(idm, tiny, tmp_path):
    """A run on pictures whose transparency became white scores grey ones, and transparent ones on white, alike."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (8, 8, 8)).astype(np.uint8)
    for folder in ("own", "flat", "clear"):
        (tmp_path / folder).mkdir()
    for number, pixels in enumerate(grey):
        alpha = np.where(pixels > 128, 255, 0).astype(np.uint8)  # white behind what cannot be seen
        seen = np.where(alpha == 0, 255, pixels).astype(np.uint8)
        Image.fromarray(np.stack([pixels, alpha], -1), "LA").save(tmp_path / "clear" / f"{number}.png")
        Image.fromarray(seen).save(tmp_path / "flat" / f"{number}.png")
        Image.fromarray(np.stack([pixels, alpha], -1), "LA").save(tmp_path / "own" / f"{number}.png")
    options = ("--set", "data.source.pixels=white", "--set", "data.held_out=2", *tiny())
    trained = idm("train", "--data", tmp_path / "own", "--out", tmp_path / "run", *options)
    assert trained.code == 0, trained.err
    pair = both([tmp_path / "flat", tmp_path / "clear"])
    result = idm("evaluate", tmp_path / "run", *pair, "--steps", "2", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    flat, clear = (result.json["sets"][str(tmp_path / name)]["bits_per_dim"] for name in ("flat", "clear"))
    assert flat == clear
