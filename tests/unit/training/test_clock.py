"""Durations and deadlines."""

import pytest

from idm.core.errors import SettingsError
from idm.training.clock import Deadline, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h30m", 9000.0), ("45m", 2700.0), ("90s", 90.0), ("90", 90.0), ("1d12h", 129_600.0), (" 1h0m5s ", 3605.0)],
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "2 hours", "-5m", "5m2h", "1.5h", "h", "nan", "1e9"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(SettingsError, match="a duration such as"):
        parse_duration(text)


def test_a_deadline_passes():
    assert Deadline(0.0).passed()
    assert not Deadline(1000.0).passed()
    assert not Deadline(None).passed()
