"""Registries find members by name and check options against the member's own signature."""

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from idm.core.errors import UnknownNameError
from idm.core.registry import Registry, options_type


@dataclass(frozen=True)
class Circle:
    centre: int
    radius: float = 1.0


def square(side: float = 2.0) -> str:
    return f"square {side}"


SHAPES: Registry[object] = Registry("shape", {"circle": Circle, "square": square})


def test_it_is_a_mapping_in_the_order_of_listing() -> None:
    assert list(SHAPES) == ["circle", "square"]
    assert len(SHAPES) == 2
    assert SHAPES["circle"] is Circle
    assert "square" in SHAPES


def test_changing_the_listed_mapping_afterwards_changes_nothing() -> None:
    members = {"square": square}
    shapes = Registry("shape", members)
    members.clear()
    assert list(shapes) == ["square"]


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="shape: unknown name 'cirkle'; did you mean 'circle'"):
        SHAPES["cirkle"]


def test_a_name_like_no_other_is_answered_with_all_of_them() -> None:
    with pytest.raises(UnknownNameError, match="choose from circle, square"):
        SHAPES["zzz"]


def test_asking_whether_an_unknown_name_is_there_is_no_error() -> None:
    assert "cirkle" not in SHAPES


def test_options_are_the_parameters_without_those_the_program_supplies() -> None:
    assert list(SHAPES.options("circle")) == ["centre", "radius"]
    options = SHAPES.options("circle", given=("centre",))
    assert list(options) == ["radius"]
    assert options["radius"].default == 1.0


def test_a_member_is_built_from_options_and_what_the_program_supplies() -> None:
    assert SHAPES.build("circle", {"radius": 3.0}, centre=7) == Circle(7, 3.0)


def test_what_the_program_supplies_goes_only_to_members_that_take_it() -> None:
    assert SHAPES.build("square", {"side": 5}, centre=7) == "square 5"


def test_an_unknown_option_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"shape\.raduis: unknown name 'raduis'; did you mean 'radius'"):
        SHAPES.build("circle", {"raduis": 3.0}, centre=7)


def test_what_the_program_supplies_is_no_option() -> None:
    with pytest.raises(UnknownNameError, match=r"shape\.centre"):
        SHAPES.build("circle", {"centre": 3}, centre=7)


def test_the_parameters_of_a_member_are_a_frozen_dataclass_with_their_defaults() -> None:
    options = options_type(Circle, ("centre",))()
    assert vars(options) == {"radius": 1.0}
    assert vars(replace(options, radius=2.0)) == {"radius": 2.0}
    with pytest.raises(FrozenInstanceError):
        options.radius = 2.0


def test_a_parameter_without_a_default_must_be_given() -> None:
    assert vars(options_type(Circle)(centre=3)) == {"centre": 3, "radius": 1.0}
    with pytest.raises(TypeError, match="centre"):
        options_type(Circle)()


def test_one_member_has_one_class_of_options() -> None:
    assert type(options_type(square)(side=1.0)) is type(options_type(square)())
    assert options_type(square)(side=2.0) == options_type(square)()
