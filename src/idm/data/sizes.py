"""Sizes along the axes of space, as settings say them."""

from idm.core.errors import SettingsError

Sizes = int | tuple[int, ...]
"""One size for every axis of space, or one for each; 0: none is said."""


def check_sizes(option: str, said: Sizes) -> None:
    """Refuse sizes that no axis has.

    Raises:
        SettingsError: a size below 0, or one of several below 1.
    """
    least = 0 if isinstance(said, int) else 1
    if min(_each(said), default=least) < least:
        found = sizes_in_words(said)
        raise SettingsError(f"{option}: sizes from {least} on wanted, got {found}; correct it, or leave it out")


def along_axes(said: Sizes, space: tuple[int, ...]) -> tuple[int, ...]:
    """Return the size along each axis of a space; as many as were said, where they are said one by one."""
    return (said,) * len(space) if isinstance(said, int) else said


def number_of_axes(said: Sizes) -> int | None:
    """Return how many axes sizes are said of; None where one stands for all of them."""
    return None if isinstance(said, int) else len(said)


def are_within(said: Sizes, space: tuple[int, ...]) -> bool:
    """Whether there is a size for each axis, at least 1, and none is larger than the space."""
    sizes = along_axes(said, space)
    fits = (0 < size <= largest for size, largest in zip(sizes, space, strict=False))
    return bool(space) and len(sizes) == len(space) and all(fits)


def sizes_in_words(said: Sizes) -> str:
    """Write sizes as settings have them: "8", "[48,64]"."""
    return str(said) if isinstance(said, int) else f"[{','.join(map(str, said))}]"


def _each(said: Sizes) -> tuple[int, ...]:
    return (said,) if isinstance(said, int) else said
