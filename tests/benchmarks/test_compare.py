"""The script ``benchmarks/compare.py``, on little work."""

import json

import pytest

from compare import main
from idm.bench import harness
from idm.bench.sizes import SIZES
from speed.workloads import WORKLOADS


def test_a_small_comparison_prints_tables_and_writes_results(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(harness, "SHORTEST_SECONDS", 0.001)  # the figures are not what is tested
    monkeypatch.setattr(harness, "TRIES", 1)
    main(["--only", "updates", "--sizes", "tiny", "--rounds", "2", "--out", str(tmp_path)])
    shown = capsys.readouterr().out
    for words in (
        "processor",
        "Numerics",
        "against the reference",
        "step of AdamW, tensors of tiny",
        "loop over tensors",
        str(tmp_path),
    ):
        assert words in shown
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(kept["tables"]) == 3
    assert all(len(row["times"]) == 2 for table in kept["tables"] for row in table["rows"])
    assert (tmp_path / "speed.png").is_file()


@pytest.mark.parametrize(
    ("option", "value", "choice"),
    [("--only", "forwards", "'forward'"), ("--sizes", "huge", "'tiny', 'small', 'medium'"), ("--rounds", "1", "2")],
)
def test_wrong_values_are_refused_with_the_choices(tmp_path, capsys, option, value, choice):
    with pytest.raises(SystemExit) as stop:
        main([option, value, "--out", str(tmp_path / "none")])
    assert stop.value.code == 2
    shown = capsys.readouterr().err
    assert value in shown
    assert choice in shown
    assert not (tmp_path / "none").exists()


def test_help_names_every_workload_and_size(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    words = capsys.readouterr().out
    assert all(name in words for name in (*WORKLOADS, *SIZES))
