"""Samples of a run that are drawn for metrics, a batch at a time, of which what metrics see is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from uuid import uuid4

from torch import Tensor

from idm.core.code import hash_of_code
from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.metrics import Evidence, Identity, by_sight
from idm.metrics.features import OwnFeatures
from idm.run import Data, Opened
from idm.run.figures import Metrics
from idm.run.views import WHOLE, Gathered, Views
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
    views = ranks.each(lambda: [Views.of(run, one.metrics, order.num, one.evidence) for one in asked])
    gathered = _gathered(views) if ranks.is_main else [None] * len(views)

    def see(x: Tensor, numbers: range) -> Part:
        found = [view.see(x, numbers) for view in views]
        return {_key(name, turn): rows for turn, each in enumerate(found) for name, rows in each.items()}

    def take(numbers: range, part: Part) -> None:
        for turn, (view, one) in enumerate(zip(views, gathered, strict=True)):
            assert one is not None, "the main process takes"
            one.add(numbers, {name: part[_key(name, turn)] for name in view.shapes})

    shapes = {_key(name, turn): shape for turn, view in enumerate(views) for name, shape in view.shapes.items()}
    words = {"seen": [told(one, view, ranks) for one, view in zip(asked, views, strict=True)]}
    draw_parts(run, order, folder, Sight(see, shapes, words), take, ranks=ranks, listener=listener)
    return [
        one.evidence if each is None else each.beside(one.evidence) for one, each in zip(asked, gathered, strict=True)
    ]


def _key(name: str, turn: int) -> str:
    """Return what rows are called in a part: samples that are kept whole are the same for all that ask."""
    return name if name == WHOLE else f"{name}-{turn}"


def _gathered(views: Sequence[Views]) -> list[Gathered | None]:
    """Return what gathers rows for each; samples that several keep whole are held once."""
    found: list[Gathered | None] = []
    lender: Gathered | None = None
    for view in views:
        found.append(one := Gathered(view, lender))
        lender = lender if one.whole is None else one
    return found


def told(one: Asked, view: Views, ranks: Ranks) -> Mapping[str, Any]:
    """Return what tells what is seen from what others see: of other data, by other features or by other code.

    Of a user's own code it is the hash of its files. Where there is none to read, or features do not say which numbers
    they were made with, nothing tells whether it is the same: what was seen is not gone on from.
    """
    features, sights = one.metrics.features, by_sight(one.metrics.members)
    code = {name: hash_of_code(metric) for name, metric in sights.items() if name in view.looks and metric.is_own}
    is_known = all(code.values())
    if isinstance(features, OwnFeatures):
        code["features"] = features.code
        is_known = is_known and bool(features.sha256 and code["features"])
    this_time = "" if is_known else ranks.on_main(lambda: uuid4().hex)
    about = {"data": one.data.spec.to_plain(), "features": vars(Identity.of(features))}
    return {"of": sorted(view.shapes), **about, "code": code, "call": this_time}
