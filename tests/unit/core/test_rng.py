"""Stateless random numbers: the bits against SplitMix64 in plain Python, the numbers against their distributions."""

import math
import zlib
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from idm.core.errors import SettingsError
from idm.core.rng import Rng, derive_seed

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15
seeds = st.integers(-(2**63), 2**63 - 1)


def mix(z: int) -> int:
    z &= MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def splitmix64(state: int) -> Iterator[int]:
    """The sequential generator of Steele, Lea & Flood 2014."""
    while True:
        state = (state + GAMMA) & MASK
        yield mix(state)


def key(seed: int, purpose: str, step: int) -> int:
    return mix(mix(seed + GAMMA) ^ mix(mix(zlib.crc32(purpose.encode()) + GAMMA) + step * GAMMA))


def test_the_plain_python_generator_gives_the_published_values_of_seed_1234567() -> None:
    assert list(islice(splitmix64(1234567), 5)) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@given(seed=seeds, purpose=st.text(max_size=8), step=st.integers(0, 2**40), count=st.integers(1, 40))
def test_the_bits_of_a_sample_are_a_splitmix64_stream(seed: int, purpose: str, step: int, count: int) -> None:
    ours = Rng.from_seed([seed], 1).bits(purpose, step, count)
    assert [word & MASK for word in ours[0].tolist()] == list(islice(splitmix64(key(seed, purpose, step)), count))


def test_words_that_are_too_many_at_once_are_the_same_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idm.core.rng.WORDS_AT_ONCE", 3)
    ours = Rng.from_seed([5, 9], 2).bits("split", 4, 8)
    for words, seed in zip(ours.tolist(), (5, 9), strict=True):
        assert [word & MASK for word in words] == list(islice(splitmix64(key(seed, "split", 4)), 8))


@given(seed=seeds, purpose=st.text(max_size=8), step=st.integers(0, 2**40))
def test_a_derived_seed_is_63_bits_of_the_same_key(seed: int, purpose: str, step: int) -> None:
    assert derive_seed(seed, purpose, step) == key(seed, purpose, step) >> 1
    assert 0 <= derive_seed(seed, purpose, step) < 2**63


def test_derived_seeds_differ_by_seed_purpose_and_step() -> None:
    derived = {derive_seed(seed, purpose, step) for seed in range(20) for purpose in "abc" for step in range(20)}
    assert len(derived) == 20 * 3 * 20


@given(seed=st.integers(-(2**70), 2**70), batch=st.integers(1, 5))
def test_one_integer_seeds_consecutive_samples_modulo_2_64(seed: int, batch: int) -> None:
    assert [int(s) & MASK for s in Rng.from_seed(seed, batch).seeds] == [(seed + i) & MASK for i in range(batch)]


@given(chosen=st.lists(seeds, min_size=1, max_size=6), step=st.integers(0, 1000))
def test_a_draw_depends_on_its_own_seed_alone(chosen: list[int], step: int) -> None:
    together = Rng.from_seed(chosen, len(chosen)).normal("x", step, (3, 2))
    for i, seed in enumerate(chosen):
        assert torch.equal(Rng.from_seed([seed], 1).normal("x", step, (3, 2)), together[i : i + 1])


def test_a_draw_does_not_depend_on_what_was_drawn_before_nor_on_the_global_generator() -> None:
    rng = Rng.from_seed(3, 2)
    first = rng.normal("x", 4, (5,))
    rng.normal("y", 0, (1000,))
    rng.uniform("x", 4, 7)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert torch.equal(rng.normal("x", 4, (5,)), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_purposes_steps_and_seeds_have_streams_of_their_own() -> None:
    rng = Rng.from_seed(0, 20)
    drawn = torch.cat([rng.bits(purpose, step, 50) for purpose in ("x_T", "step") for step in range(20)])
    assert drawn.unique().numel() == drawn.numel()


def test_uniform_numbers_are_the_upper_53_bits_of_the_words() -> None:
    rng = Rng.from_seed(11, 3)
    expected = [[(word & MASK) >> 11 for word in row] for row in rng.bits("t", 2, 9).tolist()]
    assert (rng.uniform("t", 2, 9) * 2.0**53).to(torch.int64).tolist() == expected


def test_uniform_numbers_are_uniform_in_the_half_open_unit_interval() -> None:
    drawn = Rng.from_seed(0, 64).uniform("t", 0, 2048).flatten().numpy()
    assert drawn.dtype == np.float64
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_numbers_are_standard_normal(dtype: torch.dtype) -> None:
    drawn = Rng.from_seed(0, 64).normal("x", 0, (2048,), dtype)
    assert drawn.dtype == dtype
    values = drawn.double().flatten().numpy()
    assert stats.kstest(values, "norm").pvalue > 1e-3
    # Five standard errors of the first four moments, over n = 131,072 numbers.
    for power, (moment, variance) in {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}.items():
        assert abs((values**power).mean() - moment) < 5.0 * math.sqrt(variance / values.size)
    assert np.abs(values).max() < 6.8


def test_normal_numbers_are_box_muller_of_the_halves_of_the_words() -> None:
    rng, count = Rng.from_seed(5, 1), 6
    words = [word & MASK for word in rng.bits("x", 1, count // 2)[0].tolist()]
    radius = [math.sqrt(-2.0 * math.log(((word >> 32) + 0.5) / 2**32)) for word in words]
    angle = [2.0 * math.pi * (word & 0xFFFFFFFF) / 2**32 for word in words]
    pairs = [*zip(radius, angle, strict=True)]
    expected = [r * math.cos(a) for r, a in pairs] + [r * math.sin(a) for r, a in pairs]
    np.testing.assert_allclose(rng.normal("x", 1, (count,), torch.float64)[0].numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("shift", ["element", "seed", "step", "purpose", "half"])
def test_neighbouring_normal_numbers_are_uncorrelated(shift: str) -> None:
    rng, count = Rng.from_seed(0, 64), 1024
    here = rng.normal("x", 7, (count,), torch.float64)
    there = {
        "element": here.roll(1, dims=1),
        "seed": here.roll(1, dims=0),
        "step": rng.normal("x", 8, (count,), torch.float64),
        "purpose": rng.normal("y", 7, (count,), torch.float64),
        "half": here.roll(count // 2, dims=1),  # sine and cosine of one word
    }[shift]
    for power in (1, 2):
        pair = np.corrcoef((here**power).flatten().numpy(), (there**power).flatten().numpy())
        assert abs(pair[0, 1]) < 5.0 / math.sqrt(here.numel())


def test_float32_draws_are_the_float64_ones_in_lower_precision() -> None:
    rng = Rng.from_seed(0, 32)
    narrow, wide = (rng.normal("x", 0, (1001,), dtype) for dtype in (torch.float32, torch.float64))
    torch.testing.assert_close(narrow.double(), wide, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_draws_are_rounded_float32_ones(dtype: torch.dtype) -> None:
    rng = Rng.from_seed(0, 2)
    assert torch.equal(rng.normal("x", 0, (3, 5), dtype), rng.normal("x", 0, (3, 5)).to(dtype))


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3, 3), (1, 1, 1, 1)])
def test_any_shape_odd_or_even_is_filled_with_finite_numbers(shape: tuple[int, ...]) -> None:
    drawn = Rng.from_seed(0, 4).normal("x", 0, shape)
    assert drawn.shape == (4, *shape)
    assert bool(torch.isfinite(drawn).all())
    assert drawn.unique().numel() == drawn.numel()


def test_truth_values_are_no_seeds() -> None:
    with pytest.raises(SettingsError, match="seed: a whole number wanted"):
        Rng.from_seed(torch.tensor([True, False]), 2)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_as_many_seeds_as_samples_are_wanted(number: int) -> None:
    with pytest.raises(SettingsError, match="seed: one integer or 2 of them wanted"):
        Rng.from_seed(list(range(number)), 2)
