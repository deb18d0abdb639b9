"""Made-up results with goals."""

import pytest

from speed.judging import Faster, Longer, PeakShare, judge

from ..unit.bench.conftest import made_up_outcomes


@pytest.fixture
def tables():
    """Goals of every kind, reached and missed."""
    goals = (
        Faster("idm", 1.4, "peer"),
        Faster("idm", 4.0, "naive"),
        PeakShare("idm", 0.7),
        Faster("idm", 2.0, "absent"),
    )
    of_tables = [goals, (Longer("idm loop", 1.6, "bare"),), ()]
    return [judge(outcome, held_to) for outcome, held_to in zip(made_up_outcomes(), of_tables, strict=True)]
