"""Ranges that annotations state are kept to."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import pytest
from annotated_types import Ge, Gt, Le, Lt

from idm.core.errors import SettingsError
from idm.core.limits import limits_in_words, refuse_out_of_range


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Painted:
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Options:
    order: Annotated[int, Ge(1), Le(3)] = 2
    share: Annotated[float, Gt(0), Lt(1)] = 0.5
    note: Annotated[str, "no limit"] = ""
    plain: float = -7.0


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("share", [1e-9, 0.5, 0.999])
def test_values_within_their_limits_are_accepted(order: int, share: float) -> None:
    refuse_out_of_range(Options, vars(Options(order, share)))


@pytest.mark.parametrize("order", [0, 4, 7, -1])
@pytest.mark.parametrize("share", [0.0, 1.0, -2.0, math.nan, math.inf])
def test_every_value_beyond_its_limits_has_a_line(order: int, share: float) -> None:
    with pytest.raises(SettingsError) as caught:
        refuse_out_of_range(Options, vars(Options(order, share)))
    assert caught.value.lines == (
        f"order: a number >= 1, <= 3 wanted, got {order}",
        f"share: a number > 0, < 1 wanted, got {share!r}",
    )


@pytest.mark.parametrize("colour", ["red", "RED", 1, None])
def test_what_is_no_member_of_an_enumeration_is_refused(colour: object) -> None:
    refuse_out_of_range(Painted, {"colour": Colour.BLUE})
    with pytest.raises(SettingsError) as caught:
        refuse_out_of_range(Painted, {"colour": colour})
    assert caught.value.lines == (f"colour: a member of Colour (RED, BLUE) wanted, got {colour!r}",)


def test_other_metadata_are_no_limits() -> None:
    assert limits_in_words(("no limit", Ge(2), 5)) == ">= 2"


@pytest.mark.parametrize("limit", [Ge(0), Ge(0.0)])
def test_a_whole_number_is_written_as_one_whatever_its_type(limit: Ge) -> None:
    assert limits_in_words((limit, Le(2**20), Lt(0.25))) == ">= 0, <= 1048576, < 0.25"
