"""Measuring a run: which data, in which units, and what a classifier makes of samples."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT
from idm.likelihood import Estimate
from idm.metrics import histogram_bpd
from idm.run import Run, compared, draw, held_out_bound, open_run_data, recognise, require_recognition
from idm.run.baseline import histogram_of
from idm.run.bound_request import BoundRequest
from idm.run.figures import choose_metrics
from idm.run.held_data import Held
from idm.run.levels import level_scores
from idm.settings import Experiment, from_plain
from idm.tasks import train

TINY_UNET = {"model_channels": 8, "num_res_blocks": 1, "channel_mult": [1], "attention_resolutions": [], "num_heads": 1}


def tiny(out: Path, **changes) -> Run:
    plain = {
        "schedule": {"name": "cosine", "num_timesteps": 20},
        "network": {"name": "unet", **TINY_UNET},
        "training": {"num_steps": 2, "batch_size": 8, "log_interval": 1, "sample_interval": 0, "ema_rates": [0.5]},
        "sampler": {"name": "ddim", "steps": 4},
    }
    return train(from_plain(Experiment, plain | changes), out, device="cpu", listener=SILENT)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tiny(tmp_path_factory.mktemp("digits"), data={"source": {"name": "digits"}, "held_out": 40})


def points(folder: Path, scale: float) -> Run:
    data = scale * np.random.default_rng(3).normal(size=(60, 2)).astype(np.float64)
    folder.mkdir()
    np.save(folder / "points.npy", data)
    source = {"name": "arrays", "path": str(folder / "points.npy")}
    return tiny(folder / "run", data={"source": source, "held_out": 20}, network={"name": "mlp", "width": 8})


def test_a_density_in_larger_units_costs_the_logarithm_of_the_unit_more_per_dimension(tmp_path: Path) -> None:
    bounds = []
    for scale in (1.0, 1024.0):
        run = points(tmp_path / f"{scale:g}", scale)
        bounds.append(held_out_bound(run, open_run_data(run)))
    difference = bounds[1].vlb.total_bpd - bounds[0].vlb.total_bpd
    torch.testing.assert_close(difference, torch.full((20,), 10.0), rtol=0, atol=2e-3)
    for bound in bounds:
        vlb = bound.vlb
        torch.testing.assert_close(vlb.total_bpd, vlb.prior_bpd + vlb.vb.sum(1), rtol=1e-5, atol=1e-4)
        assert bound.histogram is None


def test_terms_over_levels_change_with_the_unit_where_the_data_are_decoded_and_nowhere_else(tmp_path: Path) -> None:
    scores = []
    for scale in (1.0, 1024.0):
        run = points(tmp_path / f"{scale:g}", scale)
        scores.append(level_scores(run, open_run_data(run), BoundRequest()))
    for narrow, wide in ((scores[0].held_out, scores[1].held_out), (scores[0].training, scores[1].training)):
        assert narrow is not None
        assert wide is not None
        assert narrow.bits_per_dim is not None
        assert wide.bits_per_dim is not None
        difference = wide.bits_per_dim - narrow.bits_per_dim
        expected = torch.zeros_like(difference)
        expected[:, 0] = 10.0  # log2(1024), at the least noisy level
        torch.testing.assert_close(difference, expected, rtol=0, atol=2e-3)


def test_the_whole_chain_or_fewer_steps_of_it_and_all_samples_or_the_first(digits: Run) -> None:
    data = open_run_data(digits)
    number = digits.diffusion.num_timesteps
    whole = held_out_bound(digits, data)
    assert whole.vlb.vb.shape == (40, number)
    assert whole.timesteps == digits.diffusion.schedule.timesteps.tolist()
    short = held_out_bound(digits, data, steps=5, num=7)
    assert short.vlb.vb.shape == (7, 5)
    assert (short.timesteps[0], short.timesteps[-1]) == (whole.timesteps[0], whole.timesteps[-1])
    first = held_out_bound(digits, data, num=7)
    torch.testing.assert_close(first.vlb.total_bpd, whole.vlb.total_bpd[:7], rtol=1e-4, atol=1e-4)
    assert whole.histogram is not None
    assert 1.0 < whole.histogram.mean < 3.0


def test_more_steps_than_there_are_and_runs_without_held_out_data_are_refused(digits: Run, tmp_path: Path) -> None:
    data = open_run_data(digits)
    with pytest.raises(SettingsError, match="steps: a number from 1 to"):
        held_out_bound(digits, data, steps=1000)
    everything = tiny(tmp_path, data={"source": {"name": "digits"}, "held_out": 0})
    with pytest.raises(DataError, match=r"data\.held_out=0: score other data with data=PATH, or train a new run"):
        held_out_bound(everything, open_run_data(everything))


def test_other_data_than_the_run_was_trained_on_are_refused(digits: Run) -> None:
    with pytest.raises(DataError, match="the data of this run wanted"):
        open_run_data(replace(digits, spec=replace(digits.spec, num_train=3)))


def test_real_digits_are_recognised_and_those_of_other_classes_are_not(digits: Run) -> None:
    data = open_run_data(digits)
    x, y = data.train.first(400)
    assert y is not None
    chosen = [int(torch.nonzero(y == digit)[i]) for i in range(5) for digit in range(10)]
    found = recognise(digits, data, x[chosen])
    assert found.samples.mean == 1.0
    assert found.num == 50
    assert found.real.mean > 0.9
    assert recognise(digits, data, x[chosen].roll(1, 0)).samples.mean == 0.0


def test_samples_are_drawn_of_every_class_and_scored(digits: Run) -> None:
    found = recognise(digits, open_run_data(digits), draw(digits, 20, sampler=digits.sampler(steps=2)))
    assert found.num == 20
    assert 0.0 <= found.samples.mean <= 1.0


def test_an_evaluation_states_the_steps_of_its_samples_and_the_calls_that_they_cost(digits: Run) -> None:
    heun = digits.sampler(name="heun", steps=3)
    found = digits.evaluate(steps=2, num=2, samples=3, sampler=heun).to_plain()["classifier"]
    assert (found["sampler"], found["sampler_steps"], found["sampler_calls"]) == ("SamplerHeun", 3, 5)


def test_a_network_without_classes_has_no_classifiers_score(tmp_path: Path) -> None:
    run = tiny(tmp_path, data={"source": {"name": "digits"}, "held_out": 40, "class_conditional": False})
    with pytest.raises(SettingsError, match="a network trained with classes wanted"):
        require_recognition(run, open_run_data(run), 5)


def test_features_are_fitted_to_training_samples_that_are_not_compared(digits: Run) -> None:
    data = open_run_data(digits)
    chosen = choose_metrics(digits, data, ["kid"], samples=20, features="pca:5")
    numbers, count = chosen.compared.numbers, len(data.train)
    others = np.setdiff1d(np.arange(count), numbers)
    assert abs(len(others) - len(numbers)) <= 1
    torch.testing.assert_close(
        chosen.features(data.train.batch(others)[0]).mean(0), torch.zeros(5, dtype=torch.float64), atol=1e-9, rtol=0
    )
    assert len(choose_metrics(digits, data, ["kid"], samples=20, features="values").compared.numbers) == count
    figure = digits.evaluate(samples=20, metrics=["kid"], sampler=digits.sampler(steps=2))["kid"]
    assert f"20 samples and {min(len(numbers), 4000) - 20:,} real" in figure.note


def test_features_are_made_of_more_real_samples_than_are_held(digits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "MOST_BYTES", 4 * 64 * 70)
    data = open_run_data(digits)
    assert len(Held.of(data.train).samples.x) == 70
    found = choose_metrics(digits, data, ["frechet"], samples=200, features="values")
    assert len(found.compared.numbers) == len(data.train)
    monkeypatch.setattr(compared, "MOST_ROW_BYTES", 4 * 64 * 100)
    with pytest.raises(SettingsError, match=r"of 100 real ones, of no more of which .* kept; compare fewer") as refused:
        choose_metrics(digits, data, ["frechet"], samples=200, features="values")
    advice = str(refused.value).rpartition("features=")[2]
    assert choose_metrics(digits, data, ["frechet"], samples=200, features=advice).num_samples == 200


def test_features_are_not_kept_between_pictures_of_the_data(tmp_path: Path) -> None:
    run = points(tmp_path / "data", 1.0)
    pictures = tmp_path / "data" / "pictures"
    pictures.mkdir()
    Image.new("L", (4, 4)).save(pictures / "a.png")
    data = open_run_data(run)
    with pytest.raises(SettingsError, match=r"cache=.*pictures: a folder of its own wanted"):
        choose_metrics(run, data, ["kid"], samples=20, cache=pictures)
    choose_metrics(run, data, ["kid"], samples=20, cache=tmp_path / "kept")


def test_histograms_are_counted_a_piece_of_the_data_at_a_time(digits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_run_data(digits)
    (x, y), (asked, of_asked) = data.train.first(len(data.train)), data.held_out.first(30)
    expected = Estimate.of(histogram_bpd(x, y, asked, of_asked, 17))
    monkeypatch.setattr("idm.data.base.BLOCK_BYTES", 7 * 64 * 4)
    found = histogram_of(data, 17, 30)
    assert (found.mean, found.standard_error) == pytest.approx((expected.mean, expected.standard_error), rel=1e-12)


def test_maps_of_continuous_channels_have_the_bits_of_each_in_its_own_unit(tmp_path: Path) -> None:
    runs = [points(tmp_path / f"{scale:g}", scale) for scale in (1.0, 1024.0)]
    maps = [run.evaluate(maps=True).maps for run in runs]
    assert maps[0] is not None
    assert maps[1] is not None
    assert maps[0].shape == (20, 2)
    np.testing.assert_allclose(maps[1] - maps[0], 10.0, atol=5e-3)  # log2(1024) more in every channel
    for run, found in zip(runs, maps, strict=True):
        bound = held_out_bound(run, open_run_data(run)).vlb.total_bpd
        np.testing.assert_allclose(found.mean(1), bound.numpy(), rtol=1e-4, atol=1e-3)


def test_maps_have_their_channels_where_the_data_have_them(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 255, (40, 4, 6, 3)).astype(np.uint8)
    np.save(tmp_path / "last.npy", data)
    source = {"name": "arrays", "path": str(tmp_path / "last.npy"), "channels": "last"}
    run = tiny(tmp_path / "run", data={"source": source, "held_out": 10})
    found = run.evaluate(num=3, steps=2, maps=True)
    assert found.maps is not None
    assert found.maps.shape == (3, 4, 6, 3)
    np.testing.assert_allclose(found.maps.reshape(3, -1).mean(1), found.scores["bits_per_dim"].numpy(), rtol=1e-4)
