"""What a run writes down."""

import json

import pytest
import torch

from idm.diffusion import LossTerms
from idm.storage.lines import JsonLines
from idm.training.meter import LossMeter

CPU = torch.device("cpu")


def test_losses_are_averaged_by_quarter_of_the_chain():
    meter = LossMeter(8, CPU)
    losses = torch.tensor([1.0, 3.0, 10.0, 20.0])
    meter.add(torch.tensor([0, 1, 2, 7]), LossTerms(loss=losses, mse=2 * losses, vb=None))
    means = meter.read()
    assert means["loss"] == pytest.approx(8.5)
    assert means["loss_q0"] == pytest.approx(2.0)
    assert means["loss_q1"] == pytest.approx(10.0)
    assert "loss_q2" not in means
    assert means["mse_q3"] == pytest.approx(40.0)
    assert not any(name.startswith("vb") for name in means)


def test_reading_starts_anew():
    meter = LossMeter(4, CPU)
    meter.add(torch.tensor([0]), LossTerms(loss=torch.tensor([5.0]), mse=None, vb=None))
    meter.read()
    meter.add(torch.tensor([3]), LossTerms(loss=torch.tensor([1.0]), mse=None, vb=None))
    assert meter.read() == {"loss": 1.0, "loss_q3": 1.0}


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 1000])
def test_every_step_of_every_chain_has_a_quarter(steps):
    meter = LossMeter(steps, CPU)
    t = torch.arange(steps)
    meter.add(t, LossTerms(loss=torch.ones(steps), mse=None, vb=None))
    assert meter.read()["loss"] == pytest.approx(1.0)


def test_metrics_are_lines_and_are_cut_to_a_length(tmp_path):
    file = JsonLines(tmp_path / "run" / "metrics.jsonl")
    file.append({"step": 1})
    length = file.length
    file.append({"step": 2})
    assert [json.loads(line)["step"] for line in file.path.read_text().splitlines()] == [1, 2]
    again = JsonLines(file.path, length)
    assert json.loads(again.path.read_text()) == {"step": 1}


def test_a_shorter_file_than_recorded_is_left_alone(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    assert JsonLines(tmp_path / "metrics.jsonl", 10_000).length == 12
