"""Drawing ahead changes no number."""

import pytest
import torch

from idm.core.rng import Rng
from idm.samplers.noise import LARGEST_BLOCK_NUMBERS, MOST_STEPS, StepNoise


@pytest.mark.parametrize("shape", [(2,), (3,), (1, 8, 8), (LARGEST_BLOCK_NUMBERS // 3,), (LARGEST_BLOCK_NUMBERS,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_drawn_ahead_is_the_noise_of_each_step(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    rng = Rng.from_seed([5, 900], 2)
    noise = StepNoise(rng)
    for step in (*range(5, -1, -1), 3, 70):
        assert torch.equal(noise.normal("step", step, shape, dtype), rng.normal("step", step, shape, dtype))


def test_purposes_and_shapes_are_kept_apart() -> None:
    rng = Rng.from_seed(0, 2)
    noise = StepNoise(rng)
    noise.normal("step", 9, (4,))
    assert torch.equal(noise.normal("other", 9, (4,)), rng.normal("other", 9, (4,)))
    assert torch.equal(noise.normal("step", 9, (5,)), rng.normal("step", 9, (5,)))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each draw was for."""
    calls: list[int] = []
    normals = Rng.normals

    def counted(self, purpose, steps, *rest):
        calls.append(len(steps))
        return normals(self, purpose, steps, *rest)

    monkeypatch.setattr(Rng, "normals", counted)
    return calls


def test_small_batches_draw_once_for_many_steps(calls: list[int]) -> None:
    noise = StepNoise(Rng.from_seed(0, 1))
    for step in range(2 * MOST_STEPS - 1, -1, -1):
        noise.normal("step", step, (2,))
    assert calls == [MOST_STEPS, MOST_STEPS]


def test_two_draws_in_each_step_draw_nothing_twice(calls: list[int]) -> None:
    noise = StepNoise(Rng.from_seed(0, 1))
    for step in range(99, -1, -1):
        noise.normal("step", step, (2,))
        noise.normal("churn", step, (2,))
    assert sum(calls) == 200
