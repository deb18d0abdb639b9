"""The order of a benchmark, and what is kept of one that is cut off."""

import json

import pytest
import torch

from idm.bench.entrants import OUR_FLOAT32
from idm.bench.run import PLOT, RESULTS, Bench
from idm.bench.sizes import MEDIUM, SMALL, TINY, our_unet
from idm.bench.table import Row, Scope, Table
from idm.bench.workloads import WORKLOADS
from idm.core.errors import NumericalError


def table(title, call=lambda: None):
    return lambda: Table("made up", title, {"a": Row(lambda: None), "b": Row(call)})


def bench(out, **options):
    return Bench(out, lambda what: None, rounds=2, entrants=[OUR_FLOAT32], **options)


def use(monkeypatch, *plans):
    monkeypatch.setattr("idm.bench.run.WORKLOADS", type(WORKLOADS)("workload", {"made up": lambda scope: list(plans)}))


def test_tables_are_measured_in_turn_and_kept(tmp_path, monkeypatch):
    use(monkeypatch, table("first"), table("second"))
    found = bench(tmp_path, command="idm bench").run(["made up"], [TINY])
    kept = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
    assert [one["title"] for one in kept["tables"]] == ["first", "second"]
    assert (kept["command"], kept["rounds"]) == ("idm bench", 2)
    assert kept == json.loads(json.dumps(found.to_plain()))
    assert (tmp_path / PLOT).is_file()


def test_what_was_measured_before_an_interruption_is_kept(tmp_path, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    use(monkeypatch, table("first"), table("second", interrupt))
    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path).run(["made up"], [TINY])
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
        bench(tmp_path, build=build).run(["updates"], [TINY])
    assert not list(tmp_path.iterdir())


def test_every_workload_plans_tables_for_the_sizes_it_knows(tmp_path):
    def number(name, *sizes):
        return len(WORKLOADS.build(name, {}, scope=Scope(sizes, [OUR_FLOAT32], tmp_path)))

    assert {name: number(name, TINY, SMALL, MEDIUM) for name in WORKLOADS} == {
        "forward": 3,
        "training": 4,
        "memory": 3,
        "sampling": 6,
        "likelihood": 2,
        "updates": 6,
        "loop": 4,
        "reading": 2,
        "start": 1,
    }
    assert [number(name, MEDIUM) for name in ("forward", "training", "sampling", "likelihood")] == [1, 1, 2, 0]


@pytest.mark.parametrize("name", ["forward", "training", "sampling", "likelihood"])
def test_tables_of_networks_can_be_run_and_count_operations(tmp_path, name):
    for plan in WORKLOADS.build(name, {}, scope=Scope([TINY], [OUR_FLOAT32], tmp_path)):
        built = plan()
        for row in built.rows.values():
            assert row.flops > 0
        if "128" not in built.title:
            next(iter(built.rows.values())).call()


def test_folders_of_images_are_read_whole(tmp_path):
    for plan in WORKLOADS.build("reading", {}, scope=Scope([], [], tmp_path)):
        rows = plan().rows
        assert [rows[name].call() for name in ("DataLoader", "idm")] == [512, 512]
