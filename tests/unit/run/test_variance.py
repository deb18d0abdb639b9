"""The variance of reverse steps: the run's own, or the one that its error curve makes optimal."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError, UnknownNameError
from idm.diffusion import Analytic, CalibratedDecoder, ErrorCurve, ModelVarType
from idm.run import load
from idm.tasks import SampleRequest, ScoreRequest, evaluate_into, sample_into


@pytest.fixture(scope="module")
def run(tiny_run):
    return load(tiny_run, device="cpu")


def test_it_changes_to_the_optimal_one_and_back(run):
    changed = run.using(variance="analytic")
    curve = run.diffusion.variance.curve
    assert changed.diffusion.variance == Analytic(run.diffusion.variance, curve)
    assert changed.using(precision="float32").diffusion.variance == changed.diffusion.variance
    assert changed.using(variance="analytic").diffusion.variance == changed.diffusion.variance
    assert changed.using(variance="model").diffusion.variance == run.diffusion.variance
    assert changed.sampler().diffusion.variance == changed.diffusion.variance


def test_samples_of_ddim_are_drawn_with_its_noise(run):
    own, optimal = (run.using(variance=name) for name in ("model", "analytic"))
    noise = own.sampler().initial_noise((1, *run.spec.shape), seed=0)
    for chosen, differ in ((own, False), (optimal, True)):
        sampler = chosen.sampler(name="ddim", steps=4)
        denoise = sampler.denoiser(chosen.sampling_network, chosen.label_kwargs([0], 1))
        first, second = (sampler.draw(denoise, noise, seed=seed) for seed in (0, 1))
        assert (not torch.equal(first, second)) == differ


def test_the_decoder_term_of_the_bound_is_the_same_and_others_are_not(run, tmp_path):
    found = {}
    for name in ("model", "analytic"):
        evaluated = evaluate_into(
            run.folder, ScoreRequest(steps=4, num=200, variance=name), tmp_path / name, device="cpu"
        )
        vlb = evaluated.evaluation.bound.vlb
        found[name] = vlb.vb
        assert json.loads((tmp_path / name / "evaluation.json").read_text())["variance"] == name
    torch.testing.assert_close(found["model"][:, 0], found["analytic"][:, 0], rtol=1e-3, atol=1e-3)
    assert float((found["model"][:, 1:] - found["analytic"][:, 1:]).abs().max()) > 1e-3


def test_samples_of_one_are_not_continued_with_the_other(run, tmp_path):
    requests = [SampleRequest(3, variance=name, trajectory=False) for name in ("model", "analytic")]
    drawn = [sample_into(run.folder, request, tmp_path / "out", device="cpu").x for request in requests]
    assert not np.array_equal(*(x.numpy() for x in drawn))


@pytest.mark.parametrize(
    "variance",
    [ModelVarType.FIXED_SMALL.value, CalibratedDecoder(ModelVarType.FIXED_SMALL.value, ErrorCurve.at_one(0.1, 0.2))],
)
def test_a_run_without_a_curve_is_refused_in_a_line(run, variance):
    without = replace(run, diffusion=run.diffusion.replace(model_var_type=variance))
    with pytest.raises(
        SettingsError, match="variance: model wanted, since this run has no error curves, got analytic"
    ) as caught:
        without.using(variance="analytic")
    assert len(caught.value.lines) == 1


def test_a_sampler_that_uses_no_variance_is_refused_it(run, tmp_path):
    of = {
        "multistep": "where a step from several x_0 may have too much .*; set order=1 and corrector=false, or choose",
        "heun": "whose every step has more variance than Gaussian data already, .*; choose another sampler",
    }
    for name, reason in of.items():
        request = SampleRequest(2, sampler={"name": name}, variance="analytic")
        with pytest.raises(SettingsError, match=f"variance: model wanted with Sampler{name.title()}, {reason}"):
            sample_into(run.folder, request, tmp_path, device="cpu")


def test_what_a_refusal_advises_works(run, tmp_path):
    settings = {"name": "multistep", "order": 1, "corrector": False, "tau": 0.5, "steps": 2}
    drawn = [
        sample_into(run.folder, SampleRequest(2, sampler=settings, variance=name), tmp_path / name, device="cpu").x
        for name in ("model", "analytic")
    ]
    assert not torch.equal(*drawn)


def test_an_unknown_name_is_refused_with_the_nearest(run):
    with pytest.raises(UnknownNameError, match="did you mean 'analytic'"):
        run.using(variance="analytical")
