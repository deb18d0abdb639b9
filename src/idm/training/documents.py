"""What a checkpoint says of its training, checked: it may be another version's, or a stranger's."""

import math

from idm.storage import Checkpoint
from idm.storage.manifest import Json
from idm.training.journal import EVENTS, METRICS


def refuse_other_counts(checkpoint: Checkpoint, document: Json) -> None:
    """Refuse a document whose counts are none.

    Raises:
        KeyError: one is missing.
        ValueError: one is no number, or another checkpoint's.
    """
    seconds = document["seconds"]
    counts = [document[name] for name in (METRICS, EVENTS) if name in document]  # not in older checkpoints
    counts.append(document["ema_updates"])
    if document["step"] != checkpoint.step or not all(type(count) is int and 0 <= count < 2**63 for count in counts):
        raise ValueError(f"training.json: counts of step {checkpoint.step} wanted, got others")
    if type(seconds) not in (int, float) or not 0.0 <= seconds < 2**63:
        raise ValueError(f"training.json: seconds of at least 0 wanted, got {seconds!r}")


def owed_norm(document: Json) -> float | None:
    """Return the norm that the line of metrics waits for; None where no line does, as in older checkpoints.

    Raises:
        ValueError: it is no number.
    """
    owed = document.get("owed")
    if owed is None:
        return None
    norm = owed["grad_norm"]
    if norm is not None and type(norm) not in (int, float):
        raise ValueError(f"training.json: a norm wanted as owed, got {norm!r}")
    return math.nan if norm is None else float(norm)
