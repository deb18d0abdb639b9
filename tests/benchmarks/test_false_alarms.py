"""Rows of a measurement of false alarms that are stored are gone on from by the same metrics alone."""

import json
from dataclasses import replace
from pathlib import Path

from false_alarms import asked_of, comparisons, kept
from idm.metrics import SlicedWasserstein


def test_rows_of_other_metrics_are_not_gone_on_from(tmp_path: Path) -> None:
    metrics, place, rows = comparisons(("sliced_wasserstein",)), tmp_path / "rows.json", [{"real data": ["kid"]}]
    asked = asked_of("pca", metrics)
    assert kept(place, asked) == []
    place.write_text(json.dumps({"asked": asked, "rows": rows}))
    assert kept(place, asked) == rows
    other = {"sliced_wasserstein": replace(SlicedWasserstein(), drawings=99)}
    assert kept(place, asked_of("pca", other)) == kept(place, asked_of("values", metrics)) == []
    place.write_text(json.dumps(rows))  # without a word of what they are
    assert kept(place, asked) == []
