"""Whether the checkpoints of a run are whole, and open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idm.core.errors import CheckpointError
from idm.run import load
from idm.storage.fits import damaged_fits, names_in
from idm.training import Verdict, verify_run


@dataclass(frozen=True)
class Verified:
    """What was found of a run.

    Attributes:
        run_folder: its folder, or one checkpoint.
        checkpoints: what was found of each, oldest first.
        averages: what was found of those stored at each step.
        refused: why the newest intact checkpoint cannot be opened, where it cannot.
        fits: how many files there are of what was found out about checkpoints.
        damaged_fits: what is wrong with those that are damaged, by name.
    """

    run_folder: Path
    checkpoints: tuple[Verdict, ...]
    averages: tuple[Verdict, ...]
    refused: CheckpointError | None
    fits: int = 0
    damaged_fits: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All of them."""
        return self.checkpoints + self.averages

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        whole = not any(verdict.problems for verdict in self.verdicts)
        return self.refused is None and whole and not self.damaged_fits

    def require_intact(self) -> None:
        """Refuse a run with which anything is wrong.

        Raises:
            CheckpointError: something is.
        """
        words = [
            _damaged("checkpoints", self.checkpoints, "the newest intact one is used"),
            _damaged("stored averages", self.averages, "idm ema does without them"),
            f"{len(self.damaged_fits)} of {self.fits} fits damaged; make them anew" if self.damaged_fits else "",
        ]
        if any(words):
            raise CheckpointError(f"run {self.run_folder}: {'; '.join(filter(None, words))}")
        if self.refused is not None:
            raise self.refused

    def to_plain(self) -> dict[str, Any]:
        """Return values by name, as ``idm verify --json`` prints them."""
        return {
            "run": self.run_folder,
            "intact": self.is_intact,
            "checkpoints": list(map(_plain, self.checkpoints)),
            "averages": list(map(_plain, self.averages)),
            "fits": {"number": self.fits, "damaged": dict(self.damaged_fits)},
        }


def verify(run_folder: str | Path, *, trust_code: bool = False) -> Verified:
    """Check every checkpoint of a run, its stored averages and fits, and open the newest as everything else would.

    Args:
        run_folder: a run folder, or one checkpoint.
        trust_code: import and call what a custom network names; see ``load``.

    Raises:
        CheckpointError: there is no checkpoint, neither intact nor damaged.
    """
    run_folder = Path(run_folder)
    verdicts = verify_run(run_folder)
    checkpoints, averages = (
        tuple(verdict for verdict in verdicts if verdict.of_averages == of_averages) for of_averages in (False, True)
    )
    opens = any(not verdict.problems for verdict in checkpoints)
    refused = _refusal(run_folder, trust_code=trust_code) if opens else None
    return Verified(run_folder, checkpoints, averages, refused, len(names_in(run_folder)), damaged_fits(run_folder))


def _refusal(run_folder: Path, *, trust_code: bool) -> CheckpointError | None:
    """Open a run, and return what stands against it: files may be as they were written, and say what does not fit."""
    try:
        load(run_folder, device="cpu", trust_code=trust_code)
    except CheckpointError as error:
        return error
    return None


def _damaged(what: str, verdicts: tuple[Verdict, ...], rest: str) -> str:
    """Say how many are damaged, and what becomes of the rest; nothing if none is."""
    count = sum(bool(verdict.problems) for verdict in verdicts)
    left = rest if count < len(verdicts) else "none is intact"
    return f"{count} of {len(verdicts)} {what} damaged; {left}" if count else ""


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "path": verdict.path,
        "step": verdict.step,
        "files": verdict.num_files,
        "tensors": verdict.num_tensors,
        "bytes": verdict.size,
        "problems": list(verdict.problems),
    }
