"""The order of a comparison, what is kept of it, and the goals that it knows."""

import json

from torch import nn

from idm.bench.ours import OUR_FLOAT32, OURS, Ours
from idm.bench.results import RESULTS
from idm.bench.run import Bench
from idm.bench.sizes import MEDIUM, SMALL, TINY
from idm.bench.table import Row, Scope, Table
from idm.core.registry import Registry
from speed.goals import GOALS
from speed.peers import DIFFUSERS, PEERS
from speed.run import PLOT, compare
from speed.workloads import WORKLOADS


def compared(out, *plans, show=lambda what: None):
    """Measure made-up tables without peers, and return what is kept."""
    workloads = Registry("workload", {"made up": lambda: list(plans)})
    bench = Bench(show, rounds=2, command="compare.py")
    compare(bench, out, ["made up"], [TINY], peers=[], workloads=workloads)
    return json.loads((out / RESULTS).read_text(encoding="utf-8"))


def plans_of(name, scope, folder, peers=()):
    return WORKLOADS.build(name, {}, scope=scope, folder=folder, peers=peers)


def nothing():
    pass


def test_tables_are_measured_in_turn_and_kept_with_a_picture(tmp_path):
    def table(title):
        return Table("made up", title, {"a": Row(nothing), "b": Row(nothing)})

    kept = compared(tmp_path, lambda: table("first"), lambda: table("second"))
    assert [one["title"] for one in kept["tables"]] == ["first", "second"]
    assert (kept["command"], kept["rounds"], kept["missing"]) == ("compare.py", 2, [])
    assert (tmp_path / PLOT).is_file()


def test_goals_are_judged_by_the_title_of_the_table(tmp_path):
    (title, goals) = "step of AdamW, tensors of small", GOALS["step of AdamW, tensors of small"]
    rows = {name: Row(nothing) for goal in goals for name in (goal.base, goal.row)}
    (table,) = compared(tmp_path, lambda: Table("updates", title, rows))["tables"]
    assert [goal["wanted"] for goal in table["goals"]] == ["at least 1.70x loop over tensors"]


def test_memory_is_shown_and_kept_with_and_without_times(tmp_path):
    timed = Table("made up", "timed", {"a": Row(nothing), "b": Row(nothing)}, memory={"b": lambda: 5 * 2**19})
    untimed = Table("made up", "untimed", {}, memory={"c": lambda: 3 * 2**30})
    shown = []
    kept = compared(tmp_path, lambda: timed, lambda: untimed, show=shown.append)["tables"]
    assert [one["peak_bytes"] for one in kept] == [{"b": 5 * 2**19}, {"c": 3 * 2**30}]
    assert [len(one["rows"]) for one in kept] == [2, 0]
    assert (tmp_path / PLOT).is_file()
    tables = [one for one in shown if getattr(one, "columns", None)]
    assert [cells(table)["peak MiB"] for table in tables] == [["", "2.5"], ["3,072.0"]]


def cells(table):
    return {str(column.header): list(column.cells) for column in table.columns}


def test_without_times_there_is_no_picture(tmp_path):
    compared(tmp_path, lambda: Table("made up", "untimed", {}, memory={"c": lambda: 1}))
    assert not (tmp_path / PLOT).exists()


def test_every_workload_plans_tables_for_the_sizes_it_knows(tmp_path):
    def number(name, *sizes):
        return len(plans_of(name, Scope(sizes, [OUR_FLOAT32]), tmp_path))

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
    assert number("likelihood", MEDIUM) == 0


def test_every_goal_is_of_rows_of_a_table_that_is_measured(tmp_path, monkeypatch):
    """Networks of one layer stand for ours, and names for peers: nothing is trained or called."""
    monkeypatch.setattr("idm.bench.ours.our_unet", lambda config, **options: nn.Linear(1, 1))
    monkeypatch.setattr(Ours, "forward_flops", lambda self, config: 1)
    monkeypatch.setattr("speed.workloads.start.train", lambda experiment, out, **options: out.mkdir(parents=True))
    monkeypatch.setattr("speed.workloads.start.plain_script", lambda run: "")
    names = [name for name in WORKLOADS if name not in ("memory", "reading")]
    tables = [plan() for name in names for plan in plans_of(name, Scope([TINY, SMALL], OURS), tmp_path)]
    rows = {table.title: {*table.rows, *(peer.name for peer in PEERS)} for table in tables}
    assert GOALS.keys() <= rows.keys()
    for title, goals in GOALS.items():
        for goal in goals:
            assert goal.rows <= rows[title], title


def test_tables_of_bound_terms_can_be_run_and_count_operations(tmp_path):
    for plan in plans_of("likelihood", Scope([TINY], [OUR_FLOAT32]), tmp_path):
        built = plan()
        for row in built.rows.values():
            assert row.flops > 0
        next(iter(built.rows.values())).call()


def test_folders_of_images_are_read_whole(tmp_path):
    for plan in plans_of("reading", Scope([], []), tmp_path):
        rows = plan().rows
        assert [rows[name].call() for name in ("DataLoader", "idm")] == [512, 512]


def test_tables_of_memory_have_a_row_for_no_one_and_all_stages_and_the_peer_with_the_same_network(tmp_path):
    scope = Scope([TINY, SMALL, MEDIUM], [DIFFUSERS, OUR_FLOAT32])
    plans = plans_of("memory", scope, tmp_path, peers=[DIFFUSERS])
    names = ["idm float32", "idm float32, 1 stage checkpointed", "idm float32, all stages", "diffusers float32"]
    assert len(plans) == 3
    medium = plans[-1]()
    assert list(medium.memory) == names
    assert not medium.rows  # it is not timed
