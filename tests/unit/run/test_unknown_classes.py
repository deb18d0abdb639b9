"""Classes that nobody told: draws have one that explains what was observed, as often as it deserves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT
from idm.restoration import Custom
from idm.run import load
from idm.run.draws import CLASSES
from idm.run.observing import as_observed
from idm.run.restoring import RestorePlan, plan_draws
from idm.run.unknown_classes import CLASS_PARTICLES, class_particles
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ...forging import POINTS

CENTRES = np.array([[-2.0, -1.0], [2.0, 1.0], [-2.0, 1.0]])
"""Of classes a, b and c: the first coordinate tells b from the others, and nothing tells a and c apart."""
NAN = np.nan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of points in three heaps that is always told the class."""
    place = tmp_path_factory.mktemp("heaps")
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = (CENTRES[y] + 0.3 * rng.normal(size=(300, 2))).astype("f4")
    np.savez(place / "heaps.npz", x=x, y=y, class_names=np.array(["a", "b", "c"]))
    settings = {
        **POINTS,
        "data": {"source": {"name": "arrays", "path": str(place / "heaps.npz")}, "held_out": 0.1},
        "schedule": {"num_timesteps": 100},
        "network": {"name": "mlp", "width": 64, "num_layers": 2},
        "training": {**POINTS["training"], "num_steps": 400, "batch_size": 128, "label_dropout": 0.0}
        | {"log_interval": 100, "save_interval": 400, "snapshot_interval": 400, "learning_rate": 3e-3},
    }
    train(from_plain(Experiment, settings), place / "run", device="cpu", listener=SILENT)
    return place


@pytest.fixture(scope="module")
def run(folder):
    return load(folder / "run", device="cpu")


def test_draws_have_the_classes_that_fit_as_often_as_they_deserve(run):
    found = run.restore([[-2.0, NAN], [2.0, NAN], [NAN, 1.0]], run.operator("mask"), noise=0.1, num=16)
    assert found.classes is not None
    first, second, third = (np.bincount(row, minlength=3) for row in found.classes)
    assert first[1] == 0
    assert 5 <= first[0] <= 11  # half of 16, but for what the network did not learn
    assert second.tolist() == [0, 16, 0]
    assert third[0] == 0
    assert 5 <= third[1] <= 11
    for place, row in ((0, 1), (1, 1), (2, 0)):  # each draw is of its class where nothing was seen
        centres = CENTRES[found.classes[place], row]
        assert np.abs(found.draws[place, :, row] - centres).max() < 1.5
        assert np.abs(found.draws[place, :, row] - centres).mean() < 0.5


def test_classes_are_as_frequent_as_in_the_training_data_where_nothing_tells_them_apart(run):
    rarely = replace(run, spec=replace(run.spec, class_counts=(90, 100, 10)))
    found = rarely.restore([[-2.0, NAN]], run.operator("mask"), noise=0.1, num=40)
    assert run.spec.class_counts == (90, 90, 90)
    counts = np.bincount(found.classes[0], minlength=3)
    assert counts[1] == 0
    assert 1 <= counts[2] <= 10  # a tenth of 40, but for what the network did not learn
    switches = np.count_nonzero(np.diff(found.classes[0]))
    assert switches > 1  # in an order at random


def test_classes_are_the_same_in_every_batch(run):
    seen = [[-2.0, NAN], [0.0, NAN]]
    one, other = (
        run.restore(seen, run.operator("mask"), noise=0.5, num=5, batch_size=size, class_particles=8)
        for size in (3, 64)
    )
    np.testing.assert_array_equal(one.classes, other.classes)
    np.testing.assert_allclose(one.draws, other.draws, atol=1e-4)


def test_progress_is_told_of_as_many_steps_as_are_taken(run):
    operator = run.operator("mask")
    plan = RestorePlan(operator, 0.1, 3, None, None, None, 0, class_particles=8)
    draws = plan_draws(run, as_observed(run, operator, [[-2.0, NAN], [2.0, NAN]]), plan)
    heard: list[int] = []
    part = draws.draw(run, range(6), heard.append)
    assert sum(heard) == 6 * draws.looks
    assert part[CLASSES].shape == (6,)


def test_what_is_told_is_not_looked_for(run):
    seen, operator = [[-2.0, NAN]], run.operator("mask")
    told = run.restore(seen, operator, noise=0.1, num=4, labels="c")
    assert told.classes is None
    assert (told.draws[0, :, 1] > 0).all()
    with pytest.raises(SettingsError, match="labels"):  # trained to be told a class always
        run.restore(seen, operator, noise=0.1, class_particles=0)
    with pytest.raises(SettingsError, match="class_particles: at least 0 wanted"):
        run.restore(seen, operator, class_particles=-1)


def test_many_classes_are_looked_at_only_where_that_is_asked_for(run):
    many = replace(run, spec=replace(run.spec, class_names=tuple(map(str, range(101)))))
    few = replace(run, spec=replace(run.spec, class_names=tuple(map(str, range(100)))))
    assert class_particles(few, None, is_method_named=False) == CLASS_PARTICLES
    assert class_particles(many, None, is_method_named=False) == class_particles(few, None, is_method_named=True) == 0
    assert class_particles(many, 8, is_method_named=True) == 8


def test_functions_that_are_not_linear_have_no_evidence(run):
    with pytest.raises(SettingsError, match="labels"):
        run.restore([[4.0, 1.0]], Custom(torch.square), noise=0.1)
