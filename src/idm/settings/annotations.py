"""What types of settings allow besides one value: words, and several numbers."""

from typing import Any, Literal, get_args, get_origin


def words_of(annotation: Any) -> tuple[Any, ...]:
    """Words that stand for a value of another type: "auto" of auto | number, number."""
    return tuple(word for option in get_args(annotation) if get_origin(option) is Literal for word in get_args(option))


def is_tuple(annotation: Any) -> bool:
    """Whether several values are allowed."""
    return any(get_origin(option) is tuple for option in (annotation, *get_args(annotation)))


def is_one_or_several(annotation: Any) -> bool:
    """Whether a whole number and several of them are both values: a side, or height and width."""
    return is_tuple(annotation) and int in get_args(annotation)


def how_many(annotation: Any) -> str:
    """Say how many these are: two, or several."""
    of_tuple = next(option for option in get_args(annotation) if get_origin(option) is tuple)
    return "several" if Ellipsis in get_args(of_tuple) else "two"
