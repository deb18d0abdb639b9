"""Errors over noise levels, some samples at a time, in parts that outlive an interruption and by several processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, final

from idm.core.level_errors import LevelErrors
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.data import Dataset
from idm.likelihood.levels import kappas_of
from idm.metrics import LevelScores
from idm.oracles import EmpiricalDenoiser
from idm.run import Data, Opened
from idm.run.bound_request import BoundRequest
from idm.run.levels import best_of_training, counts_of, errors_of, knows_best_of_training, places_of
from idm.tasks.long_jobs import request_of_bound
from idm.tasks.part_files import Part
from idm.tasks.parts import Job, told_in_parts

HELD_OUT, TRAINING = ".parts-levels-held-out", ".parts-levels-training"
"""Where the parts lie meanwhile."""

COLUMNS, OPTIMUM = ("x_start", "bits_per_dim"), "optimum"


def levels_in_parts(
    run: Opened,
    data: Data,
    place: Callable[[str], Path],
    wanted: BoundRequest,
    *,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> LevelScores | None:
    """Evaluate what ``level_scores`` does, a batch of samples at a time.

    ``place`` returns the folder of parts of a name, ``HELD_OUT`` or ``TRAINING``. What is not said here is as of
    ``bound_in_parts``.
    """
    given = request_of_bound(run, data, run.diffusion, wanted.seed)
    look = _Look(run, places_of(run), place, wanted, given, ranks or Ranks(), listener)
    held_out, training = counts_of(data, wanted)
    # It reads all of the training set: it is made once, by a process that has a part to do.
    best = cache(lambda: best_of_training(run, data)) if knows_best_of_training(run, data) else None
    others = look.at(HELD_OUT, data.held_out, held_out)
    own = look.at(TRAINING, data.train, training, best) if training else None
    return None if others is None else LevelScores(others, own)


@final
@dataclass(frozen=True, eq=False)
class _Look:
    """What is looked at in parts, and how.

    Attributes:
        run: the trained model.
        places: steps of its chain.
        place: where the parts of a name lie.
        wanted: seed and batch size.
        given: what tells these errors from others.
        ranks: the processes.
        listener: hears how it gets on.
    """

    run: Opened
    places: Sequence[int]
    place: Callable[[str], Path]
    wanted: BoundRequest
    given: dict[str, Any]
    ranks: Ranks
    listener: Listener

    def at(
        self, name: str, dataset: Dataset, count: int, best: Callable[[], EmpiricalDenoiser | None] | None = None
    ) -> LevelErrors | None:
        """Evaluate errors of the first samples of a data set; on the main process what was found.

        ``best`` returns the optimum whose errors stand beside, and is called when a part is evaluated; None: none do.
        """
        places, size = list(self.places), self.wanted.batch_size
        columns = COLUMNS if best is None else (*COLUMNS, OPTIMUM)
        request = self.given | {"places": places, "of": name}
        job = Job("levels", self.place(name), request, count, size, dict.fromkeys(columns, (len(places),)))

        def compute(part: range, within: Listener) -> Part:
            how: dict[str, Any] = {"seed": self.wanted.seed, "batch_size": size, "listener": within}
            found = errors_of(self.run, dataset, part, places, None if best is None else best(), **how)
            return {name: getattr(found, name) for name in columns}

        found = told_in_parts(job, len(places), compute, self.ranks, self.listener, "levels")
        return None if found is None else LevelErrors(kappas_of(self.run.diffusion, places), **found)
