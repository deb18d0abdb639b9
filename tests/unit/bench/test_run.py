"""The order of a benchmark, and what is kept of one that is cut off."""

import json
from functools import partial

import pytest
import torch

from idm.bench.numerics import check_numerics
from idm.bench.ours import OUR_FLOAT32, OURS
from idm.bench.results import RESULTS
from idm.bench.run import Bench, measure_machine
from idm.bench.sizes import MEDIUM, SMALL, TINY, our_unet
from idm.bench.table import Row, Scope, Table
from idm.bench.workloads import WORKLOADS
from idm.core.errors import NumericalError


def table(title, call=lambda: None):
    return lambda: Table("made up", title, {"a": Row(lambda: None), "b": Row(call)})


def bench(**options):
    return Bench(lambda what: None, rounds=2, **options)


def use(monkeypatch, *plans):
    monkeypatch.setattr("idm.bench.run.WORKLOADS", type(WORKLOADS)("workload", {"made up": lambda scope: list(plans)}))


def test_tables_are_measured_in_turn_and_kept(tmp_path, monkeypatch):
    use(monkeypatch, table("first"), table("second"))
    found = measure_machine(bench(command="idm bench"), tmp_path, ["made up"], [TINY])
    kept = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
    assert [one["title"] for one in kept["tables"]] == ["first", "second"]
    assert (kept["command"], kept["rounds"]) == ("idm bench", 2)
    assert kept == json.loads(json.dumps(found.to_plain()))


def test_what_was_measured_before_an_interruption_is_kept(tmp_path, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    use(monkeypatch, table("first"), table("second", interrupt))
    with pytest.raises(KeyboardInterrupt):
        measure_machine(bench(), tmp_path, ["made up"], [TINY])
    kept = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
    assert [one["title"] for one in kept["tables"]] == ["first"]


def test_wrong_results_get_no_speed(tmp_path):
    def build(config):
        network = our_unet(config)
        network.register_forward_hook(
            lambda module, inputs, output: output.bfloat16().float() if output.dtype == torch.float32 else output
        )
        return network

    with pytest.raises(NumericalError):
        measure_machine(bench(check=partial(check_numerics, build=build)), tmp_path, ["memory"], [TINY])
    assert not list(tmp_path.iterdir())


def test_every_workload_plans_tables_for_the_sizes_it_knows():
    def number(name, *sizes):
        return len(WORKLOADS.build(name, {}, scope=Scope(sizes, [OUR_FLOAT32])))

    assert {name: number(name, TINY, SMALL, MEDIUM) for name in WORKLOADS} == {
        "forward": 3,
        "training": 4,
        "memory": 3,
        "sampling": 6,
    }
    assert [number(name, MEDIUM) for name in ("forward", "training", "sampling")] == [1, 1, 2]


@pytest.mark.parametrize("name", ["forward", "training", "sampling"])
def test_tables_of_networks_can_be_run_and_count_operations(name):
    for plan in WORKLOADS.build(name, {}, scope=Scope([TINY], [OUR_FLOAT32])):
        built = plan()
        for row in built.rows.values():
            assert row.flops > 0
        if "128" not in built.title:
            next(iter(built.rows.values())).call()


def test_memory_is_measured_of_the_rows_that_are_timed():
    (plan,) = WORKLOADS.build("memory", {}, scope=Scope([TINY], OURS))
    table = plan()
    assert list(table.rows) == list(table.memory)
    assert len(table.rows) == 6
