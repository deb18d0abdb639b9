"""Importance sampling of the bound, against numpy's formula and a history kept in Python deques."""

from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from idm.core.errors import SettingsError
from idm.timesteps import LossSecondMoment

Batch = list[tuple[int, float]]


def feed(sampler: LossSecondMoment, batch: Batch) -> None:
    sampler.update_with_losses(
        torch.tensor([t for t, _ in batch], dtype=torch.int64), torch.tensor([loss for _, loss in batch])
    )


def probabilities(sampler: LossSecondMoment) -> np.ndarray:
    weights = sampler.weights().numpy()
    return weights / weights.sum()


def in_deques(num_timesteps: int, history: int, batches: list[Batch]) -> list[deque[float]]:
    """The last ``history`` losses of every step, one at a time."""
    kept: list[deque[float]] = [deque(maxlen=history) for _ in range(num_timesteps)]
    for batch in batches:
        for t, loss in batch:
            kept[t].append(float(np.float32(loss)))
    return kept


def expected(kept: list[deque[float]], history: int, uniform_prob: float) -> np.ndarray:
    """Nichol & Dhariwal 2021, eq. 18, mixed with the uniform distribution; uniform until all histories are full."""
    number = len(kept)
    rms = np.array([np.sqrt(np.mean(np.square(losses))) if losses else 0.0 for losses in kept])
    if any(len(losses) < history for losses in kept) or rms.sum() == 0.0:
        return np.full(number, 1.0 / number)
    return (1.0 - uniform_prob) * rms / rms.sum() + uniform_prob / number


def test_the_probability_is_the_root_mean_square_of_the_losses_with_a_uniform_share() -> None:
    sampler = LossSecondMoment(3, history_per_term=2, uniform_prob=0.1)
    feed(sampler, [(0, 3.0), (0, 4.0), (1, 1.0), (1, 1.0), (2, 0.0), (2, 2.0)])
    rms = np.sqrt(np.array([12.5, 1.0, 2.0]))
    np.testing.assert_allclose(probabilities(sampler), 0.9 * rms / rms.sum() + 0.1 / 3, rtol=1e-12)


def test_the_distribution_is_uniform_until_every_step_has_a_full_history() -> None:
    sampler = LossSecondMoment(3, history_per_term=2)
    uniform = np.full(3, 1 / 3)
    np.testing.assert_allclose(probabilities(sampler), uniform)
    feed(sampler, [(0, 5.0)] * 50 + [(1, 1.0)] * 50)
    np.testing.assert_allclose(probabilities(sampler), uniform)
    feed(sampler, [(2, 1.0)])
    np.testing.assert_allclose(probabilities(sampler), uniform)
    feed(sampler, [(2, 1.0)])
    assert probabilities(sampler)[0] > 0.7


batches = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 10.0, width=32)), min_size=1, max_size=20), max_size=8
)


@given(batches=batches, history=st.integers(1, 4), uniform_prob=st.sampled_from([0.001, 0.1, 1.0]))
def test_histories_are_first_in_first_out_however_often_a_step_occurs_in_a_batch(
    batches: list[Batch], history: int, uniform_prob: float
) -> None:
    sampler = LossSecondMoment(4, history_per_term=history, uniform_prob=uniform_prob)
    for batch in batches:
        feed(sampler, batch)
    kept = in_deques(4, history, batches)
    np.testing.assert_allclose(probabilities(sampler), expected(kept, history, uniform_prob), rtol=1e-9, atol=1e-300)


@given(batches=batches)
def test_cutting_the_batches_differently_changes_nothing(batches: list[Batch]) -> None:
    whole, single = LossSecondMoment(4, history_per_term=3), LossSecondMoment(4, history_per_term=3)
    for batch in batches:
        feed(whole, batch)
        for entry in batch:
            feed(single, [entry])
    assert torch.equal(whole.weights(), single.weights())


@given(before=batches, after=batches)
def test_a_restored_state_continues_exactly(before: list[Batch], after: list[Batch]) -> None:
    sampler, resumed = LossSecondMoment(4, history_per_term=2), LossSecondMoment(4, history_per_term=2)
    for batch in before:
        feed(sampler, batch)
    resumed.load_state(sampler.state())
    for batch in after:
        feed(sampler, batch)
        feed(resumed, batch)
    assert torch.equal(sampler.weights(), resumed.weights())
    for name, value in sampler.state().items():
        assert torch.equal(value, resumed.state()[name])


def test_a_saved_state_does_not_follow_later_losses() -> None:
    sampler = LossSecondMoment(2, history_per_term=1)
    saved = sampler.state()
    copies = {name: value.clone() for name, value in saved.items()}
    feed(sampler, [(0, 1.0), (1, 5.0)])
    assert all(torch.equal(saved[name], copies[name]) for name in copies)


def test_losses_that_are_all_zero_leave_the_distribution_uniform() -> None:
    sampler = LossSecondMoment(4, history_per_term=1)
    feed(sampler, [(t, 0.0) for t in range(4)])
    np.testing.assert_allclose(probabilities(sampler), np.full(4, 0.25))


def test_a_step_without_loss_keeps_its_uniform_share() -> None:
    sampler = LossSecondMoment(4, history_per_term=1, uniform_prob=0.02)
    feed(sampler, [(0, 0.0), (1, 1.0), (2, 1.0), (3, 2.0)])
    np.testing.assert_allclose(probabilities(sampler)[0], 0.02 / 4, rtol=1e-12)


def test_losses_may_carry_gradients_and_reduced_precision() -> None:
    sampler = LossSecondMoment(2, history_per_term=1)
    loss = torch.tensor([3.0, 1.0], dtype=torch.bfloat16, requires_grad=True)
    sampler.update_with_losses(torch.tensor([0, 1]), loss)
    np.testing.assert_allclose(probabilities(sampler), 0.999 * np.array([0.75, 0.25]) + 0.0005, rtol=1e-12)
    assert not sampler.weights().requires_grad


@pytest.mark.parametrize("options", [{"history_per_term": 0}, {"uniform_prob": 0.0}, {"uniform_prob": 1.5}])
def test_histories_of_no_loss_and_shares_outside_of_0_to_1_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="history_per_term"):
        LossSecondMoment(4, **options)  # pyright: ignore[reportArgumentType]
