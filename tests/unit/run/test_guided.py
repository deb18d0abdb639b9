"""Runs whose samples are guided: by no class, by their own earlier weights, by a classifier; and what refuses them."""

import os
import re
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import idm
from idm.core.errors import CheckpointError, DataError, InterruptedRunError, SettingsError
from idm.core.progress import SILENT
from idm.guidance import Autoguidance, ClassifierFreeGuidance, ClassifierGuidance, Projected
from idm.run import load
from idm.run.named_classifier import named_classifier
from idm.settings import Experiment, from_plain
from idm.storage import Checkpoint
from idm.storage.checkpoint import write_folder
from idm.tasks import train

from ...forging import POINTS, make_run
from ...once import made_once

X = torch.linspace(-1, 1, 2 * 64).view(2, 1, 8, 8)
Y = torch.tensor([3, 7])


@pytest.fixture
def run(tiny_run, tmp_path):
    """A run of four steps that keeps the checkpoint after two."""
    return load(shutil.copytree(tiny_run, tmp_path / "run"), device="cpu")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Runs of points of three classes, of which the network of one is told and that of the other is not."""

    def make(folder):
        rng = np.random.default_rng(0)
        y = np.arange(90) % 3
        x = np.stack([np.cos(2 * y), np.sin(2 * y)], 1) + 0.05 * rng.normal(size=(90, 2))
        np.savez(folder / "points.npz", x=x.astype("f4"), y=y)
        source = {"name": "arrays", "path": str(folder / "points.npz")}
        for name, told in (("told", True), ("untold", False)):
            data = {"source": source, "held_out": 0.2, "class_conditional": told}
            run = train(from_plain(Experiment, {**POINTS, "data": data}), folder / name, device="cpu", listener=SILENT)
            run.train_classifier(60)

    return made_once(tmp_path_factory, "judged", make)


def opened(judged, tmp_path, name):
    shutil.copy(judged / "points.npz", tmp_path)
    return load(shutil.copytree(judged / name, tmp_path / name), device="cpu")


def predicted(run, y=Y, x=X):
    return run.guided_denoiser(run.diffusion, y)(x, run.diffusion.grid.level(12, x)).x_start


def of_weights(run, folder, name):
    """The same run with weights of a file."""
    other = load(run.checkpoint, device="cpu")
    other.network.load_state_dict(load_file(folder / f"{name}.safetensors"))
    return predicted(other)


def test_autoguidance_pushes_away_from_an_earlier_checkpoint(run):
    older = min((run.folder / "checkpoints").iterdir())
    guided = run.guided(autoguidance=2.5)
    expected = predicted(run) + 1.5 * (predicted(run) - predicted(load(older, device="cpu")))
    torch.testing.assert_close(predicted(guided), expected, rtol=1e-5, atol=1e-5)
    assert str(guided.guide) == "autoguidance 2.5 from step 2, ema-0.9"
    torch.testing.assert_close(predicted(run.guided(autoguidance=2.5, autoguidance_from=2)), predicted(guided))


@pytest.mark.parametrize("name", ["network", "ema-0.5", "power-0.05"])
def test_or_from_other_weights_of_the_same_step(run, name):
    guided = run.guided(autoguidance=2.0, autoguidance_from=name)
    expected = 2 * predicted(run) - of_weights(run, run.checkpoint, name)
    torch.testing.assert_close(predicted(guided), expected, rtol=1e-4, atol=1e-4)


def test_or_from_an_average_on_the_way_where_no_checkpoint_is_kept(experiment, tmp_path):
    run = train(experiment(training__snapshot_interval=1), tmp_path / "run", device="cpu", listener=SILENT)
    guided = run.guided(autoguidance=2.0, autoguidance_from=3)
    assert str(guided.guide) == "autoguidance 2 from step 3, power-0.05"
    expected = 2 * predicted(run) - of_weights(run, tmp_path / "run" / "averages" / "step-00000003", "power-0.05")
    torch.testing.assert_close(predicted(guided), expected, rtol=1e-4, atol=1e-4)
    assert str(run.guided(autoguidance=2.0).guide) == "autoguidance 2 from step 1, power-0.05"  # a quarter of 4
    made = idm.tasks.reconstruct(run.folder, 0.1, device="cpu")
    assert str(load(made.checkpoint).guided(autoguidance=2.0).guide) == "autoguidance 2 from step 1, power-0.05"


def test_where_nothing_earlier_is_kept_the_advice_works(run):
    shutil.rmtree(min((run.folder / "checkpoints").iterdir()))
    with pytest.raises(SettingsError, match=r"^autoguidance: earlier weights of the run wanted, [^\n]*$") as refused:
        run.guided(autoguidance=2.0)
    advised = re.search(r"autoguidance_from=(\S+)$", str(refused.value))
    assert advised is not None
    assert run.guided(autoguidance=2.0, autoguidance_from=advised[1]).guide.worse is not None


def test_weights_alone_are_told_how_a_run_keeps_others(run, tmp_path):
    ema = {"ema-0.9": load_file(run.checkpoint / "ema-0.9.safetensors")}
    names = ("experiment", "data", "calibration")
    documents = {name: Checkpoint(run.checkpoint).document(name) for name in names}
    write_folder(tmp_path / "bare" / "checkpoints" / "step-00000004", 4, tensors=ema, documents=documents)
    with pytest.raises(SettingsError, match=r"it keeps none; train one with training\.snapshot_interval=1, which"):
        load(tmp_path / "bare", device="cpu").guided(autoguidance=2.0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"autoguidance": 2.0, "autoguidance_from": 3}, r"autoguidance_from: an earlier step .* got 3; choose from 2$"),
        (
            {"autoguidance": 2.0, "autoguidance_from": "ema-0.9"},
            r"autoguidance_from: .* got 'ema-0\.9'; choose from ema-0\.5, network, power-0\.05, power-0\.1, or an ",
        ),
        ({"autoguidance": 2.0, "autoguidance_from": "../x"}, r"autoguidance_from: .* got '\.\./x'; choose"),
        ({"autoguidance_from": "network"}, r"autoguidance: a scale wanted beside autoguidance_from=network"),
        ({"autoguidance": 2.0, "guidance": 2.0}, r"autoguidance: guidance=1 wanted beside it, got 2;"),
        ({"autoguidance": float("nan")}, r"autoguidance: a finite number wanted, got nan"),
        ({"classifier_scale": float("inf")}, r"classifier_scale: a finite number wanted, got inf"),
        ({"guidance_interval": (0.2, 5.0)}, "guidance_interval: what is guided wanted beside it, such as guidance=2"),
        (
            {"guidance": 2.0, "guidance_interval": (1.0,)},
            r"guidance_interval: two noise-to-signal ratios wanted, got \(1.0,\)",
        ),
        ({"guidance_rule": "apg"}, "guidance_rule: guidance or autoguidance wanted beside apg, such as guidance=2"),
        ({"guidance": 2.0, "guidance_interval": (3.0, 2.0)}, r"guidance_interval: .* got 3,2"),
        ({"guidance": 2.0, "guidance_interval": (float("nan"), 2.0)}, r"guidance_interval: .* got nan,2"),
        ({"guidance": 2.0, "guidance_rule": "agp"}, r"guidance_rule: unknown name 'agp'; did you mean 'apg'"),
        ({"guidance": 2.0, "guidance_rule": "apg", "phi": 0.5}, r"guidance\.phi"),
        ({"guidance": 2.0, "guidance_rule": "rescale", "phi": 2.0}, r"guidance\.phi: .*2\.0"),
        ({"guidance": 2.0, "guidance_rule": "rescale", "phi": "much"}, r"guidance\.phi: should be a valid number"),
        ({"classifier_scale": 1.0}, r"classifier: a fit of run .* train it with 'run\.train_classifier\(\)'"),
        ({"classifier": lambda x, at: x}, r"classifier_scale: a scale wanted beside a classifier"),
        (
            {"classifier_scale": 1.0, "classifier": lambda x, at: x.flatten(1)[:, :3]},
            r"logits: one of each of the 10 classes of the run wanted of its classifier, got 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(run, asked, told):
    with pytest.raises(SettingsError, match=f"^{told}") as refused:
        run.guided(**asked)
    assert len(refused.value.lines) == 1


def test_weights_of_another_network_are_refused(run):
    older = min((run.folder / "checkpoints").iterdir())
    (older / "ema-0.9.safetensors").write_bytes((older / "ema-0.9.safetensors").read_bytes()[:-4])
    with pytest.raises(CheckpointError, match=r"^weights .*step-00000002: damaged"):
        run.guided(autoguidance=2.0)


def test_what_is_asked_for_is_what_samples_are_drawn_by(run):
    def kind(guided):
        return type(guided.guided_denoiser(run.diffusion, Y))

    assert kind(run.guided(2.0)) is ClassifierFreeGuidance
    assert kind(run.guided(autoguidance=2.0)) is Autoguidance
    apg = run.guided(2.0, guidance_rule="apg", eta=0.5, guidance_interval=(0.1, 2.0)).guided_denoiser(run.diffusion, Y)
    assert (apg.rule, apg.low, apg.high) == (Projected(eta=0.5), 0.1, 2.0)
    judge = run.guided(0.0, classifier_scale=1.0, classifier=lambda x, at: x.flatten(1)[:, :10])
    both = judge.guided_denoiser(run.diffusion, Y)
    assert isinstance(both, ClassifierGuidance)
    assert isinstance(both.denoise, ClassifierFreeGuidance)


@pytest.mark.parametrize(
    "asked",
    [
        {"autoguidance": 1.5},
        {"guidance": 2.0, "guidance_rule": "cfg_zero"},
        {"classifier_scale": 1.0, "classifier": lambda x, at: x.flatten(1)[:, :10]},
    ],
)
def test_an_image_is_the_same_alone_and_in_company(run, asked):
    guided = run.guided(**asked)
    whole = guided.sample(5, labels=[1, 4], seed=10, as_tensor=True)
    parts = guided.sample(5, labels=[1, 4], seed=10, batch_size=2, as_tensor=True)
    alone = guided.sample(1, labels=[4], seed=13, as_tensor=True)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(alone, whole[3:4], rtol=1e-4, atol=1e-4)
    assert not torch.equal(whole, run.sample(5, labels=[1, 4], seed=10, as_tensor=True))
    assert torch.equal(guided.unguided.sample(2, as_tensor=True), run.sample(2, as_tensor=True))


def test_guidance_of_a_call_is_that_of_a_guided_run(run):
    assert np.array_equal(run.sample(3, guidance=2.0), run.guided(2.0).sample(3))
    with pytest.raises(SettingsError, match=r"^guidance: 1 wanted of a run that is guided already, got 2;"):
        run.guided(autoguidance=2.0).sample(3, guidance=2.0)


@pytest.mark.parametrize(
    "use",
    [
        lambda run, x: run.score(x),
        lambda run, x: run.evaluate(num=2),
        lambda run, x: run.calibrate(num=4, num_levels=2),
        lambda run, x: run.restore(x, run.operator("channels:0"), noise=1.0, num=1),
    ],
)
def test_bounds_curves_and_posteriors_refuse_a_guided_run_and_say_why(run, use):
    with pytest.raises(SettingsError, match=r"^guidance: a run without it wanted here, .* no density, so that bounds"):
        use(run.guided(autoguidance=2.0), run.read("held-out:0-1").data)


def test_an_evaluation_guides_its_samples_alone(run):
    plain = run.evaluate(num=2, steps=2, samples=10)
    guided = run.evaluate(num=2, steps=2, samples=10, guidance=3.0)
    assert guided.bound.total == plain.bound.total
    assert guided.about["guidance"] == 3.0
    with pytest.raises(SettingsError, match=r"^guidance: samples=N wanted beside it, got 3 without: guidance is of"):
        run.evaluate(num=2, guidance=3.0)


def test_a_fitted_solver_serves_plain_guidance_alone(run):
    run.fit_solver(1)
    sampler = run.sampler(name="fitted", steps=1)
    with pytest.raises(SettingsError, match=r"^guidance: that by a scale alone wanted of a fitted solver, got auto"):
        run.guided(autoguidance=2.0).sample(2, sampler=sampler)


# A classifier


def test_a_classifier_learns_the_classes_and_is_worth_more_where_there_is_less_noise(judged, tmp_path):
    run = opened(judged, tmp_path, "told")
    found = run.train_classifier(60)
    assert (found.num_held_out, found.class_names) == (18, ("0", "1", "2"))
    assert found.chance == pytest.approx(1 / 3)
    assert list(found.kappas) == sorted(found.kappas)
    assert found.accuracies[0] == 1.0
    assert run.fits.find("classifier").data == run.spec.fingerprint
    assert run.fits.find("classifier-unfinished") is None


def test_it_guides_a_network_that_knows_no_classes(judged, tmp_path):
    run = opened(judged, tmp_path, "untold")
    assert run.spec.class_names is None
    guided = run.guided(classifier_scale=100.0)  # its network was trained for four steps, and hardly looks
    samples = guided.sample(30, labels=[0, 2], seed=1)
    towards = np.array([[np.cos(2 * y), np.sin(2 * y)] for y in (0, 2)])
    along = (samples * np.tile(towards, (15, 1))).sum(1).mean()
    unguided = (run.sample(30, seed=1) * np.tile(towards, (15, 1))).sum(1).mean()
    assert along > unguided + 0.5
    with pytest.raises(SettingsError, match="a class from 0 to 2 wanted, got 3"):
        guided.sample(labels=[3])
    with pytest.raises(SettingsError, match="trained without classes"):
        run.sample(2, labels=[0])


def test_a_classifier_of_one_s_own_is_called_where_its_name_is_given(judged, tmp_path, monkeypatch):
    (tmp_path / "guide_code.py").write_text(
        "def classify(x, at):\n    return -at.sigma * x @ x.new_ones(2, 3)\nN = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    run = opened(judged, tmp_path, "untold")
    guided = run.guided(classifier_scale=2.0, classifier=named_classifier("guide_code:classify"))
    assert "guide_code:classify" in str(guided.guide)
    assert guided.sample(labels=[1, 2]).shape == (2, 2)
    for wrong, told in (
        ("guide_code", r"classifier=guide_code: MODULE:NAME wanted"),
        ("no_such_module:f", r"a module that Python can import wanted"),
        ("guide_code:N", r"a function wanted, got guide_code:N"),
    ):
        with pytest.raises(DataError, match=told):
            named_classifier(wrong)


@pytest.mark.usefixtures("default_signals")
def test_a_classifier_that_was_stopped_goes_on_to_the_same_end(judged, tmp_path):
    run = opened(judged, tmp_path, "untold")
    run.train_classifier(12)
    whole = run.fits.find("classifier").tensors
    seen = []

    def stop(event):
        seen.append(event.done)
        if event.what == "classifier" and event.done == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError, match=r"^classifier: stopped at step 7 of 12, kept in .*; make the same"):
        run.train_classifier(12, listener=idm.Calls(stop, least_seconds=0.0))
    first = []
    run.train_classifier(12, listener=idm.Calls(lambda event: first.append(event.done), least_seconds=0.0))
    assert first[0] == 7
    again = run.fits.find("classifier").tensors
    assert all(torch.equal(value, whole[name]) for name, value in again.items())
    assert run.fits.find("classifier-unfinished") is None


@pytest.mark.usefixtures("default_signals")
def test_another_request_begins_anew(judged, tmp_path):
    run = opened(judged, tmp_path, "untold")

    def stop(event):
        if event.done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError):
        run.train_classifier(12, listener=idm.Calls(stop, least_seconds=0.0))
    first = []
    run.train_classifier(6, listener=idm.Calls(lambda event: first.append(event.done), least_seconds=0.0))
    assert first[0] == 0


def test_a_classifier_serves_its_checkpoint_and_its_classes_alone(judged, tmp_path):
    run = opened(judged, tmp_path, "told")
    with pytest.raises(CheckpointError, match=r"^classifier: that of this checkpoint .*'run\.train_classifier\(\)'"):
        replace(run, sha256="0" * 64).guided(classifier_scale=1.0)
    fit = run.fits.find("classifier")
    for change in ({"class_names": ["a", "b", "c"]}, {"class_names": 3}, {"class_names": ["0"] * 2}, {}):
        content = {**fit.content, **change} if change else {}
        run.fits.write("classifier", "classifier", content, fit.tensors)
        with pytest.raises(CheckpointError, match=r"^classifier: a classifier for this run wanted, got another"):
            run.guided(classifier_scale=1.0)


def test_data_without_labels_are_told_what_guides_without(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(20, 2)).astype("f4"))
    run = load(make_run(tmp_path / "x.npy", tmp_path / "run"), device="cpu")
    with pytest.raises(SettingsError, match=r"have no labels; autoguidance=1\.5 guides without any$"):
        run.train_classifier(3)
    assert run.guided(autoguidance=1.5).sample(2).shape == (2, 2)
    with pytest.raises(SettingsError, match=r"^steps and batch_size: at least 1 wanted, got 0 and 128"):
        run.train_classifier(0)
