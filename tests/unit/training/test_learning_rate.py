"""The learning rate follows its formulas."""

import math

import pytest

from idm.training import TrainingSettings
from idm.training.learning_rate import learning_rate


def settings(**changes):
    return TrainingSettings(**{"num_steps": 110, "warmup_steps": 10, "learning_rate": 2.0} | changes)


def test_the_warm_up_is_linear_and_ends_at_the_peak():
    rates = [learning_rate(settings(), step) for step in range(10)]
    assert rates == pytest.approx([0.2 * (i + 1) for i in range(10)])


@pytest.mark.parametrize(
    ("decay", "share"),
    [
        ("constant", lambda u: 1.0),
        ("linear", lambda u: 1.0 - u),
        ("cosine", lambda u: math.cos(math.pi * u / 2) ** 2),
    ],
)
def test_decays(decay, share):
    for step in (10, 35, 60, 109):
        expected = 2.0 * share((step - 10) / 100)
        assert learning_rate(settings(decay=decay), step) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
def test_rates_are_positive_at_every_step(decay):
    assert all(learning_rate(settings(decay=decay), step) > 0 for step in range(110))


def test_without_a_warm_up_training_starts_at_the_peak():
    assert learning_rate(settings(warmup_steps=0, decay="cosine"), 0) == 2.0


def test_a_warm_up_longer_than_training():
    assert learning_rate(settings(num_steps=5), 4) == pytest.approx(1.0)


def test_beyond_the_last_step_nothing_grows_back():
    assert learning_rate(settings(decay="cosine"), 500) == pytest.approx(0.0, abs=1e-12)
