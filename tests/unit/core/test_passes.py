"""Passes over data are shown once they take long, to whoever listens, and to nobody else."""

from contextlib import contextmanager

import pytest

from idm.core import passes
from idm.core.passes import passed, passes_shown_by
from idm.core.progress import SILENT, Listener

PIECES = [[0, 1], [2, 3], [4]]


class Heard(Listener):
    """Remembers what it is told."""

    def __init__(self):
        self.told = []

    @contextmanager
    def follow(self, what, total, *, unit="steps", done=0, parts=1):
        self.told.append((what, total, unit, done))
        yield self

    def advance(self, units=1, status=""):
        self.told.append(units)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(passes, "PATIENCE_SECONDS", -1.0)


def test_what_takes_long_is_followed_from_where_it_has_got_to(impatient):
    heard = Heard()
    with passes_shown_by(heard):
        assert list(passed(PIECES, 5, "looking")) == PIECES
    assert heard.told == [("looking", 5, "samples", 2), 2, 1]


def test_what_is_soon_done_is_not_shown():
    heard = Heard()
    with passes_shown_by(heard):
        assert list(passed(PIECES, 5)) == PIECES
    assert heard.told == []


def test_nobody_hears_of_it_outside_or_where_nobody_should(impatient):
    heard = Heard()
    with passes_shown_by(heard), passes_shown_by(SILENT):
        assert list(passed(PIECES, 5)) == PIECES
    assert list(passed(PIECES, 5)) == PIECES
    assert heard.told == []
