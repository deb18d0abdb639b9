"""Peak memory against sizes known beforehand."""

import json

import pytest
import torch
from torch import nn

from idm.bench.entrants import DIFFUSERS, OUR_BFLOAT16, OUR_FLOAT32
from idm.bench.memory import peak_memory, step_memory
from idm.bench.run import PLOT, RESULTS, Bench
from idm.bench.sizes import MEDIUM, SMALL, TINY, our_unet
from idm.bench.table import Row, Scope, Table
from idm.bench.workloads import WORKLOADS
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


def test_each_level_checkpointed_saves_memory_of_a_training_step_down_to_what_weights_take():
    weights = 4 * num_parameters(our_unet(TINY))

    def found(levels):
        return step_memory(lambda: OUR_FLOAT32.checkpointed(levels).training_step(TINY, 8), CPU)

    none, one, both = (found(levels) for levels in range(3))
    assert none > 1.05 * one > 1.2 * both
    assert both > 5 * weights  # they, their average, gradients and two moments


def test_tables_have_a_row_for_no_one_and_all_levels_and_the_peer_with_the_same_network(tmp_path):
    scope = Scope([TINY, SMALL, MEDIUM], [DIFFUSERS, OUR_FLOAT32], tmp_path)
    plans = WORKLOADS.build("memory", {}, scope=scope)
    names = ["idm float32", "idm float32, 1 level checkpointed", "idm float32, all levels", "diffusers float32"]
    assert len(plans) == 3
    medium = plans[-1]()
    assert list(medium.memory) == names
    assert not medium.rows  # it is not timed


def test_rows_that_are_timed_are_the_ones_that_are_measured(tmp_path):
    (plan,) = WORKLOADS.build("memory", {}, scope=Scope([TINY], [OUR_FLOAT32, OUR_BFLOAT16], tmp_path))
    table = plan()
    assert list(table.rows) == list(table.memory)
    assert len(table.rows) == 6


def test_memory_is_shown_and_kept_with_and_without_times(tmp_path, monkeypatch):
    def nothing():
        pass

    timed = Table("made up", "timed", {"a": Row(nothing), "b": Row(nothing)}, memory={"b": lambda: 5 * 2**19})
    untimed = Table("made up", "untimed", {}, memory={"c": lambda: 3 * 2**30})
    plans = [lambda: timed, lambda: untimed]
    workloads = type(WORKLOADS)("workload", {"made up": lambda scope: plans})
    monkeypatch.setattr("idm.bench.run.WORKLOADS", workloads)
    shown = []
    Bench(tmp_path, shown.append, rounds=2, entrants=[]).run(["made up"], [TINY])
    kept = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))["tables"]
    assert [one["peak_bytes"] for one in kept] == [{"b": 5 * 2**19}, {"c": 3 * 2**30}]
    assert [len(one["rows"]) for one in kept] == [2, 0]
    assert (tmp_path / PLOT).is_file()
    tables = [one for one in shown if getattr(one, "columns", None)]
    assert [cells(table)["peak MiB"] for table in tables] == [["", "2.5"], ["3,072.0"]]


def cells(table):
    return {str(column.header): list(column.cells) for column in table.columns}


def test_without_times_there_is_no_picture(tmp_path, monkeypatch):
    untimed = Table("made up", "untimed", {}, memory={"c": lambda: 1})
    workloads = type(WORKLOADS)("workload", {"made up": lambda scope: [lambda: untimed]})
    monkeypatch.setattr("idm.bench.run.WORKLOADS", workloads)
    Bench(tmp_path, lambda what: None, rounds=2, entrants=[]).run(["made up"], [TINY])
    assert not (tmp_path / PLOT).exists()
