"""The mean of samples given their conditions is learned first, and the residual is modelled after it."""

import numpy as np
import pytest
import torch

from idm.core.errors import ResumeError, SettingsError
from idm.core.progress import SILENT
from idm.networks.residual import ResidualNetwork
from idm.run import load, open_data
from idm.storage import Checkpoint
from idm.tasks import train
from idm.tasks.training import train as train_experiment

NUM, SLOPE, NOISE = 400, np.array([2.0, -1.0]), 0.1


@pytest.fixture
def of_lines(experiment, tmp_path):
    """Experiments on points 2 c and -c, but for noise of deviation 0.1, of which c is the condition."""
    rng = np.random.default_rng(0)
    condition = rng.normal(size=(NUM, 1))
    points = condition * SLOPE + NOISE * rng.normal(size=(NUM, 2))
    np.save(tmp_path / "fine.npy", points.astype(np.float32))
    np.save(tmp_path / "coarse.npy", condition.astype(np.float32))
    data = {
        "source": {"name": "arrays", "path": str(tmp_path / "fine.npy")},
        "condition": {"name": "arrays", "path": str(tmp_path / "coarse.npy"), "standardize": True},
        "standardize": True,
        "held_out": 40,
    }
    usual = {
        "data": data,
        "network": {"name": "mlp", "width": 32, "num_layers": 2},
        "training__label_dropout": 0.0,
        "training__batch_size": 64,
        "training__learning_rate": 1e-2,
        "training__mean_steps": 150,
        "diffusion__prediction": "v",
    }
    return lambda **changes: experiment(**usual | changes)


def test_the_mean_is_the_regression_on_the_condition_and_stays_while_residuals_are_trained(of_lines, tmp_path):
    settings = of_lines()
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    run = load(tmp_path / "run", device="cpu")
    network = run.network
    assert isinstance(network, ResidualNetwork)
    data = open_data(settings.data)
    x, condition = data.held_out.first(40)
    told = data.spec.condition.codec.decode(condition).astype(np.float64)
    exact = data.spec.codec.encode((told * SLOPE).astype(np.float32))
    error = (network.mean_of(condition, (2,)) - exact).square().mean().sqrt()
    assert error < 0.1 * x.std()  # without the condition it is as large as that
    stored = [Checkpoint(path).tensors("network") for path in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    first, last = stored[0], stored[-1]
    of_mean = [name for name in first if name.startswith("mean.")]
    assert all(torch.equal(first[name], last[name]) for name in of_mean)
    assert any(not torch.equal(first[name], last[name]) for name in first.keys() - of_mean)
    average = Checkpoint(tmp_path / "run" / "checkpoints" / "step-00000004").tensors("ema-0.9")
    assert all(torch.equal(average[name], last[name]) for name in of_mean)


def test_samples_lie_around_the_mean_of_their_condition(of_lines, tmp_path):
    """After four steps residuals are hardly learned: what scatters is noise, but its centre is the mean already."""
    run = train(of_lines(), tmp_path / "run", device="cpu", listener=SILENT)
    for condition in (-1.5, 1.5):
        drawn = run.sample(256, condition=[[condition]], sampler=run.sampler(name="ddpm", steps=20))
        np.testing.assert_allclose(drawn.mean(0), condition * SLOPE, atol=0.6)
    scores = run.score(np.array([[3.0, -1.5]]), condition=[[1.5]], steps=10).bits_per_dim
    assert scores < run.score(np.array([[3.0, -1.5]]), condition=[[-1.5]], steps=10).bits_per_dim


def test_a_run_that_goes_on_keeps_its_mean_and_ends_as_one_that_was_not_interrupted(of_lines, tmp_path):
    whole = train(of_lines(), tmp_path / "whole", device="cpu", listener=SILENT)
    train(of_lines(training__num_steps=2), tmp_path / "parts", device="cpu", listener=SILENT)
    parts = train(of_lines(), tmp_path / "parts", device="cpu", listener=SILENT)
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(parts.network.state_dict()[name], value, atol=1e-6, rtol=0)
    with pytest.raises(ResumeError, match=r"mean_steps"):
        train(of_lines(training__mean_steps=0), tmp_path / "parts", device="cpu", listener=SILENT)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"data": {"source": {"name": "digits"}}, "network": {"name": "unet"}},
            r"mean_steps: 0 wanted without conditions",
        ),
        ({"diffusion__prediction": "previous_x"}, r"mean_steps: 0 wanted with diffusion\.prediction=previous_x"),
    ],
)
def test_a_mean_is_refused_where_there_is_none(of_lines, tmp_path, changes, said):
    with pytest.raises(SettingsError, match=rf"^training\.{said}"):
        train_experiment(of_lines(**changes), tmp_path / "run", device="cpu", listener=SILENT)
    with pytest.raises(SettingsError, match=r"training\.mean_steps: 0 wanted with shard=fsdp2"):
        of_lines(training__shard="fsdp2")


def test_batches_in_pieces_have_the_same_gradient(of_lines, tmp_path):
    means = []
    for name, size in (("whole", 0), ("pieces", 7)):
        run = train(of_lines(training__micro_batch_size=size), tmp_path / name, device="cpu", listener=SILENT)
        means.append({key: value for key, value in run.network.state_dict().items() if key.startswith("mean.")})
    for key, value in means[0].items():
        torch.testing.assert_close(means[1][key], value, atol=2e-3, rtol=0)


def test_means_are_found_for_as_many_samples_at_once_as_the_network_is_called_with(of_lines, tmp_path, monkeypatch):
    sizes = []
    find = ResidualNetwork.mean_of

    def counted(network, condition, shape):
        sizes.append(len(condition))
        return find(network, condition, shape)

    monkeypatch.setattr(ResidualNetwork, "mean_of", counted)
    few = of_lines(training__micro_batch_size=16, training__mean_steps=1, training__bound_interval=0)
    run = train(few, tmp_path / "run", device="cpu", listener=SILENT)
    assert sizes[: 4 * 4] == [16] * 16  # four steps of 64 samples
    sizes.clear()
    run.sample(20, seed=1, batch_size=8, sampler=run.sampler(steps=3))
    assert sizes == [8, 8, 4]
    sizes.clear()
    run.evaluate(num=20, batch_size=8, steps=3)
    assert max(sizes) == 8
