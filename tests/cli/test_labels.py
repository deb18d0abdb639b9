"""Classes by name, number and range."""

import pytest

from idm.cli.labels import name_labels, parse_labels
from idm.core.errors import SettingsError

ANIMALS = ("ant", "bee", "sea-lion")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("bee", [1]), ("ant, sea-lion", [0, 2]), ("0,2", [0, 2]), ("1-2", [1, 2]), ("bee,0", [1, 0])],
)
def test_names_and_numbers(text, expected):
    assert parse_labels(text, ANIMALS) == expected


def test_a_name_counts_before_a_number():
    assert parse_labels("1,3", ("1", "2", "3")) == [0, 2]
    assert parse_labels("2-3", ("1", "2", "3")) == [1, 2]


def test_numbers_beside_numbered_names_are_refused():
    with pytest.raises(SettingsError, match="got '0'"):
        parse_labels("0", ("1", "2", "3"))


@pytest.mark.parametrize("text", ["cow", "3", "2-5", "", "-1", "ant,,bee"])
def test_what_is_no_class(text):
    with pytest.raises(SettingsError, match="one of the 3 classes"):
        parse_labels(text, ANIMALS)


def test_near_names_are_suggested():
    with pytest.raises(SettingsError, match="did you mean 'sea-lion'"):
        parse_labels("sealion", ANIMALS)


def test_nothing_was_asked():
    assert parse_labels(None, ANIMALS) is None
    assert parse_labels(None, None) is None


def test_a_network_without_classes_takes_none():
    with pytest.raises(SettingsError, match="none wanted"):
        parse_labels("0", None)


def test_names_of_numbers():
    assert name_labels([2, 0, 3], ANIMALS) == ["sea-lion", "ant", None]
