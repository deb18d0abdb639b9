"""Sampling and scoring in parts give what sampling and scoring at once give."""

import shutil

import pytest
import torch

from idm.core.errors import InterruptedRunError
from idm.core.ranks import Ranks
from idm.core.terminal import TERMINAL
from idm.run import draw, held_out_bound, load, open_run_data
from idm.tasks.drawn_parts import Order, sample_in_parts
from idm.tasks.long_jobs import bound_in_parts, load_together
from idm.tasks.requests import ScoreRequest

from ..training.together import run_together


@pytest.fixture
def digits(tiny_run, tmp_path):
    return load(shutil.copytree(tiny_run, tmp_path / "run"), device="cpu")


@pytest.fixture
def sampler(digits):
    return digits.sampler(name="ddpm", steps=3)


@pytest.mark.parametrize(("num", "batch_size"), [(7, 3), (6, 3), (5, 8)])
@pytest.mark.parametrize("labels", [None, [4, 1]])
def test_samples_are_those_of_one_call(digits, sampler, tmp_path, num, batch_size, labels):
    wanted = draw(digits, num, labels=labels, seed=11, sampler=sampler, batch_size=batch_size)
    order = Order(num, sampler, labels, seed=11, batch_size=batch_size)
    drawn = sample_in_parts(digits, order, tmp_path / "parts")
    assert torch.equal(drawn, wanted)


def test_two_processes_draw_the_same_images(digits, sampler, tmp_path):
    wanted = draw(digits, 10, seed=5, sampler=sampler, batch_size=3)

    def work(ranks):
        drawn = sample_in_parts(digits, Order(10, sampler, seed=5, batch_size=3), tmp_path / "parts", ranks=ranks)
        return None if drawn is None else torch.equal(drawn, wanted)

    assert run_together(2, tmp_path / "ranks", work) == [True, None]


def test_a_stop_keeps_whole_batches_and_the_watched_one_is_drawn_again(digits, sampler, tmp_path):
    wanted = draw(digits, 8, seed=5, sampler=sampler, batch_size=2)
    calls, model = [], digits.network.forward

    def stop_later(*args, **kwargs):
        calls.append(None)
        if len(calls) == 8:
            raise InterruptedRunError("stopped")
        return model(*args, **kwargs)

    digits.network.forward = stop_later
    try:
        with pytest.raises(InterruptedRunError):
            sample_in_parts(digits, Order(8, sampler, seed=5, batch_size=2), tmp_path / "parts")
        seen = []
        drawn = sample_in_parts(digits, Order(8, sampler, seed=5, batch_size=2), tmp_path / "parts", watch=seen.append)
    finally:
        digits.network.forward = model
    assert torch.equal(drawn, wanted)
    assert len(seen) == 1 + 3
    assert len(calls) == 8 + 3 + 2 * 3  # one batch of the four was kept


def test_other_samples_are_drawn_anew(digits, sampler, tmp_path):
    folder = tmp_path / "parts"
    first = sample_in_parts(digits, Order(4, sampler, seed=5, batch_size=2), folder)
    other = digits.sampler(name="ddpm", steps=4)
    assert not torch.equal(first, sample_in_parts(digits, Order(4, other, seed=5, batch_size=2), folder))
    assert not torch.equal(first, sample_in_parts(digits, Order(4, sampler, seed=6, batch_size=2), folder))


@pytest.mark.parametrize("processes", [1, 2])
def test_bounds_are_those_of_one_call(digits, tmp_path, processes):
    data = open_run_data(digits)
    wanted = held_out_bound(digits, data, steps=4, num=21)

    def work(ranks):
        found = bound_in_parts(digits, data, tmp_path / "parts", ScoreRequest(steps=4, num=21), ranks=ranks)
        if found is None:
            return None
        same = torch.allclose(found.vlb.vb, wanted.vlb.vb, rtol=1e-4, atol=1e-6)
        return [same, found.vlb.total_bpd.shape[0], found.timesteps == wanted.timesteps]

    assert run_together(processes, tmp_path / "ranks", work) == [[True, 21, True], None][:processes]


def test_progress_counts_samples_and_those_that_are_there(digits, sampler, tmp_path, capsys):
    def draw(num, seed=0):
        order = Order(num, sampler, seed=seed, batch_size=2)
        sample_in_parts(digits, order, tmp_path / "parts", listener=TERMINAL, ranks=Ranks())
        return capsys.readouterr().err

    assert "6/6 samples" in draw(6)
    assert "5/5 samples" in draw(5)


def never(*args, **kwargs):
    raise AssertionError("nothing is left to compute")


def test_what_was_drawn_of_a_model_is_found_again_after_its_folder_has_moved(digits, sampler, tmp_path, monkeypatch):
    first = sample_in_parts(digits, Order(6, sampler, batch_size=2), tmp_path / "parts")
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = load(tmp_path / "moved", device="cpu").using(precision="float32")  # named, and the same as before
    monkeypatch.setattr("idm.tasks.drawn_parts.draw", never)
    order = Order(6, moved.sampler(name="ddpm", steps=3), batch_size=2)
    assert torch.equal(first, sample_in_parts(moved, order, tmp_path / "parts"))


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_bound_goes_on_with_any_number_of_processes(digits, tmp_path, monkeypatch, before, after):
    data, folder = open_run_data(digits), tmp_path / "parts"

    def work(ranks):
        found = bound_in_parts(digits, data, folder, ScoreRequest(steps=30, num=50), ranks=ranks)
        return None if found is None else found.total.mean

    first, *_ = run_together(before, tmp_path / "before", work)
    monkeypatch.setattr("idm.tasks.long_jobs.bound_of_samples", never)
    second, *_ = run_together(after, tmp_path / "after", work)
    assert first == second


def test_all_processes_open_the_checkpoint_of_the_main_one(digits, tmp_path):
    def work(ranks):
        return str(load_together(tmp_path / ("run" if ranks.is_main else "elsewhere"), ranks, device="cpu").checkpoint)

    assert run_together(2, tmp_path / "ranks", work) == [str(digits.checkpoint)] * 2
