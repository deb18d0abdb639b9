"""A line at the end of a training that was in vain, and none after others."""

import pytest

from idm.core.progress import SILENT
from idm.tasks import train
from idm.tasks.outcome import losses_of, reason_to_doubt
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


NOISE = [0.03, -0.04, 0.05, -0.02, -0.05, 0.01, 0.04, -0.03, 0.02, -0.01] * 4
"""Of mean 0."""


@pytest.mark.parametrize("losses", [[1.0, 1.1, 1.0, 1.3, 1.2], [0.5] * 9, [1.0 + noise for noise in NOISE]])
def test_a_loss_that_never_fell_is_told(losses):
    line = reason_to_doubt(TrainingSettings(num_steps=60), losses)
    assert "the loss never fell" in line
    assert "training.learning_rate" in line


def test_more_steps_are_advised_where_there_were_few():
    few, many = (reason_to_doubt(TrainingSettings(num_steps=steps), [0.5] * 9) for steps in (60, 5_000))
    assert "a larger training.num_steps, or try another training.learning_rate" in few
    assert "num_steps" not in many


@pytest.mark.parametrize("losses", [FALLING, [1.0, 1.2, 1.1, 0.99, 1.2], [], [1.0], [1.0, 2.0, 3.0]])
def test_nothing_is_told_of_a_loss_that_fell_or_of_too_few_lines(losses):
    assert reason_to_doubt(TrainingSettings(num_steps=60), losses) == ""


def test_a_loss_that_falls_at_once_or_slowly_fell():
    at_once = [1.0, *(0.1 + noise / 10 for noise in NOISE)]
    in_one_line_of_many = [0.3, *(0.1 + noise for noise in NOISE * 25)]  # by 0.2, and it varies by 0.03
    slowly = [1.0 - row / 200 + noise for row, noise in enumerate(NOISE)]  # by 0.2 likewise
    for losses in (at_once, in_one_line_of_many, slowly):
        assert reason_to_doubt(TrainingSettings(num_steps=60), losses) == ""


def test_losses_are_read_from_the_metrics(tmp_path):
    assert losses_of(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    assert losses_of(tmp_path) == [0.5, 0.25]
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": null}\n')
    assert losses_of(tmp_path) == []
    odd = [
        '{"step": 1, "loss": 0.5}',
        '{"step": 2}',
        "{",
        "3",
        '{"loss": NaN}',
        '{"loss": 1' + "0" * 400 + "}",
        '{"loss": 1}',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(odd))
    assert losses_of(tmp_path) == [0.5, 1.0]


def test_the_line_comes_once_at_the_end_of_a_training_that_did_steps(experiment, tmp_path, capsys):
    settings = experiment(training__warmup_steps=10)
    for lines in (1, 0):  # the second finds the run finished
        train(settings, tmp_path, device="cpu", listener=SILENT)
        assert capsys.readouterr().err.count("never peaked") == lines
