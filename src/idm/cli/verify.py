"""``idm verify``: whether the checkpoints of a run are whole."""

from typing import TYPE_CHECKING, Any

from idm.cli.options import Json, RunArgument
from idm.cli.output import Output

if TYPE_CHECKING:
    from idm.training import Verdict

HEADINGS = ("checkpoint", "files", "tensors", "size", "state")


def verify(run: RunArgument, as_json: Json = False) -> None:
    """Check every checkpoint of a run: files against their hashes, tensors, settings, metrics.

    Exits with 4 if anything is wrong.
    """
    from idm.core.errors import CheckpointError
    from idm.training import verify_run

    output, verdicts = Output(as_json=as_json), verify_run(run)
    rows = [HEADINGS, *(_row(verdict) for verdict in verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        output.line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    broken = [verdict for verdict in verdicts if verdict.problems]
    for verdict in broken:
        for problem in verdict.problems:
            output.line(f"{verdict.path.name}: {problem}")
    output.finish(run=run, intact=not broken, checkpoints=[_plain(verdict) for verdict in verdicts])
    if broken:
        rest = "the newest intact one is used" if len(broken) < len(verdicts) else "none is intact"
        raise CheckpointError(f"run {run}: {len(broken)} of {len(verdicts)} checkpoints damaged; {rest}")


def _row(verdict: "Verdict") -> tuple[str, ...]:
    state = "damaged" if verdict.problems else "intact"
    numbers = (f"{verdict.num_files:,}", f"{verdict.num_tensors:,}", f"{verdict.size / 2**20:,.1f} MiB")
    return (verdict.path.name, *numbers, state)


def _plain(verdict: "Verdict") -> dict[str, Any]:
    return {
        "path": verdict.path,
        "step": verdict.step,
        "files": verdict.num_files,
        "tensors": verdict.num_tensors,
        "bytes": verdict.size,
        "problems": list(verdict.problems),
    }
