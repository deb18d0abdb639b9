"""Type checks while tests run, at a cost that a suite can bear.

``--jaxtyping-packages`` has every function of the package checked by jaxtyping and beartype. jaxtyping's part compares
the sizes of axes between arguments, and costs more than most of the functions themselves; it is needed only where types
name axes. Functions whose types name none are checked by beartype alone; those inside of functions, which would be
compiled anew at every call, by the static type checker alone. The checks of a function are compiled when it is called
first: most processes call few of them. And in each test only the first calls of a function are checked: a loop's
thousandth call is of the types of its first.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import beartype
from jaxtyping import AbstractArray, _decorator

CALLS_PER_TEST = 3
"""Calls of a function that are checked in each test."""


class Test:
    """Which test is running, by its number."""

    number = 0


def check_axes_only_where_they_are_named() -> None:
    """Replace the decorator that jaxtyping's import hook puts on functions; once, before the package is imported."""
    every = _decorator.jaxtyped

    @functools.wraps(every)
    def jaxtyped(fn: Any = _decorator._sentinel, **options: Any) -> Any:
        if not inspect.isfunction(fn):
            return every(fn, **options)
        if any(map(_names_axes, fn.__annotations__.values())):
            return _checked(fn, functools.partial(every, **options))
        return fn if "<locals>" in fn.__qualname__ else _checked(fn, beartype)

    jaxtyping.jaxtyped = _decorator.jaxtyped = jaxtyped


def _names_axes(annotation: Any) -> bool:
    # In quotes it may, and it may name a type that is imported for type checkers alone.
    if isinstance(annotation, str):
        return True
    if isinstance(annotation, type) and issubclass(annotation, AbstractArray):
        return True
    return any(map(_names_axes, typing.get_args(annotation)))


def _checked(fn: Callable[..., Any], check: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's first calls in each test, unless checks are switched off."""
    checked: Callable[..., Any] | None = None
    test, left = -1, 0

    @functools.wraps(fn)
    def either(*args: Any, **kwargs: Any) -> Any:
        nonlocal checked, test, left
        if test != Test.number:
            test, left = Test.number, CALLS_PER_TEST
        if not left or jaxtyping.config.jaxtyping_disable:
            return fn(*args, **kwargs)
        left -= 1
        if checked is None:
            checked = check(fn)
        return checked(*args, **kwargs)

    return either
