"""A line at the end of a training that was in vain, and none after others."""

import pytest

from idm.experiment import train
from idm.experiment.outcome import losses_of, reason_to_doubt
from idm.training import TrainingSettings

FALLING = [1.0, 0.8, 0.5, 0.4, 0.45]


def test_a_rate_that_never_peaked_is_told_with_what_to_do():
    settings = TrainingSettings(num_steps=60, warmup_steps=500, learning_rate=2e-4)
    line = reason_to_doubt(settings, FALLING)
    assert "2.4e-05 of 0.0002 after 60 steps" in line  # 60 / 500 of the peak
    assert "training.warmup_steps=6" in line
    assert "\n" not in line


def test_a_warm_up_that_ends_with_the_run_has_peaked():
    assert reason_to_doubt(TrainingSettings(num_steps=60, warmup_steps=60), FALLING) == ""


@pytest.mark.parametrize("losses", [[1.0, 1.1, 1.0, 1.3, 1.2], [0.5] * 9])
def test_a_loss_that_never_fell_is_told(losses):
    line = reason_to_doubt(TrainingSettings(num_steps=60), losses)
    assert "the loss never fell" in line
    assert "training.learning_rate" in line


@pytest.mark.parametrize("losses", [FALLING, [1.0, 1.2, 1.1, 0.99, 1.2], [], [1.0], [1.0, 2.0, 3.0]])
def test_nothing_is_told_of_a_loss_that_fell_or_of_too_few_lines(losses):
    assert reason_to_doubt(TrainingSettings(num_steps=60), losses) == ""


def test_losses_are_read_from_the_metrics(tmp_path):
    assert losses_of(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    assert losses_of(tmp_path) == [0.5, 0.25]
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": null}\n')
    assert losses_of(tmp_path) == []


def test_the_line_comes_once_at_the_end_of_a_training_that_did_steps(experiment, tmp_path, capsys):
    settings = experiment(training__warmup_steps=10)
    for lines in (1, 0):  # the second finds the run finished
        train(settings, tmp_path, device="cpu", progress=False)
        assert capsys.readouterr().err.count("never peaked") == lines
