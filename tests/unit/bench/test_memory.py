"""Peak memory against sizes known beforehand."""

import pytest
import torch
from torch import nn

from idm.bench.memory import peak_memory, step_memory
from idm.bench.ours import OUR_FLOAT32
from idm.bench.sizes import TINY, our_unet
from idm.networks import num_parameters

CPU = torch.device("cpu")
N = 64
MATRIX = 4 * N * N
"""Bytes of a float32 matrix of N x N."""


def peak(call):
    """Peak in matrices."""
    return peak_memory(call, CPU) / MATRIX


def matrix():
    return torch.ones(N, N)


def test_a_chain_of_products_holds_a_factor_the_last_result_and_the_next_at_once():
    def chain():
        factor = x = matrix()
        for _ in range(5):
            x = x @ factor

    assert peak(chain) == 3


def test_what_is_kept_counts_until_it_is_let_go():
    def kept():
        held = [matrix() for _ in range(4)]
        held.clear()
        return matrix()

    assert peak(kept) == 4
    assert peak(lambda: [matrix() for _ in range(7)]) == 7


def test_views_and_operations_in_place_take_nothing():
    def call():
        x = matrix()
        views = [x.T, x.flatten(), x[3:], x.detach(), x.expand(9, N, N)]
        x.add_(1.0).mul_(2.0)
        return views

    assert peak(call) == 1


def test_a_view_keeps_all_of_its_storage():
    def call():
        row = matrix()[0]
        return row, matrix()

    assert peak(call) == 2


def test_what_was_alive_before_counts_where_it_is_used():
    x, unused = matrix(), matrix()
    assert peak(lambda: x + x) == 2
    assert peak(lambda: torch.stack([x, unused])) == 4


def test_a_storage_counts_as_large_as_it_has_become():
    def call():
        x = matrix()
        x.resize_(3 * N, N)
        return matrix()

    assert peak(call) == 4


def test_half_precision_takes_half_and_other_devices_nothing():
    assert peak(lambda: torch.ones(N, N, dtype=torch.bfloat16)) == 0.5
    assert peak(lambda: torch.ones(N, N, device="meta")) == 0


def test_what_the_backward_pass_needs_is_alive_until_then():
    def call():
        x = matrix().requires_grad_()
        y = x
        for _ in range(6):
            y = y.exp()  # stores its result
        y.backward(matrix())

    # x, six results of which the last has a name, the gradient that comes in, held here, and two of those further back.
    assert peak(call) == 10


def test_a_training_step_holds_weights_gradients_and_two_moments():
    """One weight of N x N, one sample: activations are vectors."""

    def build():
        layer = nn.Linear(N, N, bias=False)
        optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
        x = torch.ones(1, N)

        def step():
            layer(x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    assert 4 < step_memory(build, CPU) / MATRIX < 4.2


def test_a_call_that_fails_leaves_nothing_behind():
    def fail():
        matrix()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        peak_memory(fail, CPU)
    assert peak(lambda: matrix()) == 1


def test_each_stage_checkpointed_saves_memory_of_a_training_step_down_to_what_weights_take():
    weights = 4 * num_parameters(our_unet(TINY))

    def found(stages):
        return step_memory(lambda: OUR_FLOAT32.checkpointed(stages).training_step(TINY, 8), CPU)

    none, one, both = (found(stages) for stages in range(3))
    assert none > 1.05 * one > 1.2 * both
    assert both > 5 * weights  # they, their average, gradients and two moments
