"""Solvers fitted to a run, and levels planned from its walks."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

import idm
from idm.core.errors import CheckpointError, SettingsError
from idm.core.progress import SILENT
from idm.diffusion import ModelMeanType
from idm.run import load, planners, walks
from idm.run.fitting import fit_solver
from idm.run.solver_fit import KIND
from idm.samplers import SamplerFitted, step_errors
from idm.schedules import Flow, PathGrid
from idm.tasks import ScoreRequest, evaluate_into, train

from ...forging import make_run
from ..training.together import run_together

LEVELS, WALKS = 12, 9


@pytest.fixture(scope="module", autouse=True)
def _few_walks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walks, "FINE_LEVELS", LEVELS)
        patch.setattr(walks, "NUM_WALKS", WALKS)
        yield


@pytest.fixture(scope="module")
def stored(experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(experiment(), folder, device="cpu", listener=SILENT)
    return folder


@pytest.fixture(scope="module")
def with_solver(stored, tmp_path_factory):
    folder = shutil.copytree(stored, tmp_path_factory.mktemp("fitted") / "run")
    load(folder, device="cpu").fit_solver(2)
    return folder


@pytest.fixture
def run(stored, tmp_path):
    return load(shutil.copytree(stored, tmp_path / "run"), device="cpu")


@pytest.fixture
def fitted(with_solver, tmp_path):
    return load(shutil.copytree(with_solver, tmp_path / "fitted"), device="cpu")


def test_a_solver_is_kept_and_then_draws_samples_with_one_call_a_step(run):
    fit = run.fit_solver(3)
    sampler = run.sampler(name="fitted", steps=3)
    assert isinstance(sampler, SamplerFitted)
    assert (sampler.weights, sampler.num_calls) == (fit.weights, 3)
    np.testing.assert_allclose(sampler.diffusion.grid.levels.kappa, fit.kappas, rtol=1e-9)
    again = load(run.folder, device="cpu")
    assert torch.equal(
        again.sample(4, sampler=again.sampler(name="fitted", steps=3), as_tensor=True),
        run.sample(4, sampler=sampler, as_tensor=True),
    )
    assert len(fit.weights[0].values) == 3
    assert fit.num_walks == 2 * WALKS // 3


def test_its_error_is_that_of_its_samples_from_walks_that_were_held_out(run):
    fit = run.fit_solver(2)
    recorded = walks.record_walks(run)
    held_out = torch.arange(WALKS) % 3 == 2
    start, end = (recorded.recorded.at(place)[held_out] for place in (LEVELS - 1, -1))
    kwargs = {"y": recorded.conditioning["y"][held_out]}
    for sampler, error in (
        (run.sampler(name="fitted", steps=2), fit.error),
        (run.sampler(name="multistep", steps=2), fit.error_of_multistep),
    ):
        drawn = sampler.sample(run.sampling_network, start.shape, noise=start, model_kwargs=kwargs)
        assert float((drawn - end).double().square().mean().sqrt()) == pytest.approx(error, rel=1e-5)


def test_a_solver_serves_no_other_checkpoint(run):
    older = min((run.folder / "checkpoints").iterdir())
    load(older, device="cpu").fit_solver(2)
    with pytest.raises(CheckpointError, match=r"solver-2: that of this checkpoint .*run\.fit_solver\(2\)"):
        run.sampler(name="fitted", steps=2)
    assert load(older, device="cpu").sampler(name="fitted", steps=2).num_calls == 2


def test_a_solver_serves_its_own_scale_of_guidance_alone(run):
    run.fit_solver(2, guidance=2.0)
    sampler = run.sampler(name="fitted", steps=2)
    assert run.sample(2, sampler=sampler, guidance=2.0).shape[0] == 2
    with pytest.raises(SettingsError, match=r"guidance: 2 wanted, .* got 1; fit another with 'run\.fit_solver\(2\)'"):
        run.sample(2, sampler=sampler)
    with pytest.raises(SettingsError, match=r"guidance=3\)'"):
        run.sample(2, sampler=sampler, guidance=3.0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"steps: a number that a solver was fitted for wanted, got none; choose from 2"),
        ({"steps": 0}, r"got 0; choose from 2"),
        ({"steps": "2"}, r"got '2'"),
        ({"steps": 5}, r"solver-5: .* fit it with 'run\.fit_solver\(5\)'"),
        (
            {"steps": 2, "eta": 0.1, "spacing": "rho"},
            r"sampler: steps alone .* got eta, spacing; leave out",
        ),
        ({"steps": 2, "plan": "trajectory"}, r"got plan;"),
    ],
)
def test_what_no_solver_was_fitted_for_is_refused(fitted, settings, told):
    with pytest.raises(SettingsError, match=told):
        fitted.sampler(name="fitted", **settings)


def test_where_none_was_fitted_the_way_to_one_is_told(run):
    with pytest.raises(SettingsError, match=r"fit one with 'run\.fit_solver\(4\)'"):
        run.sampler(name="fitted")


@pytest.mark.parametrize("calls", [0, LEVELS + 1, 21, True, 2.5])
def test_other_numbers_of_calls_are_refused(run, calls):
    with pytest.raises(SettingsError, match="calls: "):
        run.fit_solver(calls)


@pytest.mark.parametrize("batch_size", [0, -1, True, 2.5])
def test_batches_of_none_are_refused(run, batch_size):
    with pytest.raises(SettingsError, match="batch_size: "):
        run.fit_solver(2, batch_size=batch_size)


def forged(change):
    def forge(run):
        content = json.loads((run.folder / "fits/solver-2.json").read_text())["content"]
        change(content)
        run.fits.write("solver-2", KIND, content)

    return forge


FORGERIES = {
    "other levels": forged(lambda content: content.update(kappas=[0.1, 1e9])),
    "no growing levels": forged(lambda content: content.update(kappas=[1.0, 1.0])),
    "levels that are none": forged(lambda content: content.update(kappas=[-1.0, "x"])),
    "more steps": forged(lambda content: content["kappas"].append(19.0)),
    "many levels": forged(lambda content: content.update(kappas=[1.0] * 9_999, weights=[{}] * 9_999)),
    "no weights": forged(lambda content: content.update(weights=[{}, {}])),
    "weights of more values": forged(lambda content: content["weights"][0]["values"].extend([0.0] * 9)),
    "weights of none": forged(lambda content: content["weights"][1].update(values=[])),
    "huge weights": forged(lambda content: content["weights"][1].update(keep=1e300)),
    "weights that are words": forged(lambda content: content["weights"][1].update(keep="1")),
    "true": forged(lambda content: content["weights"][1].update(keep=True)),
    "no guidance": forged(lambda content: content.pop("guidance")),
    "guidance of words": forged(lambda content: content.update(guidance="1")),
    "no walks": forged(lambda content: content.update(num_walks=-1)),
    "nothing": lambda run: run.fits.write("solver-2", KIND, {}),
    "lists": lambda run: run.fits.write("solver-2", KIND, {"kappas": {}, "weights": 3, "num_walks": []}),
    "bytes": lambda run: (run.folder / "fits/solver-2.json").write_bytes(b"\xff{"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_solver_is_refused_in_a_line(fitted, forgery):
    FORGERIES[forgery](fitted)
    with pytest.raises(CheckpointError) as refused:
        fitted.sampler(name="fitted", steps=2)
    assert len(refused.value.lines) == 1
    assert len(refused.value.lines[0]) < 600


def test_a_plan_of_another_kind_is_no_solver(run):
    run.sampler(plan="trajectory", steps=2)
    shutil.copy(run.folder / "fits/trajectory-2.json", run.folder / "fits/solver-2.json")
    with pytest.raises(SettingsError, match="kind"):
        run.sampler(name="fitted", steps=2)


def test_who_stops_a_fit_leaves_nothing_behind(run):
    def stop(event):
        if event.what == "fitting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.fit_solver(2, listener=idm.Calls(stop, least_seconds=0.0))
    assert not (run.folder / "fits").exists()


def test_levels_are_planned_once_and_used_again_by_name(run, monkeypatch):
    heard = []
    planned = run.sampler(steps=4, plan="trajectory", listener=idm.Calls(heard.append))
    assert heard[-1].what == "recording"
    assert (run.folder / "fits/trajectory-4.png").exists()
    assert planned.diffusion.num_timesteps == 4
    assert float(planned.diffusion.grid.levels.kappa[-1]) == pytest.approx(20.0)
    monkeypatch.delattr(planners, "record_walks")
    for again in (run.sampler(steps=4, plan="trajectory"), run.sampler(plan="trajectory-4", name="ddim")):
        np.testing.assert_allclose(again.diffusion.grid.levels.kappa, planned.diffusion.grid.levels.kappa, rtol=1e-9)


def test_planned_levels_are_some_of_the_walks_and_cost_least(run):
    planned = run.sampler(steps=3, plan="trajectory")
    recorded = walks.record_walks(run).recorded
    places = recorded.grid.places_of(planned.diffusion.grid.levels.time.double())
    found = step_errors(recorded)
    a, b, c = places.tolist()
    cost = found[c, b + 1] + found[b, a + 1] + found[a, 0]
    least = min(found[c, j + 1] + found[j, i + 1] + found[i, 0] for j in range(c) for i in range(j))
    assert c == LEVELS - 1
    assert cost == pytest.approx(least)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"steps": 4, "spacing": "rho"}, "plan: trajectory without a spacing"),
        ({}, "steps: how many wanted"),
        ({"steps": LEVELS + 1}, f"steps: a number from 1 to {LEVELS} wanted"),
    ],
)
def test_plans_that_cannot_be_made_are_refused(run, settings, told):
    with pytest.raises(SettingsError, match=told):
        run.sampler(plan="trajectory", **settings)


def test_classes_are_shown_as_often_as_in_training(tmp_path):
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    np.savez(tmp_path / "points.npz", x=np.random.default_rng(0).normal(size=(100, 2)).astype("f4"), y=labels)
    run = load(make_run(tmp_path / "points.npz", tmp_path / "run"), device="cpu")
    shown = walks.conditioning_of_training(run, 50)["y"]
    np.testing.assert_allclose(torch.bincount(shown).tolist(), [30, 15, 5], atol=5)
    (tmp_path / "points.npz").unlink()
    assert walks.conditioning_of_training(run, 7)["y"].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert run.fit_solver(2).calls == 2  # of points, whose x_0 is not clipped


@pytest.mark.parametrize("prediction", list(ModelMeanType))
def test_every_prediction_can_be_fitted(run, prediction):
    other = replace(run, diffusion=run.diffusion.replace(model_mean_type=prediction))
    fit = fit_solver(other, 2, batch_size=4)
    assert np.isfinite([fit.error, *fit.weights[0].values]).all()
    assert other.sample(3, sampler=other.sampler(name="fitted", steps=2)).shape == (3, 1, 8, 8)


def test_so_can_a_straight_path(run):
    process = run.diffusion.replace(
        model_mean_type=ModelMeanType.V, schedule=PathGrid(Flow(), np.linspace(0.02, 1.0, 30))
    )
    flow = replace(run, diffusion=process)
    fit = fit_solver(flow, 2)
    assert fit.kappas[-1] == pytest.approx(20.0)
    assert np.isfinite(flow.sample(2, sampler=flow.sampler(name="fitted", steps=2), as_tensor=True)).all()


def test_of_large_samples_fewer_walks_are_kept_and_of_too_large_ones_none(run, monkeypatch):
    of_one = 2 * (LEVELS + 1) * 4 * 64
    monkeypatch.setattr(walks, "LARGEST_BYTES", 7 * of_one)
    assert walks.record_walks(run).recorded.states.shape[1] == 7
    monkeypatch.setattr(walks, "LARGEST_BYTES", of_one)
    assert walks.record_walks(run).recorded.states.shape[1] == walks.FEWEST_WALKS
    monkeypatch.setattr(walks, "machine_memory", lambda: of_one)
    with pytest.raises(SettingsError, match="samples: of a size"):
        walks.record_walks(run)


def test_a_model_that_no_checkpoint_holds_is_refused_before_any_work(run):
    with pytest.raises(SettingsError, match="a run with a checkpoint wanted"):
        replace(run, sha256="").fit_solver(2)


def test_guidance_of_a_solver_is_refused_before_any_bound(run, tmp_path, monkeypatch):
    run.fit_solver(2, guidance=2.0)
    for late in ("run.scorable.score_held_out", "run.scorable.draw_batches", "tasks.score_plan.scored_in_parts"):
        monkeypatch.setattr(f"idm.{late}", lambda *_, **__: pytest.fail("something was done"))
    settings = {"name": "fitted", "steps": 2}
    told = r"guidance: 2 wanted, which this solver was fitted under, got 1"
    with pytest.raises(SettingsError, match=told):
        run.evaluate(num=2, samples=10, sampler=run.sampler(**settings))
    with pytest.raises(SettingsError, match=told):
        evaluate_into(run.folder, ScoreRequest(num=2, samples=10, sampler=settings), tmp_path / "out", device="cpu")
    with pytest.raises(SettingsError, match=told):
        run.tradeoff(samplers=["fitted"], calls=[2], samples=40)


def test_a_bound_is_planned_by_the_main_process_alone_and_told_of(run, tmp_path, monkeypatch):
    """Walks are recorded once by two processes, whose plan the other reads; a listener hears of it."""
    heard, count, record = [], tmp_path / "recorded", planners.record_walks

    def counted(*arguments, **options):
        with count.open("a") as file:
            file.write("once\n")
        return record(*arguments, **options)

    monkeypatch.setattr(planners, "record_walks", counted)
    request = ScoreRequest(num=4, steps=3, plan="trajectory")

    def work(ranks):
        monkeypatch.setattr("idm.tasks.evaluating.joined_ranks", lambda device: nullcontext(ranks))
        listener = idm.Calls(lambda event: heard.append(event.what), least_seconds=0.0)
        evaluated = evaluate_into(run.folder, request, tmp_path / "out", device="cpu", listener=listener)
        return [evaluated is not None, "recording" in heard]

    assert run_together(2, tmp_path / "ranks", work) == [[True, True], [False, False]]
    assert count.read_text() == "once\n"
    evaluate_into(
        run.folder,
        replace(request, steps=2),
        tmp_path / "alone",
        device="cpu",
        listener=idm.Calls(lambda event: heard.append(event.what), least_seconds=0.0),
    )
    assert "recording" in heard
