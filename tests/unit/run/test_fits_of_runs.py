"""What is measured of a run and planned for it: kept beside its checkpoint, used, and refused where it does not fit."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from idm.core.errors import CheckpointError, DataError, SettingsError
from idm.core.progress import SILENT
from idm.diffusion import Analytic
from idm.run import Run, load, open_run_data, scoring
from idm.run.calibrated import CalibrateRequest, measure_and_train
from idm.run.curves import KIND, NAME, StoredCurves, hash_of, most_levels
from idm.run.other_fits import told_of_other_fits
from idm.tasks import SampleRequest, ScoreRequest, describe, evaluate_into, sample_into, train, verify
from idm.tasks.drawn_parts import Order
from idm.tasks.requests import TradeoffRequest
from idm.tasks.tradeoff import tradeoff_into


@pytest.fixture(scope="module")
def untouched(experiment, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(experiment(), folder, device="cpu", listener=SILENT)
    return load(folder, device="cpu")


@pytest.fixture(scope="module")
def run(untouched: Run, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("measured") / "run"
    shutil.copytree(untouched.folder, folder)
    measured = load(folder, device="cpu")
    measured.calibrate(num=24, num_levels=6)
    return measured


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Run:
    shutil.copytree(run.folder, tmp_path / "copy")
    return load(tmp_path / "copy", device="cpu")


@pytest.mark.parametrize("variance", ["analytic", "analytic_channel", "analytic_position"])
def test_measured_curves_make_variances_of_bounds_and_samples(run: Run, variance: str) -> None:
    measured = run.curves.read()
    curves = [measured.together, measured.of_channels, measured.of_places]
    changed = run.using(variance=variance)
    rule = changed.diffusion.variance
    assert isinstance(rule, Analytic)
    which = ["analytic", "analytic_channel", "analytic_position"].index(variance)
    assert hash_of(rule.curve) == hash_of(curves[which])
    assert changed.using(variance="model").diffusion.variance == run.diffusion.variance
    assert changed.using(precision="float32").diffusion.variance is rule
    scores = changed.score(run.read("held-out:0-1").data, labels=[0, 1], steps=3)
    assert np.isfinite(scores.bits_per_dim).all()
    for name in ("ddpm", "ddim"):
        drawn = [each.sample(2, as_tensor=True, sampler=each.sampler(name=name, steps=3)) for each in (run, changed)]
        assert not torch.equal(*drawn)


def test_curves_of_places_are_of_the_samples_shape_and_average_to_that_of_channels(run: Run) -> None:
    measured = run.curves.read()
    assert measured.of_places.mean_squared_error.shape[1:] == run.spec.shape
    assert measured.of_channels.mean_squared_error.shape[1:] == (1, 1, 1)
    assert measured.num == 24
    assert run.curves.fingerprint == run.spec.fingerprint
    x = open_run_data(run).train.first(24)[0].double()
    assert measured.power == pytest.approx(float((x**2).mean()), rel=1e-6)


@pytest.mark.parametrize("variance", ["analytic_channel", "analytic_position"])
def test_what_needs_curves_is_refused_where_none_were_measured(untouched: Run, variance: str) -> None:
    with pytest.raises(
        SettingsError,
        match=r"error-curves: a fit of run .* wanted, there is none of that name; .* idm calibrate RUN",
    ) as caught:
        untouched.using(variance=variance)
    assert len(caught.value.lines) == 1
    with pytest.raises(SettingsError, match="idm calibrate RUN"):
        untouched.sampler(steps=3, plan="likelihood")


def test_curves_of_another_checkpoint_are_refused_or_not_used(copy: Run) -> None:
    other = replace(copy, sha256="0" * 64)
    with pytest.raises(
        CheckpointError, match=r"that of this checkpoint .* got another's; measure them with idm calibrate"
    ):
        other.using(variance="analytic_position")
    rule = other.using(variance="analytic").diffusion.variance
    assert isinstance(rule, Analytic)
    assert rule.curve is other.diffusion.variance.curve  # the checkpoint's own


def forge(run: Run, **changes) -> None:
    """Write curves anew, other numbers among them, as somebody could who knows the format."""
    found = run.fits.read(NAME, KIND, "")
    content = {**found.content, **changes.pop("content", {})}
    tensors = {name: value for name, value in ({**found.tensors, **changes}).items() if value is not None}
    run.fits.write(NAME, KIND, content, tensors)


@pytest.mark.parametrize(
    "changes",
    [
        {"places_error": torch.zeros(6, 1, 4, 4)},
        {"places_error": torch.zeros(6, 2**10)},
        {"channels_error": torch.zeros(6, 3, 1, 1)},
        {"log_kappa": torch.zeros(6)},
        {"log_kappa": torch.arange(6.0) + 1000.0},
        {"together_error": torch.arange(6.0).flip(0)},
        {"together_error": torch.full((6,), -1.0)},
        {"places_standard_error": None},
        {"content": {"num": -1}},
        {"content": {"power": "much"}},
    ],
)
def test_forged_curves_are_refused_in_a_line(copy: Run, changes) -> None:
    forge(copy, **changes)
    with pytest.raises((CheckpointError, SettingsError)) as caught:
        copy.using(variance="analytic_position")
    assert len(caught.value.lines) == 1
    assert isinstance(caught.value, CheckpointError)


@pytest.mark.parametrize(
    ("kind", "changes"), [("plan", {}), (KIND, {"log_kappa": torch.zeros(6)}), (KIND, {"places_error": None})]
)
def test_another_fit_in_the_name_of_curves_is_as_none_unless_curves_are_asked_for(copy: Run, kind, changes) -> None:
    found = copy.fits.read(NAME, KIND, "")
    tensors = {name: value for name, value in ({**found.tensors, **changes}).items() if value is not None}
    copy.fits.write(NAME, kind, found.content, tensors, data="names=ab")
    assert copy.curves.find() is None
    assert copy.curves.fingerprint == ("" if kind == "plan" else "names=ab")
    evaluated = copy.evaluate(num=2, steps=3)
    assert np.isfinite(evaluated.bound.total.mean)
    with pytest.raises((SettingsError, CheckpointError), match=NAME):
        copy.curves.read()


@pytest.mark.parametrize(
    ("shape", "most"), [((3, 512, 512), 85), ((3, 1024, 1024), 21), ((1, 8, 8), 4096), ((2,), 4096)]
)
def test_curves_are_read_again_of_as_many_levels_as_half_a_gibibyte_holds(shape: tuple[int, ...], most: int) -> None:
    """Eight bytes a value and level, whatever else there is being small: 2^29 / (8 x 3 x 512 x 512) = 85.3."""
    assert most_levels(shape) == most


def test_more_levels_than_are_read_again_are_refused_before_any_work(copy: Run, monkeypatch) -> None:
    monkeypatch.setattr("idm.run.measuring.most_levels", lambda shape: 5)
    assert len(copy.calibrate(num=4, num_levels=5).together.log_kappa) == 5
    monkeypatch.setattr("idm.run.measuring.estimate_error_curves", lambda *_, **__: pytest.fail("measured"))
    with pytest.raises(SettingsError, match=r"num_levels: at most 5 wanted, .* got 6; take num_levels=5"):
        copy.calibrate(num=4, num_levels=6)


def test_other_data_are_measured_as_they_are_scored(copy: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", images=copy.read("held-out:0-9").data, labels=np.arange(10))
    found = copy.calibrate(tmp_path / "other.npz", num=0, num_levels=2)
    assert found.num == 10
    assert copy.curves.fingerprint not in ("", copy.spec.fingerprint)
    told = measure_and_train(copy, open_run_data(copy), CalibrateRequest(num=4, num_levels=2))
    assert told.file.is_file()
    assert told.to_plain()["num"] == 4


@pytest.mark.parametrize(
    ("wrong", "match"), [({"num": -1}, "num"), ({"num_levels": 0}, "level"), ({"batch_size": 0}, "batch")]
)
def test_numbers_out_of_range_are_refused_and_earlier_curves_stay(copy: Run, wrong, match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        copy.calibrate(**wrong)
    assert copy.curves.read().num == 24


def test_a_run_without_training_data_says_how_to_name_others(copy: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no/where"):
        copy.calibrate(tmp_path / "no" / "where")


def test_a_plan_is_made_kept_drawn_and_taken_again_by_name(copy: Run) -> None:
    sampler = copy.sampler(name="ddim", steps=4, plan="likelihood")
    times = sampler.diffusion.grid.times.tolist()
    assert len(times) == 4
    assert (copy.folder / "fits" / "likelihood-4.json").is_file()
    assert (copy.folder / "fits" / "likelihood-4.png").read_bytes().startswith(b"\x89PNG")
    again = copy.sampler(name="ddim", plan="likelihood-4")
    assert again.diffusion.grid.times.tolist() == times
    assert describe(copy.folder).fits == {"error-curves": "error_curves", "likelihood-4": "plan"}
    places = copy.using(variance="analytic_position").sampler(name="ddpm", steps=4, plan="likelihood")
    assert copy.fits.find("likelihood-4-position").content["times"] == places.diffusion.grid.times.tolist()


def test_a_plan_of_a_bound_is_made_once_for_the_same_curves(copy: Run, monkeypatch) -> None:
    first = copy.sampler(name="ddim", steps=4, plan="likelihood").diffusion.grid.times.tolist()
    with monkeypatch.context() as patch:
        patch.setattr("idm.run.planners.BoundByCurve", lambda *_: pytest.fail("planned again"))
        again = copy.sampler(name="ddim", steps=4, plan="likelihood").diffusion.grid.times.tolist()
        assert again == first
        copy.calibrate(num=12, num_levels=6)
        with pytest.raises(pytest.fail.Exception, match="planned again"):
            copy.sampler(name="ddim", steps=4, plan="likelihood")
    about = copy.fits.find("likelihood-4").content["about"]
    copy.sampler(name="ddim", steps=4, plan="likelihood")
    assert copy.fits.find("likelihood-4").content["about"] != about


def test_samples_on_the_levels_of_a_bound_are_called_out(copy: Run, capsys) -> None:
    copy.score(copy.read("held-out:0").data, labels=[0], steps=6, plan="likelihood")
    assert capsys.readouterr().err == ""
    copy.sampler(name="ddim", steps=6, plan="likelihood")
    wanted = (
        "warning: plan: likelihood-6 has the levels of the smallest bound, samples are better with plan=trajectory\n"
    )
    assert capsys.readouterr().err == wanted


def test_curves_of_few_samples_are_called_out(copy: Run, capsys) -> None:
    copy.calibrate(num=8, num_levels=2)  # four at each level, whose mean square is off by sqrt(2 / 4) of itself
    assert (
        "curves: measured on 8 samples alone, so those of single values are off by about 71%" in capsys.readouterr().err
    )
    copy.calibrate(num=100, num_levels=2)
    assert capsys.readouterr().err == ""


def test_fits_of_another_checkpoint_are_told_of_with_what_makes_them_anew(copy: Run, tmp_path: Path) -> None:
    copy.fits.write("solver-3", "solver", {})
    copy.fits.write("trajectory-3", "plan", {})
    assert told_of_other_fits(copy.fits, copy.folder) == ""
    (copy.folder / "fits" / "solver-4.json").write_text("nothing")
    other = replace(copy, sha256="0" * 64)
    assert told_of_other_fits(other.fits, copy.folder) == (
        "fits of another checkpoint, not used for this one: error-curves, solver-3; make anew with "
        "'run.calibrate()' and 'run.fit_solver(3)'"
    )
    said: list[str] = []
    for path in (copy.folder / "fits").iterdir():
        path.unlink()
    other.fits.write("solver-3", "solver", {})
    sample_into(copy.folder, SampleRequest(1, trajectory=False), tmp_path / "a", device="cpu", say=said.append)
    evaluate_into(copy.folder, ScoreRequest(steps=2, num=2), tmp_path / "b", device="cpu", say=said.append)
    assert len(said) == 2
    assert all("not used for this one: solver-3" in line for line in said)


def test_planned_bounds_are_smaller_than_even_ones_and_near_what_was_expected(run: Run) -> None:
    """On the data that the curves are of, but for chance; the network is next to untrained."""
    x = run.restored(open_run_data(run).train.first(24)[0])
    labels = open_run_data(run).train.first(24)[1].tolist()
    run = run.using(variance="analytic")
    even, planned = (run.score(x, labels=labels, steps=4, plan=plan).mean.mean for plan in (None, "likelihood"))
    assert planned < even
    expected = run.fits.find("likelihood-4").content["about"]["bits_per_dim"]
    assert planned == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (
            {"plan": "likelihood", "steps": 3, "spacing": "rho"},
            "plan: likelihood without a spacing wanted, got spacing=rho",
        ),
        ({"plan": "likelihood"}, "steps: how many wanted with plan=likelihood, got none"),
        ({"plan": "likelihood", "steps": 0}, "steps: how many wanted with plan=likelihood, got all"),
        ({"plan": "likelihood", "steps": 31}, "steps: a number from 1 to"),
        ({"plan": "nothing", "steps": 3}, "a fit of run .* wanted, there is none of that name; choose from likelihood"),
        ({"plan": "error-curves"}, "one of kind plan wanted, got one of kind error_curves"),
        ({"plan": "../x"}, "small letters"),
        ({"plan": "kept", "steps": 3}, "steps: 2 wanted with plan=kept, got 3"),
    ],
)
def test_plans_that_there_are_not_and_two_choices_of_levels_are_refused(copy: Run, options, match: str) -> None:
    copy.fits.write("kept", "plan", {"planner": "me", "times": [3.0, 17.5], "about": {}})
    with pytest.raises(SettingsError, match=match) as caught:
        copy.sampler(**options)
    assert len(caught.value.lines) == 1


def test_a_plan_may_lie_between_trained_steps(copy: Run) -> None:
    copy.fits.write("kept", "plan", {"planner": "me", "times": [3.0, 17.5], "about": {}})
    grid = copy.sampler(plan="kept").diffusion.grid
    assert grid.times.tolist() == pytest.approx([3.0, 17.5], abs=1e-6)
    assert np.isfinite(copy.sample(2, sampler=copy.sampler(plan="kept"))).all()


@pytest.mark.parametrize(
    "times",
    [
        [],
        [5.0, 4.0],
        [1.0, 1.0],
        [1.0, 99.0],
        [-1.0, 3.0],
        ["a"],
        [1, 2],
        [1.0] * 3,
        None,
        {},
        [1e308, 1e309],
        [3.0, 3.000005, 9.0],
    ],
)
def test_forged_plans_are_refused_in_a_line(copy: Run, times) -> None:
    text = {"planner": "me", "times": times, "about": {}}
    if times and 1e309 in times:
        text["times"] = [1e308, 1.7e308]
    copy.fits.write("forged", "plan", text)
    with pytest.raises(CheckpointError, match="a plan for the levels of this run wanted") as caught:
        copy.sampler(plan="forged")
    assert len(caught.value.lines) == 1


def test_evaluation_into_a_folder_tells_its_plan_and_draws_what_was_learned(copy: Run, tmp_path: Path) -> None:
    request = ScoreRequest(steps=3, num=2, plan="likelihood", variance="analytic_position")
    evaluated = evaluate_into(copy.folder, request, tmp_path / "out", device="cpu")
    plain = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (plain["plan"], plain["variance"], plain["steps"]) == ("likelihood", "analytic_position", 3)
    assert plain["terms"]["timesteps"] == copy.fits.find("likelihood-3-position").content["times"]
    fractions = plain["variance_fractions"]
    assert len({len(column) for column in fractions.values()}) == 1
    assert evaluated.written["variance_plot"].read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SettingsError, match="plan: likelihood without a spacing"):
        evaluate_into(copy.folder, replace(request, sampler={"spacing": "rho"}), tmp_path / "out", device="cpu")


def test_samples_into_a_folder_are_drawn_on_a_plan(copy: Run, tmp_path: Path) -> None:
    request = SampleRequest(2, sampler={"name": "ddpm", "plan": "likelihood", "steps": 3}, trajectory=False)
    drawn = sample_into(copy.folder, request, tmp_path / "out", device="cpu")
    assert drawn.sampler.diffusion.grid.times.tolist() == copy.fits.find("likelihood-3").content["times"]


def test_parts_of_samples_are_not_continued_with_curves_of_other_numbers(run: Run, copy: Run) -> None:
    order = Order(4, run.sampler(name="ddpm", steps=3))
    before = order.request(run.using(variance="analytic_position"))
    assert order.request(copy.using(variance="analytic_position")) == before
    copy.calibrate(num=12, num_levels=6)
    assert order.request(copy.using(variance="analytic_position")) != before


def test_another_variance_is_refused_in_python_too_where_a_sampler_uses_none(run: Run) -> None:
    changed = run.using(variance="analytic")
    with pytest.raises(
        SettingsError, match="variance: model wanted with SamplerMultistep, where a step from several x_0"
    ):
        changed.sample(2, sampler=changed.sampler(name="multistep", steps=3))
    with pytest.raises(SettingsError, match="variance: model wanted with SamplerMultistep"):
        changed.evaluate(num=2, samples=10, sampler=changed.sampler(name="multistep", steps=3))
    assert type(changed.sampler(steps=3)).__name__ == "SamplerDDIM"  # few steps of one that uses it


def test_damaged_fits_are_told_by_verify_and_not_used(copy: Run) -> None:
    assert verify(copy.folder).is_intact
    path = copy.folder / "fits" / f"{NAME}.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    found = verify(copy.folder)
    assert not found.is_intact
    assert list(found.damaged_fits) == [NAME]
    with pytest.raises(CheckpointError, match=r"1 of \d fits damaged"):
        found.require_intact()
    with pytest.raises(CheckpointError, match="damaged"):
        load(copy.folder, device="cpu").using(variance="analytic_position")


@pytest.mark.parametrize("into", [False, True], ids=["in Python", "into a folder"])
def test_bounds_of_a_comparison_are_of_its_batch_size_and_nothing_else_is_found(
    copy: Run, tmp_path: Path, monkeypatch, into: bool
) -> None:
    """The network sees as many pairs as said; curves are read once for a variance, whatever the ways and calls."""
    sizes, read, evaluate, find = [], [], scoring.evaluate_bound, StoredCurves.find
    monkeypatch.setattr(scoring, "evaluate_bound", lambda *a, **o: sizes.append(o["batch_size"]) or evaluate(*a, **o))
    monkeypatch.setattr(scoring, "summary", lambda *_, **__: pytest.fail("more than a bound was found"))
    monkeypatch.setattr(StoredCurves, "find", lambda self: read.append(1) or find(self))
    ways = ("ddpm:linspace:analytic", "ddim:linspace:analytic")
    if into:
        request = TradeoffRequest(ways, (1, 2), samples=24, num=2, batch_size=12)
        found = tradeoff_into(copy.folder, request, tmp_path / "out", device="cpu").tradeoff
    else:
        found = copy.tradeoff(samplers=ways, calls=(1, 2), samples=24, num=2, batch_size=12)
    assert set(sizes) == {12}
    assert len(read) == 1
    monkeypatch.undo()
    expected = copy.using(variance="analytic").evaluate(num=2, steps=2).bound.total
    assert found.bounds[-1].bits_per_dim.mean == pytest.approx(expected.mean, rel=1e-6)
