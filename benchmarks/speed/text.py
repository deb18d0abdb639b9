"""What people read of goals."""

from collections.abc import Sequence

from rich.text import Text

from idm.bench.text import Show
from speed.judging import Judged, Verdict


def show_verdicts(show: Show, judged: Judged) -> None:
    """Say what became of the goals of a table."""
    for verdict in judged.verdicts:
        show(Text("  ").append(_in_words(verdict)))


def show_summary(show: Show, tables: Sequence[Judged]) -> None:
    """Count the goals, and name those that were missed."""
    verdicts = [(judged.outcome.title, verdict) for judged in tables for verdict in judged.verdicts]
    if not verdicts:
        return
    show("")
    show(f"{sum(verdict.reached for _, verdict in verdicts)} of {len(verdicts)} goals reached")
    for title, verdict in verdicts:
        if not verdict.reached:
            show(Text(f"  {title}: ").append(_in_words(verdict)))


def _in_words(verdict: Verdict) -> Text:
    mark, style = ("reached", "green") if verdict.reached else ("missed", "red")
    spread = f"quartiles {verdict.low:.2f} to {verdict.high:.2f}"
    return Text.assemble(
        ("goal ", "dim"), (mark, style), f": {verdict.row}, {verdict.wanted}: {verdict.value:.2f} ({spread})"
    )
