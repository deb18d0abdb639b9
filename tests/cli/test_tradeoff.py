"""``idm tradeoff``: quality and bits/dim over calls of the network."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import idm as library
from idm.metrics import PrincipalComponents, frechet_distance
from idm.run import judging, open_run_data

FEW = ("--calls", "1,3", "--samples", 40, "--num", 3)


@pytest.fixture(scope="module")
def compared(idm, run, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared")
    result = idm("tradeoff", run, *FEW, "--samplers", "ddim:linspace,heun,ddpm:linspace:analytic", "--out", out)
    assert result.code == 0, result.err
    return out, result


def test_every_sampler_stands_at_every_number_of_calls(compared):
    out, result = compared
    found = json.loads((out / "tradeoff.json").read_text())
    ways = ["ddim:linspace", "heun", "ddpm:linspace:analytic"]
    assert [(one["way"], one["calls"]) for one in found["samples"]] == [
        (way, calls) for calls in (1, 3) for way in ways
    ]
    assert [one["steps"] for one in found["samples"]] == [1, 1, 1, 3, 2, 3]  # Heun calls twice a step, but for the last
    assert [(one["variance"], one["steps"]) for one in found["bounds"]] == [
        (name, steps) for name in ("model", "analytic") for steps in (1, 3)
    ]
    for one in found["samples"]:
        assert one["above_best"]["mean"] >= 0
        assert 0 <= one["recognised"]["mean"] <= 1
    assert sum(one["above_best"]["mean"] == 0 for one in found["samples"]) == 2
    assert found["again"]["mean"] > 0
    assert found["held_out"]["mean"] < found["samples"][0]["frechet"]["mean"]
    assert found["recognised_held_out"]["mean"] > 0.9
    picture = Image.open(out / "tradeoff.png")
    assert picture.width > 3 * picture.height  # three panels beside each other
    assert "3 calls  heun" in result.out


def test_the_distance_is_that_of_the_samples_which_idm_sample_draws(compared, run):
    found = json.loads((compared[0] / "tradeoff.json").read_text())
    opened = library.load(run, device="cpu")
    data = open_run_data(opened)
    train = data.train.first(len(data.train))[0]
    features = PrincipalComponents.of(train, 20)
    drawn = opened.sample(40, sampler=opened.sampler(name="ddim", spacing="linspace", steps=3))
    samples = opened.spec.codec.encode(np.moveaxis(drawn, -1, 1) if drawn.shape[1] != 1 else drawn)
    expected = frechet_distance(features(torch.as_tensor(samples)), features(train))
    assert found["samples"][3]["frechet"]["mean"] == pytest.approx(expected, rel=1e-3)


def test_python_finds_the_same(compared, run):
    found = json.loads((compared[0] / "tradeoff.json").read_text())
    ours = library.load(run, device="cpu").tradeoff(samplers=["ddim:linspace", "heun"], calls=[3], samples=40, num=3)
    assert [one.frechet.mean for one in ours.samples] == [
        pytest.approx(one["frechet"]["mean"], rel=1e-6) for one in found["samples"][3:5]
    ]
    assert ours.bounds[0].bits_per_dim.mean == pytest.approx(found["bounds"][1]["bits_per_dim"]["mean"], rel=1e-9)
    assert ours.features == 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--samples", 20, "--calls", 2), "--samples 20: more than the 20 features that are compared wanted"),
        (("--calls", "5,x"), "--calls: whole numbers with commas between wanted, such as 5,10, got '5,x'"),
        (("--calls", "0"), "--calls: numbers from 1, and at least one sampler, wanted, got [0]"),
        (
            ("--samplers", "ddim:linspace:model:x", "--calls", 2),
            "--samplers: NAME, NAME:SPACING or NAME:SPACING:VARIANCE wanted",
        ),
        (("--samplers", "dimm", "--calls", 2), "did you mean 'ddim'?"),
        (
            ("--samplers", "heun:rho:analytic", "--calls", 2),
            "--samplers: a variance where one plays a part wanted, as in ddpm:linspace:analytic, got heun:rho:analytic",
        ),
        (
            ("--samplers", "ddpm:rho:analytyc", "--calls", 2),
            "--samplers: variance: unknown name 'analytyc'; did you mean",
        ),
        (
            ("--samplers", "ddim:linspaze", "--calls", 2),
            "--samplers: ddim:linspaze in 2 calls: sampler.spacing: should be",
        ),
        (
            ("--calls", "41", "--samplers", "ddim:linspace"),
            "--calls: at most 39 wanted with ddim:linspace, as this run has 39 steps",
        ),
        (
            ("--calls", "79", "--samplers", "heun:rho"),
            "--calls: at most 78 wanted with heun:rho, as this run has 39 steps",
        ),
        (("--calls", "2", "--samplers", "fitted"), "--samplers: fitted in 2 calls: solver-2: a fit of run"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_before_anything_is_drawn(idm, run, tmp_path, options, said):
    result = idm("tradeoff", run, *options, "--out", tmp_path / "out")
    assert result.code == 2
    assert len(result.errors) == 1, result.err
    assert said in result.errors[0]
    assert not (tmp_path / "out").exists()


def test_of_the_training_data_no_more_are_held_at_once_than_memory_is_meant_for_them(run, monkeypatch):
    opened = library.load(run, device="cpu")
    data = open_run_data(opened)
    whole, seen, batch = data.train.first(len(data.train))[0], [], data.train.batch
    monkeypatch.setattr(data.train, "batch", lambda indices: seen.append(len(indices)) or batch(indices))
    monkeypatch.setattr(judging, "LARGEST_BYTES", 50 * 8 * whole[0].numel())
    judge = judging.Judge(opened, data, 40)
    assert judge.classifier is not None
    assert max(seen) <= 50 < len(whole)
    torch.testing.assert_close(judge.train, judge.features(whole))
