"""Metrics by name from the command line."""

import pytest

MINE = """
from idm.metrics import Figure
def brightness(evidence):
    return Figure.mean_of("brightness", evidence.samples.x.flatten(1).mean(1), note="mean value of each sample")
def nothing(evidence):
    return 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "my_metrics.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_metric_of_ones_own_is_measured_because_the_command_names_it(idm, run, mine, tmp_path):
    wanted = ("--samples", "4", "--sampler-steps", "2", "--metrics", "my_metrics:brightness")
    result = idm("evaluate", run, *wanted, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    (figure,) = result.json["metrics"]["my_metrics:brightness"]
    assert figure["name"] == "brightness"
    assert -1 <= figure["value"] <= 1
    assert figure["standard_error"] > 0
    assert result.json["samples"]["num"] == 4
    assert "bits_per_dim" not in result.json
    assert not (tmp_path / "out" / "bound.png").exists()
    told = idm("evaluate", run, *wanted, "--out", tmp_path / "out")
    assert "mean value of each sample" in told.out


@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [
        (("--metrics", "bonud"), 2, "unknown name 'bonud'; did you mean 'bound'?"),
        (("--metrics", "classifier"), 2, "--metrics classifier: a number of samples to draw wanted"),
        (("--samples", "4", "--metrics", "bound"), 2, "a metric that looks at them wanted"),
        (("--features", "pca"), 2, "--features: a metric that compares samples wanted beside it"),
        (("--cache", "kept"), 2, "--cache: a metric that compares samples wanted beside it"),
        (("--metrics", "no_such_module:f", "--samples", "4"), 3, "a module that Python can import wanted"),
        (
            ("--metrics", "my_metrics:nothing", "--samples", "2", "--sampler-steps", "2"),
            3,
            "Figure(name, value) wanted",
        ),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_line(idm, run, mine, tmp_path, wanted, code, said):
    result = idm("evaluate", run, *wanted, "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (code, 1)
    assert said in result.errors[0]
    assert not (tmp_path / "out" / "evaluation.json").exists()


def test_samples_are_compared_with_the_training_data_beside_their_null(idm, run, tmp_path):
    wanted = ("--samples", "30", "--sampler-steps", "2", "--metrics", "frechet,values,memorisation")
    result = idm("evaluate", run, *wanted, "--features", "pca:5", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    found = result.json
    (frechet,) = found["metrics"]["frechet"]
    assert frechet["null"]["lower"] <= frechet["null"]["mean"] <= frechet["null"]["upper"] < frechet["value"]
    assert "frechet" in found["worse_than_chance"]
    assert found["features"]["name"] == "pca"
    assert len(found["features"]["sha256"]) == 64


def test_fewer_samples_than_features_are_refused_before_any_is_drawn(idm, run, tmp_path):
    wanted = ("--samples", "30", "--metrics", "frechet", "--features", "values")
    result = idm("evaluate", run, *wanted, "--out", tmp_path / "out")
    assert result.code == 2
    assert "more than the 64 features wanted for --metrics frechet" in result.errors[0]
    assert "such as --features pca:3" in result.errors[0]
