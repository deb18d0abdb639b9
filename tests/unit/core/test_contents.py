"""What somebody's own objects hold tells them apart, also what lies within, and is the same on every process."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from idm.core.contents import hash_of_contents


@dataclass
class Inner:
    number: float = 1.0
    more: Any = None


@dataclass
class Holder:
    held: Any = field(default_factory=Inner)


def linked(number: float) -> Holder:
    holder = Holder(Inner(number))
    holder.held.more = holder  # leads back
    return holder


def scaled(factor: float) -> Callable[[float], float]:
    return lambda x: factor * x


def raised(power: float) -> Callable[[float], float]:
    def act(x: float, by: float = power) -> float:
        return x**by

    return act


def keyed(power: float) -> Callable[[float], float]:
    def act(x: float, *, by: float = power) -> float:
        return x**by

    return act


def either(*, doubled: bool) -> Callable[[float], float]:
    return (lambda x: x + x) if doubled else (lambda x: x * x)


def constant(*, of_one: bool) -> Callable[[float], float]:
    return (lambda x: x + 1.0) if of_one else (lambda x: x + 2.0)


def nested(factor: float) -> Callable[[float], float]:
    inner = scaled(factor)
    return lambda x: inner(x)


def made_class(factor: float) -> object:
    class Made:
        def act(self) -> float:
            return factor

    return Made()


def made_property(factor: float) -> object:
    class Made:
        @cached_property
        def number(self) -> float:
            return factor

    return Made()


DIFFERENT: list[tuple[Any, Any]] = [
    (Inner(1.0), Inner(2.0)),
    (Inner(more=Inner(1.0)), Inner(more=Inner(2.0))),
    ([Inner(1.0)], [Inner(2.0)]),
    ({"a": Inner(1.0)}, {"a": Inner(2.0)}),
    ({(1, 2): "x"}, {(1, 3): "x"}),
    ({1: "x"}, {"1": "x"}),
    ((1,), [1]),
    (1, True),
    (math.nan, 0.0),
    ({1, 2}, {1, 3}),
    (np.arange(3), np.arange(3).astype(float)),
    (np.arange(4), np.arange(4).reshape(2, 2)),
    (np.float32(0.5), np.float64(0.5)),
    (torch.ones(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bfloat16)),
    (torch.nn.Linear(1, 1, bias=False).requires_grad_(False), torch.nn.Linear(1, 1)),
    (Path("a"), Path("b")),
    (math.sin, math.cos),
    (SimpleNamespace(a=1), SimpleNamespace(a=2)),
    (scaled(1.0), scaled(2.0)),
    (raised(1.0), raised(2.0)),
    (keyed(1.0), keyed(2.0)),
    (either(doubled=True), either(doubled=False)),
    (constant(of_one=True), constant(of_one=False)),
    (nested(1.0), nested(2.0)),
    (partial(pow, 2), partial(pow, 3)),
    (Inner(1.0).__eq__, Inner(2.0).__eq__),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_other_contents_have_another_hash(one: Any, other: Any) -> None:
    assert hash_of_contents(Holder(one)) != hash_of_contents(Holder(other))
    assert hash_of_contents(Holder(one)) == hash_of_contents(Holder(one))


def test_the_order_of_names_and_members_counts_for_nothing() -> None:
    assert hash_of_contents(Holder({"a": 1, "b": 2})) == hash_of_contents(Holder({"b": 2, "a": 1}))
    assert hash_of_contents(Holder({"x", "y", "z"})) == hash_of_contents(Holder({"z", "x", "y"}))


def test_what_leads_back_to_itself_has_a_hash_that_its_numbers_change() -> None:
    assert hash_of_contents(linked(1.0)) == hash_of_contents(linked(1.0))
    assert hash_of_contents(linked(1.0)) != hash_of_contents(linked(2.0))


@pytest.mark.parametrize("make", [made_class, made_property])
def test_classes_of_one_name_whose_methods_close_over_other_contents_have_another_hash(
    make: Callable[[float], object],
) -> None:
    assert hash_of_contents(make(1.0)) != hash_of_contents(make(2.0))
    assert hash_of_contents(make(1.0)) == hash_of_contents(make(1.0))


def test_functions_that_close_over_equal_contents_have_one_hash() -> None:
    for make in (scaled, raised, keyed, nested):
        assert hash_of_contents(Holder(make(1.0))) == hash_of_contents(Holder(make(1.0)))


def test_a_function_that_calls_itself_has_a_hash_that_what_it_closes_over_changes() -> None:
    def counting(step: int) -> Callable[[int], int]:
        def down(number: int) -> int:
            return number if number < step else down(number - step)

        return down

    assert hash_of_contents(Holder(counting(2))) == hash_of_contents(Holder(counting(2)))
    assert hash_of_contents(Holder(counting(2))) != hash_of_contents(Holder(counting(3)))


def test_two_that_are_made_alike_have_one_hash(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with (tmp_path / "a").open() as first, (tmp_path / "a").open() as second:
        assert hash_of_contents(Holder(first)) == hash_of_contents(Holder(second))
    assert hash_of_contents(Holder(object())) == hash_of_contents(Holder(object()))
    assert hash_of_contents(Holder(math)) == hash_of_contents(Holder(math))
