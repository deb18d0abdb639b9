"""Guidance on the command line: by rules, by a run's own earlier weights, by a classifier."""

import json
import shlex
import shutil

import numpy as np
import pytest


@pytest.fixture(scope="module")
def judged(run, idm, tmp_path_factory):
    """A run with a classifier of noisy data, and what was told of it."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("judged") / "run")
    told = idm("train-classifier", folder, "--steps", "2", "--batch-size", "16")
    assert told.code == 0, told.err
    return folder, told


@pytest.fixture
def sample(idm, run, tmp_path):
    """Draw samples, and return them with what was told."""
    count = iter(range(100))

    def draw(*options, of=run):
        out = tmp_path / str(next(count))
        result = idm("sample", of, "--num", "3", "--steps", "2", "--no-trajectory", "--out", out, *options)
        assert result.code == 0, result.err
        return np.load(out / "samples.npz")["data"], result.out

    return draw


def test_the_classifier_is_told_with_its_accuracy_at_levels_of_noise(judged, idm, tmp_path):
    folder, told = judged
    assert "named rightly of" in told.out
    assert told.out.count("  noise ") == 10
    assert "classifier" in idm("info", folder).out
    again = idm("train-classifier", shutil.copytree(folder, tmp_path / "run"), "--steps", "1", "--json").json
    assert len(again["kappas"]) == len(again["accuracies"]) == 10
    assert (again["num_steps"], again["class_names"]) == (1, [str(number) for number in range(10)])
    assert again["file"] == str(tmp_path / "run" / "fits" / "classifier.safetensors")


def test_what_it_advises_next_works(judged, idm, tmp_path):
    program, *words = shlex.split(judged[1].out.splitlines()[-1].removeprefix("Next: "))
    assert program == "idm"
    assert idm(*words, "--num", "2", "--steps", "2", "--out", tmp_path).code == 0


def test_every_kind_of_guidance_changes_samples_and_is_told(sample, judged):
    plain, _ = sample()
    apg = ("--guidance-rule", "apg", "--set", "guidance.eta=0.5")
    kinds = {
        ("--guidance", "4", *apg): "guidance 4, by apg (eta=0.5, norm_threshold=0",
        ("--guidance", "4", "--guidance-interval", "0.1,50"): "guidance 4, at noise-to-signal ratios from 0.1 to 50",
        ("--autoguidance", "4"): "autoguidance 4 from step 60, ema-",
        (
            "--autoguidance",
            "300",
            "--autoguidance-from",
            "network",
            *apg,
        ): "autoguidance 300 from step 120, network, by apg",
    }
    for options, told in kinds.items():
        drawn, said = sample(*options)
        assert told in said, options
        assert (drawn != plain).any(), options
    drawn, said = sample("--classifier-scale", "50000", of=judged[0])
    assert "classifier scale 50000 (the run's own, " in said
    assert (drawn != plain).any()


def test_python_guides_alike(sample, run):
    import idm

    drawn, _ = sample("--guidance", "4", "--guidance-rule", "apg", "--set", "guidance.eta=0.5", "--device", "cpu")
    guided = idm.load(run, device="cpu").guided(4.0, guidance_rule="apg", eta=0.5)
    np.testing.assert_array_equal(guided.sample(3, sampler=guided.sampler(steps=2)), drawn)


def test_an_interrupted_job_of_other_guidance_is_not_gone_on_with(run, tmp_path):
    import idm
    from idm.tasks.drawn_parts import Order

    opened = idm.load(run, device="cpu")
    order = Order(4, opened.sampler(steps=2))
    ways = [{}, {"guidance": 2.0}, {"guidance": 2.0, "guidance_rule": "apg"}, {"autoguidance": 2.0}]
    ways += [{"autoguidance": 2.0, "autoguidance_from": "network"}, {"guidance": 2.0, "guidance_interval": (0.0, 3.0)}]
    ways += [{"guidance": 2.0, "guidance_rule": "apg", "eta": 0.5}]
    asked = [json.dumps(order.request(opened.guided(**way))) for way in ways]
    assert len(set(asked)) == len(ways)


def test_a_classifier_s_code_runs_where_the_command_names_it(sample, idm, run, tmp_path, monkeypatch):
    code = "import torch\ndef judge(x, at):\n    return x.flatten(1) @ torch.eye(64)[:, 20:30] * 9\n"
    code += "def alone(x):\n    return x\n"
    (tmp_path / "cli_judge.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    drawn, said = sample("--classifier", "cli_judge:judge", "--classifier-scale", "5")
    assert "classifier scale 5 (cli_judge:judge)" in said
    assert (drawn != sample()[0]).any()
    refused = idm("sample", run, "--classifier", "no.such:judge", "--classifier-scale", "5")
    assert (refused.code, len(refused.err.splitlines())) == (3, 1)
    assert "--classifier no.such:judge: a module that Python can import wanted" in refused.err
    refused = idm(
        "sample", run, "--classifier", "cli_judge:alone", "--classifier-scale", "5", "--out", tmp_path / "out"
    )
    assert (refused.code, len(refused.err.splitlines())) == (3, 1)
    assert "--classifier cli_judge:alone: cli_judge:alone wanted to return, got TypeError" in refused.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--guidance", "2", "--autoguidance", "2"), "--autoguidance: --guidance 1 wanted beside it"),
        (("--autoguidance", "2", "--autoguidance-from", "7"), "--autoguidance-from: an earlier step that is kept"),
        (("--autoguidance-from", "7"), "--autoguidance: a scale wanted beside --autoguidance-from 7"),
        (("--guidance", "2", "--guidance-rule", "agp"), "--guidance-rule: unknown name 'agp'; did you mean 'apg'?"),
        (("--guidance", "2", "--guidance-interval", "3"), "--guidance-interval: two noise-to-signal ratios LOW,HIGH"),
        (("--guidance", "2", "--guidance-interval", "3,1"), "--guidance-interval: noise-to-signal ratios LOW,HIGH"),
        (
            ("--guidance", "2", "--set", "guidance.phi=2"),
            "guidance.phi: an option of linear wanted, got one of rescale",
        ),
        (("--classifier-scale", "1"), "classifier: a fit of run"),
        (("--classifier-scale", "nan"), "--classifier-scale: a finite number wanted, got nan"),
        (("--classifier", "a:b"), "--classifier a:b: a module that Python can import wanted"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(idm, run, options, told):
    result = idm("sample", run, "--num", "1", *options)
    assert (result.code in (2, 3), len(result.err.splitlines())) == (True, 1), result.err
    assert told in result.err


def test_the_advice_where_there_is_no_classifier_works(idm, run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    refused = idm("sample", folder, "--classifier-scale", "1")
    program, *words = shlex.split(refused.err.split("'")[1])
    assert program == "idm"
    assert idm(*words, "--steps", "1", "--batch-size", "4").code == 0
    assert idm("sample", folder, "--classifier-scale", "1", "--num", "1", "--steps", "2").code == 0


def test_an_evaluation_guides_samples_alone_and_says_so(idm, run, tmp_path):
    few = ("evaluate", run, "--num", "2", "--steps", "2", "--out", tmp_path)
    refused = idm(*few, "--guidance", "2")
    assert refused.code == 2
    assert refused.errors[0].startswith(
        "error[E200]: --guidance: --samples N wanted beside it, got 2 without: guidance"
    )
    told = idm(*few, "--guidance", "2", "--samples", "10", "--sampler-steps", "2")
    assert "2 steps, 2 calls of the network, guidance 2, which the bound is without" in " ".join(told.out.split())
    assert json.loads((tmp_path / "evaluation.json").read_text())["guidance"] == 2.0
