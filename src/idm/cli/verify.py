"""``idm verify``: whether the checkpoints of a run are whole."""

from typing import TYPE_CHECKING

from idm.cli.options import Json, RunArgument, TrustCode
from idm.cli.output import Output

if TYPE_CHECKING:
    from idm.training import Verdict

HEADINGS = ("checkpoint", "files", "tensors", "size", "state")


def verify(run_folder: RunArgument, trust_code: TrustCode = False, as_json: Json = False) -> None:
    """Check every checkpoint of a run, its averages and fits: files against their hashes, tensors, settings, metrics.

    The newest is opened, too, as other verbs would open it. Exits with 4 if anything is wrong.
    """
    from idm.tasks import verify as verify_files

    output, found = Output(as_json=as_json), verify_files(run_folder, trust_code=trust_code)
    output.table([HEADINGS, *map(_row, found.verdicts)])
    for verdict in found.verdicts:
        for problem in verdict.problems:
            output.line(f"{verdict.name}: {problem}")
    for problem in found.damaged_fits.values():
        output.line(problem)
    output.finish(**found.to_plain())
    found.require_intact()


def _row(verdict: "Verdict") -> tuple[str, ...]:
    state = "damaged" if verdict.problems else "intact"
    numbers = (f"{verdict.num_files:,}", f"{verdict.num_tensors:,}", f"{verdict.size / 2**20:,.1f} MiB")
    return (verdict.name, *numbers, state)
