"""Heads of a run: trained beside its network, kept beside its checkpoint, used, and refused where they do not fit."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import idm
from idm.core.errors import CheckpointError, SettingsError, UnknownNameError
from idm.core.progress import SILENT
from idm.diffusion import PredictedError
from idm.run import Run, load, open_run_data
from idm.run.calibrated import CalibrateRequest, measure_and_train
from idm.run.heads import KIND
from idm.tasks import ScoreRequest, TradeoffRequest, describe, evaluate_into, tradeoff_into, train
from idm.tasks.drawn_parts import Order
from idm.training.head_losses import HEADS

from ...forging import POINTS, make_run


@pytest.fixture(scope="module")
def untouched(experiment, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(experiment(), folder, device="cpu", listener=SILENT)
    run = load(folder, device="cpu")
    run.calibrate(num=24, num_levels=6)
    return run


@pytest.fixture(scope="module")
def run(untouched: Run, tmp_path_factory) -> Run:
    """With both heads."""
    trained = load(shutil.copytree(untouched.folder, tmp_path_factory.mktemp("heads") / "run"), device="cpu")
    for head in HEADS:
        trained.calibrate(num=24, num_levels=6, head=head, steps=3, batch_size=16)
    return trained


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Run:
    return load(shutil.copytree(run.folder, tmp_path / "copy"), device="cpu")


@pytest.mark.parametrize("head", list(HEADS))
def test_a_head_makes_variances_of_bounds_and_samples_and_leaves_the_network_as_it_is(
    run: Run, untouched: Run, head: str
) -> None:
    before, after = (each.network.state_dict() for each in (untouched, load(run.folder, device="cpu")))
    assert all(torch.equal(after[name], value) for name, value in before.items())
    changed, places = run.using(variance=head), run.using(variance="analytic_position")
    rule = changed.diffusion.variance
    assert isinstance(rule, PredictedError)
    assert not any(value.requires_grad for value in rule.network.parameters())
    assert changed.using(variance="analytic").diffusion.variance.inner is run.diffusion.variance
    assert changed.using(variance="model").diffusion.variance is run.diffusion.variance
    x = run.read("held-out:0-1").data
    ours, average = (each.score(x, labels=[0, 1], steps=3).bits_per_dim for each in (changed, places))
    assert (ours != average).all()
    np.testing.assert_allclose(ours, average, atol=0.5)  # three steps do not change much
    for name in ("ddpm", "ddim"):
        drawn = [each.sample(2, as_tensor=True, sampler=each.sampler(name=name, steps=3)) for each in (places, changed)]
        assert not torch.equal(*drawn)


def test_the_network_is_called_as_often_as_without_a_head(run: Run) -> None:
    calls: list[int] = []
    hook = run.network.register_forward_hook(lambda *_: calls.append(1))
    told = {}
    for variance in ("model", "npr"):
        changed = run.using(variance=variance)
        for name in ("ddpm", "ddim"):
            changed.sample(2, sampler=changed.sampler(name=name, steps=4))
        changed.score(run.read("held-out:0-1").data, labels=[0, 1], steps=4)
        told[variance] = len(calls)
        calls.clear()
    hook.remove()
    assert told["model"] == told["npr"] > 8


def test_where_no_head_was_trained_the_call_that_trains_it_is_said_and_works(untouched: Run, tmp_path: Path) -> None:
    run = load(shutil.copytree(untouched.folder, tmp_path / "run"), device="cpu")
    with pytest.raises(SettingsError, match=r"head-npr: a fit of run .* wanted, .*'run.calibrate\(head=\"npr\"\)'"):
        run.using(variance="npr")
    found = measure_and_train(run, open_run_data(run), CalibrateRequest(8, 4, "npr", steps=1))
    assert found.to_plain()["head"]["num_steps"] == 1
    assert isinstance(run.using(variance="npr").diffusion.variance, PredictedError)
    assert describe(run.folder).fits == {"error-curves": "error_curves", "head-npr": KIND}
    assert run.fits.find("head-npr").data == run.spec.fingerprint


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"head": "other"}, "head"),
        ({"head": "npr", "steps": 0}, "steps: a number from 1 to"),
        ({"steps": 5}, "steps: none wanted without a head to train, got 5; name one with head=npr"),
    ],
)
def test_other_heads_and_steps_are_refused_before_anything_is_measured(copy: Run, options, match: str) -> None:
    before = (copy.folder / "fits" / "error-curves.safetensors").stat().st_mtime_ns
    with pytest.raises(SettingsError, match=match) as caught:
        copy.calibrate(num=8, **options)
    assert len(caught.value.lines) == 1
    assert isinstance(caught.value, UnknownNameError) == (match == "head")
    assert (copy.folder / "fits" / "error-curves.safetensors").stat().st_mtime_ns == before


def test_a_head_of_another_checkpoint_or_of_other_curves_is_refused(copy: Run) -> None:
    with pytest.raises(CheckpointError, match=r"head-npr: that of this checkpoint .* got another's; train one with"):
        replace(copy, sha256="0" * 64).using(variance="npr")
    copy.calibrate(num=24, num_levels=6)  # the same curves again
    assert isinstance(copy.using(variance="npr").diffusion.variance, PredictedError)
    copy.calibrate(num=12, num_levels=6)
    with pytest.raises(SettingsError, match="head-npr: one that began with the error curves of this run wanted"):
        copy.using(variance="npr")


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {name: value for name, value in tensors.items() if name != "last.bias"},
        lambda tensors: tensors | {"more": torch.zeros(3)},
        lambda tensors: tensors | {"last.bias": torch.zeros(2)},
        lambda tensors: tensors | {"last.weight": torch.zeros(10**6)},
        lambda tensors: {f"x.{name}": value for name, value in tensors.items()},
        lambda tensors: {"last.bias": tensors["last.bias"]},
        lambda tensors: {},
    ],
)
def test_forged_heads_are_refused_in_a_line(copy: Run, change) -> None:
    found = copy.fits.find("head-npr")
    copy.fits.write("head-npr", KIND, found.content, change(dict(found.tensors)))
    with pytest.raises(
        CheckpointError, match=r"head-npr: a head for samples of shape .* wanted, got another"
    ) as caught:
        copy.using(variance="npr")
    assert len(caught.value.lines) == 1


def test_forged_words_and_damaged_files_are_refused_in_a_line(copy: Run) -> None:
    found, tensors = copy.fits.find("head-npr"), dict(copy.fits.find("head-npr").tensors)
    for kind, content, match in ((KIND, {}, "began with"), ("plan", found.content, "one of kind error_head wanted")):
        copy.fits.write("head-npr", kind, content, tensors)
        with pytest.raises(SettingsError, match=match) as caught:
            copy.using(variance="npr")
        assert len(caught.value.lines) == 1
    path = copy.folder / "fits" / "head-sn.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="damaged"):
        copy.using(variance="sn")


def test_parts_are_not_continued_with_another_head(run: Run, copy: Run) -> None:
    order = Order(4, run.sampler(name="ddpm", steps=3))
    before = order.request(run.using(variance="npr"))
    assert order.request(copy.using(variance="npr")) == before
    copy.calibrate(num=24, num_levels=6, head="npr", steps=2, batch_size=16)
    assert order.request(copy.using(variance="npr")) != before


def test_evaluation_and_comparison_into_folders(run: Run, tmp_path: Path) -> None:
    request = ScoreRequest(steps=3, num=2, plan="likelihood", variance="npr")
    evaluate_into(run.folder, request, tmp_path / "out", device="cpu")
    plain = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (plain["plan"], plain["variance"], plain["steps"]) == ("likelihood", "npr", 3)
    assert run.fits.find("likelihood-3-position") is not None
    ways = TradeoffRequest(("ddpm:linspace:npr", "ddim:linspace:sn"), (2,), samples=24, num=2)
    found = tradeoff_into(run.folder, ways, tmp_path / "out", device="cpu").tradeoff
    assert {bound.variance for bound in found.bounds} == {"model", "npr", "sn"}


def test_points_have_a_head_too_and_guidance_may_be_had_with_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "points.npz", x=rng.normal(size=(60, 2)).astype("f4"), y=rng.integers(0, 2, 60))
    make_run(tmp_path / "points.npz", tmp_path / "run", training={**POINTS["training"], "label_dropout": 0.1})
    run = idm.load(tmp_path / "run", device="cpu")
    run.calibrate(num_levels=5, head="npr", steps=2)
    run = run.using(variance="npr")
    for sampler in (run.sampler(name="ddpm", steps=4), run.sampler(name="ddim", steps=4, eta=0.5)):
        assert np.isfinite(run.sample(3, sampler=sampler, guidance=2.0)).all()
    assert np.isfinite(run.evaluate(num=4, steps=4).bound.total.mean)
