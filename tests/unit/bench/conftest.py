"""Made-up results."""

import pytest
import torch

from idm.bench.harness import Comparison
from idm.bench.table import Row, Table, outcome

PEAKS = {torch.float32: 100e9, torch.bfloat16: 200e9}


def made_up(title, times, *, flops=0, images=0):
    """An outcome whose rows took those times, in seconds by round."""
    base = next(iter(times.values()))
    rows = [Comparison.of(name, tuple(seconds), tuple(base)) for name, seconds in times.items()]
    table = Table("made up", title, {name: Row(lambda: None, flops) for name in times}, images)
    return outcome(table, rows, PEAKS)


def made_up_outcomes():
    """With operations and images, and without."""
    times = {"peer": (3.0, 3.0, 3.0), "naive": (6.0, 6.6, 6.0), "idm": (2.0, 1.5, 2.0)}
    return [
        made_up("forward pass", times, flops=120 * 10**9, images=16),
        made_up("loop", {"bare": (1.0, 1.0), "idm loop": (1.5, 1.7)}),
        made_up("no goals", {"a": (1.0, 2.0), "b": (0.01, 0.02)}),
    ]


@pytest.fixture
def outcomes():
    return made_up_outcomes()
