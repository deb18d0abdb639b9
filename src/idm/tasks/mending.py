"""Drawing samples of observations into a folder, in parts that outlive an interruption; and what is said of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch

from idm.core.files import write_atomically
from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.core.text import counted
from idm.report import png
from idm.report.ranks import rank_histograms
from idm.restoration import Coverage, Operator, coverage_of
from idm.run import Run
from idm.run.draws import CLASSES, EFFECTIVE, SAMPLES, Compute, Draws, Part, draw_all
from idm.run.label_kind import class_of, plain_labels
from idm.run.observing import Observed
from idm.run.restored_files import OURS, Group, groups_of, names_of, save_restored
from idm.storage.results import results_in
from idm.tasks.long_jobs import request_of
from idm.tasks.made import Made
from idm.tasks.parts import Job, remove_parts
from idm.tasks.together import Say, say_what_is_replaced

COVERAGE, HISTOGRAMS = "coverage.json", "coverage.png"

PARTS = ".parts-restored"
"""Where the parts lie meanwhile."""


@final
@dataclass(frozen=True)
class EffectiveParticles:
    """How many of the particles that samples were drawn from count in the end, as shares of them.

    Attributes:
        mean: over all samples.
        least: of any sample.
    """

    mean: float
    least: float

    def __str__(self) -> str:
        """Say it in a line."""
        return f"effective sample size: {self.mean:.0%} of the particles on average, {self.least:.0%} at the least"


@dataclass(frozen=True, eq=False)
class Mended(Made):
    """Restored samples in a folder.

    Attributes:
        draws: how they were drawn.
        coverage: how often they hold the truth, where that was asked for.
        effective: how many particles count, where there are any.
        classes: share of the samples that were drawn as each class, most first, where classes were found.
    """

    draws: Draws
    coverage: Coverage | None = None
    effective: EffectiveParticles | None = None
    classes: Mapping[str, float] = field(default_factory=dict[str, float])


@final
@dataclass(frozen=True, eq=False)
class Mending:
    """What is drawn and written.

    Attributes:
        run: the run.
        observed: what was seen.
        draws: what is drawn.
        reference: a file whose place in the world volumes have; None where there is none.
        covers: whether the draws are compared with the truth.
        doing: what is being done, in a word.
    """

    run: Run
    observed: Observed
    draws: Draws
    reference: Path | None
    covers: bool
    doing: str

    def make(self, folder: Path, batch_size: int, listener: Listener, say: Say) -> Mended:
        """Draw all samples, and write them to the folder."""
        more = [COVERAGE, HISTOGRAMS] if self.covers else []
        groups = groups_of(self.run, self.observed, self.reference)
        names = [*names_of(self.run, groups, self.draws.num), *more]
        with results_in(folder, names, rf"{OURS}|{COVERAGE}|{HISTOGRAMS}") as results:
            say_what_is_replaced(results, say)
            batches = _OnDisk(self._job(folder / PARTS, batch_size))
            drawn = draw_all(self.run, self.draws, batches, listener, doing=self.doing)
            coverage = self._coverage(drawn[SAMPLES]) if self.covers else None
            what = f"{counted(len(self.draws), 'sample')} by {self.run.name}"
            written = results.put(what, lambda new: self._write(new, drawn, coverage, groups))
            remove_parts(folder / PARTS)
        return Mended(self.run, drawn[SAMPLES], written, self.draws, coverage, _effective(drawn), self._classes(drawn))

    def _job(self, folder: Path, size: int) -> Job:
        """Return the job of drawing, a batch at a time, each kept as soon as it is done."""
        draws, run = self.draws, self.run
        values = [one.values.double().numpy().tobytes() for one in draws.observations]
        operators = {id(one.operator): one.operator for one in draws.observations}  # most observations share theirs
        words = {key: _words(operator, run) for key, operator in operators.items()}
        request: dict[str, Any] = {
            **request_of(run),
            **draws.to_plain(),
            "guide": run.guide.to_plain(),
            "observed": hashlib.sha256(b"".join(values)).hexdigest(),
            "operators": [words[id(one.operator)] for one in draws.observations],
            "noise": [one.noise for one in draws.observations],
            "labels": plain_labels(draws.labels),
            "seed": draws.seed,
            "each": draws.num,
        }
        return Job(self.doing, folder, request, len(draws), size, draws.shapes(run))

    def _coverage(self, x: torch.Tensor) -> Coverage:
        """Rank the truth among draws, both as data have them."""
        truth, codec = self.observed.truth, self.run.spec.codec
        assert truth is not None
        return coverage_of(truth, codec.rounded(x).unflatten(0, (len(truth), self.draws.num)))

    def _classes(self, drawn: Part) -> dict[str, float]:
        """Count the classes that were found for samples; those of observations with a class were not."""
        names: Sequence[str] = self.run.spec.class_names or ()
        found: list[int] = drawn.get(CLASSES, torch.empty(0)).long().tolist()
        told = [class_of(self.draws.labels[row // self.draws.num]) is not None for row in range(len(found))]
        named = [names[number] for number, known in zip(found, told, strict=True) if not known and number < len(names)]
        return {name: count / len(named) for name, count in Counter(named).most_common()}

    def _write(self, new: Path, drawn: Part, coverage: Coverage | None, groups: Sequence[Group]) -> dict[str, Path]:
        written = save_restored(new, self.run, self.observed, self.draws, drawn, self.reference, groups)
        if coverage is None:
            return written
        kinds = {"single values": coverage.values, "random projections": coverage.projections}
        panels = [(title, str(found.main), found.histogram) for title, found in kinds.items()]
        written["coverage"] = write_atomically(new / COVERAGE, json.dumps(coverage.to_plain(), indent=1))
        written["ranks"] = write_atomically(new / HISTOGRAMS, png(rank_histograms(panels)))
        return written


@final
@dataclass(frozen=True)
class _OnDisk:
    """Batches that are kept on the disk.

    Attributes:
        job: the job of one process.
    """

    job: Job

    @property
    def ahead(self) -> tuple[int, int]:
        """All of them, and those that an earlier call kept."""
        total, done = (min(count * self.job.size, self.job.num) for count in self.job.progress_of(Ranks()))
        return total, done

    def run(self, compute: Compute, /) -> Part:
        """Compute those that are missing."""
        found = self.job.run(compute, Ranks())
        assert found is not None  # one process is the main one
        return found


def _effective(drawn: Part) -> EffectiveParticles | None:
    shares = drawn.get(EFFECTIVE)
    return None if shares is None else EffectiveParticles(float(shares.mean()), float(shares.min()))


def _words(operator: Operator, run: Run) -> str:
    """Tell one operator from another: by what it gives of numbers that are known."""
    trial = torch.linspace(-1, 1, torch.Size(run.spec.shape).numel(), dtype=torch.float64).view(1, *run.spec.shape)
    seen = operator.apply(trial.float())
    return f"{type(operator).__name__} {hashlib.sha256(seen.numpy().tobytes()).hexdigest()}"
