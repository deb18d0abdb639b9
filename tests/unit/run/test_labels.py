"""Classes by name, number and range."""

import unicodedata

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.run.labels import class_numbers, name_labels

ANIMALS = ("ant", "bee", "sea-lion")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("bee", [1]), ("ant, sea-lion", [0, 2]), ("0,2", [0, 2]), ("1-2", [1, 2]), ("bee,0", [1, 0])],
)
def test_names_and_numbers(text, expected):
    assert class_numbers(text, ANIMALS) == expected


def test_a_name_counts_before_a_number():
    assert class_numbers("1,3", ("1", "2", "3")) == [0, 2]
    assert class_numbers("2-3", ("1", "2", "3")) == [1, 2]


def test_numbers_beside_numbered_names_are_refused():
    with pytest.raises(SettingsError, match="got '0'"):
        class_numbers("0", ("1", "2", "3"))


@pytest.mark.parametrize("text", ["cow", "3", "2-5", "", "-1", "ant,,bee"])
def test_what_is_no_class(text):
    with pytest.raises(SettingsError, match="one of the 3 classes"):
        class_numbers(text, ANIMALS)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["bee", 0, "sea-lion"], [1, 0, 2]),
        (2, [2]),
        (range(3), [0, 1, 2]),
        (["0-1", "bee"], [0, 1, 1]),
        (torch.tensor([2, 0]), [2, 0]),
        (np.array([1, 2]).tolist(), [1, 2]),
        (("bee",), [1]),
    ],
)
def test_python_takes_names_and_numbers_together(labels, expected):
    assert class_numbers(labels, ANIMALS) == expected


def test_an_integer_is_a_number_whatever_the_names_are():
    assert class_numbers([0, "1", 2], ("1", "2", "3")) == [0, 0, 2]


def test_a_name_may_hold_a_comma():
    assert class_numbers("ant, red", ("ant, black", "ant, red")) == [1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["ant", "be"],
            r"^labels: one of the 3 classes \(ant, bee, sea-lion\) wanted, got 'be'; did you mean 'bee'\?$",
        ),
        ([3], r"^labels: a class from 0 to 2 wanted, got 3$"),
        (-1, r"^labels: a class from 0 to 2 wanted, got -1$"),
        ([], r"^labels: at least one class wanted, got none"),
        (b"ant", r"^labels: names or numbers of classes wanted, got b'ant'$"),
        (torch.tensor([0.5]), r"^labels: names or numbers of classes wanted, got"),
    ],
)
def test_what_python_gives_that_is_no_class(labels, message):
    with pytest.raises(SettingsError, match=message):
        class_numbers(labels, ANIMALS)


def test_near_names_are_suggested():
    with pytest.raises(SettingsError, match="did you mean 'sea-lion'"):
        class_numbers("sealion", ANIMALS)


def test_nothing_was_asked():
    assert class_numbers(None, ANIMALS) is None
    assert class_numbers(None, None) is None


def test_a_network_without_classes_takes_none():
    with pytest.raises(SettingsError, match="none wanted"):
        class_numbers("0", None)


def test_names_of_numbers():
    assert name_labels([2, 0, 3], ANIMALS) == ["sea-lion", "ant", None]


def test_names_match_whether_their_accents_are_composed_or_not():
    composed, decomposed = (unicodedata.normalize(form, "b\u00e9b\u00e9") for form in ("NFC", "NFD"))
    assert class_numbers(decomposed, ("ant", composed)) == class_numbers(composed, ("ant", decomposed)) == [1]


@pytest.mark.parametrize("label", [np.int64(2), np.array(2), torch.tensor(2), 2])
def test_one_number_is_one_class_whoever_it_comes_from(label):
    assert class_numbers(label, ANIMALS) == [2]


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("names", [ANIMALS, None])
@pytest.mark.parametrize("label", [1.5, np.float64(1), True, torch.tensor(1.0), [1.5], [True]])
def test_what_is_no_whole_number_is_refused_in_one_line(label, names):
    with pytest.raises(SettingsError) as error:
        class_numbers(label, names, "--labels")
    (line,) = error.value.lines
    assert line.startswith("--labels: names or numbers of classes wanted, got" if names else "--labels: none wanted")


def test_a_range_beyond_all_classes_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("idm.run.labels.composed", lambda name: pytest.fail("too many") if name == "7" else name)
    with pytest.raises(SettingsError, match=r"one of the 3 classes .* wanted, got '0-999999'"):
        class_numbers("0-999999", ANIMALS)
