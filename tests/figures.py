"""The table of docs/reliability.md: what tests with --prove found, written at the end of the run that found it."""

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
FIRST, LAST = "<!-- figures -->", "<!-- end of figures -->"
HEAD = ["| Promise | Found | Time | On |", "|---|---|---|---|"]


class Figure(NamedTuple):
    """What was found of a promise, in words or as a number of cases, and the seconds that it took."""

    promise: str
    found: str | int
    seconds: float


def combined(figures: Sequence[Figure]) -> list[Figure]:
    """One figure per promise: cases and seconds add up, words of the last one stay."""
    found: dict[str, Figure] = {}
    for figure in figures:
        before = found.get(figure.promise, figure)
        if before is not figure:
            both = isinstance(figure.found, int) and isinstance(before.found, int)
            cases = before.found + figure.found if both else figure.found  # pyright: ignore[reportOperatorIssue]
            figure = Figure(figure.promise, cases, before.seconds + figure.seconds)
        found[figure.promise] = figure
    return list(found.values())


def write(page: Path, figures: Sequence[Figure], where: str, today: date) -> None:
    """Put figures into the page; those of other promises, found in the same place on another day, stay."""
    before, rest = page.read_text(encoding="utf-8").split(FIRST)
    old, after = rest.split(LAST)
    rows = {line.split(" | ")[0]: line for line in old.splitlines() if line.startswith("| ") and line not in HEAD}
    rows = rows if where in old.splitlines() else {}
    for promise, found, seconds in combined(figures):
        text = f"{found:,}" if isinstance(found, int) else found
        rows[f"| {promise}"] = f"| {promise} | {text} | {seconds:,.0f} s | {today} |"
    lines = [FIRST, where, "", *HEAD, *(rows[key] for key in sorted(rows)), LAST]
    page.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def here() -> str:
    """Name the processor and the versions that figures belong to."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, PyTorch {version('torch')}."
