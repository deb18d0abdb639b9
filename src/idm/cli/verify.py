"""``idm verify``: whether the checkpoints of a run are whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from idm.cli.options import Json, RunArgument, TrustCode
from idm.cli.output import Output
from idm.core.errors import CheckpointError

if TYPE_CHECKING:
    from idm.training import Verdict

HEADINGS = ("checkpoint", "files", "tensors", "size", "state")


def verify(run: RunArgument, trust_code: TrustCode = False, as_json: Json = False) -> None:
    """Check every checkpoint of a run and its stored averages: files against their hashes, tensors, settings, metrics.

    The newest is opened, too, as other verbs would open it. Exits with 4 if anything is wrong.
    """
    from idm.training import verify_run

    output, verdicts = Output(as_json=as_json), verify_run(run)
    rows = [HEADINGS, *(_row(verdict) for verdict in verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        output.line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    broken = [verdict for verdict in verdicts if verdict.problems]
    for verdict in broken:
        for problem in verdict.problems:
            output.line(f"{verdict.name}: {problem}")
    checkpoints, averages = ([v for v in verdicts if v.of_averages == of_averages] for of_averages in (False, True))
    plain = {"checkpoints": list(map(_plain, checkpoints)), "averages": list(map(_plain, averages))}
    refused = _refusal(run, trust_code=trust_code) if any(not verdict.problems for verdict in checkpoints) else None
    output.finish(run=run, intact=not broken and refused is None, **plain)
    if broken:
        words = [
            _damaged("checkpoints", checkpoints, "the newest intact one is used"),
            _damaged("stored averages", averages, "idm ema does without them"),
        ]
        raise CheckpointError(f"run {run}: {'; '.join(filter(None, words))}")
    if refused is not None:
        raise refused


def _refusal(run: Path, *, trust_code: bool) -> CheckpointError | None:
    """Open a run, and return what stands against it: files may be as they were written, and say what does not fit."""
    from idm.run import load

    try:
        load(run, device="cpu", trust_code=trust_code)
    except CheckpointError as error:
        return error
    return None


def _damaged(what: str, verdicts: "list[Verdict]", rest: str) -> str:
    """Say how many are damaged, and what becomes of the rest; nothing if none is."""
    count = sum(bool(verdict.problems) for verdict in verdicts)
    left = rest if count < len(verdicts) else "none is intact"
    return f"{count} of {len(verdicts)} {what} damaged; {left}" if count else ""


def _row(verdict: "Verdict") -> tuple[str, ...]:
    state = "damaged" if verdict.problems else "intact"
    numbers = (f"{verdict.num_files:,}", f"{verdict.num_tensors:,}", f"{verdict.size / 2**20:,.1f} MiB")
    return (verdict.name, *numbers, state)


def _plain(verdict: "Verdict") -> dict[str, Any]:
    return {
        "path": verdict.path,
        "step": verdict.step,
        "files": verdict.num_files,
        "tensors": verdict.num_tensors,
        "bytes": verdict.size,
        "problems": list(verdict.problems),
    }
