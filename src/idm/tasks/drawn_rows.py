"""Samples of a run that are drawn for metrics, a batch at a time, of which what metrics see is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from uuid import uuid4

from torch import Tensor

from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.metrics import Evidence, Identity
from idm.metrics.features import OwnFeatures
from idm.run import Data, Opened
from idm.run.figures import Metrics
from idm.run.views import Gathered, Views
from idm.tasks.drawn_parts import Order, Sight, draw_parts
from idm.tasks.part_files import Part


@final
@dataclass(frozen=True, eq=False)
class Asked:
    """Metrics that samples are drawn for.

    Attributes:
        metrics: the metrics.
        data: what is scored.
        evidence: what is known of real data.
    """

    metrics: Metrics
    data: Data
    evidence: Evidence


def draw_for(
    run: Opened, order: Order, folder: Path, asked: Sequence[Asked], *, ranks: Ranks, listener: Listener
) -> list[Evidence]:
    """Draw samples once for all that ask, and put what was seen of them beside what is known of real data.

    Args:
        run: what draws them, guided or not.
        order: which samples.
        folder: as of ``sample_in_parts``.
        asked: whose metrics look at them.
        ranks: the processes.
        listener: hears how it gets on.

    Returns:
        The evidence of each on the main process, as it was on the others.
    """
    views = [Views.of(run, one.metrics.members, order.num, one.evidence) for one in asked]
    gathered = [Gathered(view) if ranks.is_main else None for view in views]

    def see(x: Tensor, numbers: range) -> Part:
        found = [view.see(x, numbers) for view in views]
        return {f"{name}-{turn}": rows for turn, each in enumerate(found) for name, rows in each.items()}

    def take(numbers: range, part: Part) -> None:
        for turn, (view, one) in enumerate(zip(views, gathered, strict=True)):
            assert one is not None, "the main process takes"
            one.add(numbers, {name: part[f"{name}-{turn}"] for name in view.shapes})

    shapes = {f"{name}-{turn}": shape for turn, view in enumerate(views) for name, shape in view.shapes.items()}
    words = {"seen": [told(one, view, ranks) for one, view in zip(asked, views, strict=True)]}
    draw_parts(run, order, folder, Sight(see, shapes, words), take, ranks=ranks, listener=listener)
    return [
        one.evidence if each is None else each.beside(one.evidence) for one, each in zip(asked, gathered, strict=True)
    ]


def told(one: Asked, view: Views, ranks: Ranks) -> Mapping[str, Any]:
    """Return what tells what is seen from what others see, of other data or by other features."""
    features = one.metrics.features
    # Of code without a hash nothing tells whether it is still the same: what it found is not gone on from.
    this_time = "" if features.sha256 or not isinstance(features, OwnFeatures) else ranks.on_main(lambda: uuid4().hex)
    data = one.data.spec.to_plain()
    return {"of": sorted(view.shapes), "data": data, "features": vars(Identity.of(features)), "call": this_time}
