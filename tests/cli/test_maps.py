"""Where in samples their bits are, from the command line and from Python."""

import csv

import numpy as np
import pytest

from idm.core.errors import InterruptedRunError
from idm.data import SOURCES
from idm.run import load


def scores_in(folder):
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_maps_have_the_shape_of_the_data_and_the_score_of_each_sample_as_their_mean(idm, run, tmp_path):
    few = ("evaluate", run, "--num", "6", "--steps", "3", "--json", "--out")
    result = idm(*few, tmp_path / "out", "--maps")
    assert result.code == 0, result.err
    assert result.json["maps"] == str(tmp_path / "out" / "maps.npz")
    with np.load(tmp_path / "out" / "maps.npz") as found:
        maps, index = found["bits_per_dim"], found["index"]
    shape = SOURCES.build("digits", {}).read(np.arange(1)).shape[1:]
    assert (maps.shape, maps.dtype) == ((6, *shape), np.float32)
    rows = scores_in(tmp_path / "out")
    assert index.tolist() == [int(row["index"]) for row in rows]
    means = maps.reshape(6, -1).astype(np.float64).mean(1)
    np.testing.assert_allclose(means, [float(row["bits_per_dim"]) for row in rows], rtol=1e-5)
    without = idm(*few, tmp_path / "without").json
    assert without["bits_per_dim"]["total"]["mean"] == pytest.approx(means.mean(), rel=1e-4)
    assert not (tmp_path / "without" / "maps.npz").exists()


def test_a_stopped_map_goes_on_to_the_same_numbers(idm, run, tmp_path, monkeypatch):
    from idm.tasks import map_parts

    few = ("evaluate", run, "--num", "20", "--steps", "2", "--batch-size", "4", "--maps", "--json", "--out")
    assert idm(*few, tmp_path / "whole").code == 0
    mapped, parts = map_parts.mapped_samples, []

    def stopped(*arguments, **options):
        parts.append(arguments)
        if len(parts) == 2:
            raise InterruptedRunError("stopped")
        return mapped(*arguments, **options)

    monkeypatch.setattr(map_parts, "mapped_samples", stopped)
    assert idm(*few, tmp_path / "out").code == 75
    assert idm(*few, tmp_path / "out").code == 0
    assert len(parts) == 3  # the second part again, and no other
    with np.load(tmp_path / "out" / "maps.npz") as ours, np.load(tmp_path / "whole" / "maps.npz") as theirs:
        np.testing.assert_array_equal(ours["bits_per_dim"], theirs["bits_per_dim"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--budget", "8"), "--maps: every term of the bound wanted, got an estimate from a few of them"),
        (("--target-se", "0.1"), "--maps: every term of the bound wanted"),
        (("--metrics", "flow"), "--maps: a metric that it is for wanted, got --metrics flow"),
    ],
)
def test_maps_of_what_has_none_are_refused_in_a_line(idm, run, tmp_path, given, said):
    result = idm("evaluate", run, "--maps", *given, "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert said in result.errors[0]


def test_python_has_them_beside_scores(run):
    opened, x = load(run, device="cpu"), SOURCES.build("digits", {}).read(np.arange(3))[:, 0]
    found = opened.score(x, labels=[0, 1, 2], steps=3, maps=True)
    plain = opened.score(x, labels=[0, 1, 2], steps=3)
    assert plain.maps is None
    assert found.maps is not None
    np.testing.assert_allclose(found.maps.reshape(3, -1).mean(1), plain.bits_per_dim, rtol=1e-4)
    evaluated = opened.evaluate(num=4, steps=2, maps=True)
    assert evaluated.maps is not None
    np.testing.assert_allclose(evaluated.maps.reshape(4, -1).mean(), evaluated["total"].value, rtol=1e-4)
