"""Errors carry a code, an exit status and one line per wrong value."""

import pickle

import pytest

from idm.core import errors
from idm.core.errors import IdmError, UnknownNameError, unknown_name

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, IdmError)]


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_is_a_letter_and_three_digits_and_errors_of_one_exit_status_share_the_first(
    kind: type[IdmError],
) -> None:
    assert kind.code[0] == "E"
    assert kind.code[1:].isdigit()
    assert len(kind.code) == 4
    assert {70: "1", 2: "2", 3: "3", 4: "4", 5: "5", 6: "6", 75: "7"}[kind.exit_code] == kind.code[1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_went_to_another_process_is_the_same(kind: type[IdmError]) -> None:
    error = pickle.loads(pickle.dumps(kind("one", "two")))
    assert type(error) is kind
    assert error.lines == ("one", "two")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_keeps_its_lines_and_prints_them_all(kind: type[IdmError]) -> None:
    error = kind("one - here - do this", "two - there - do that")
    assert error.lines == ("one - here - do this", "two - there - do that")
    assert str(error) == "one - here - do this\ntwo - there - do that"


def test_wrong_settings_and_data_are_value_errors_too() -> None:
    assert issubclass(errors.SettingsError, ValueError)
    assert issubclass(errors.DataError, ValueError)


def test_a_name_with_a_neighbour_is_hinted_at() -> None:
    error = unknown_name("sampler", "dim", ["ddpm", "ddim"])
    assert isinstance(error, UnknownNameError)
    assert str(error) == "sampler: unknown name 'dim'; did you mean 'ddim'?"


def test_a_name_of_the_same_letters_is_the_nearest() -> None:
    assert str(unknown_name("sampler", "ddmi", ["ddim", "ddpm"])).endswith("did you mean 'ddim'?")


def test_a_name_without_a_neighbour_is_answered_with_the_sorted_list() -> None:
    assert str(unknown_name("sampler", "xyz", iter(["ddpm", "ddim"]))) == (
        "sampler: unknown name 'xyz'; choose from ddim, ddpm"
    )
