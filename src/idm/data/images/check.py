"""Judging the headers of all files of a folder, so that every file that does not suit is named at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from idm.core.errors import DataError
from idm.data.images.decode import ImageHeader, read_header
from idm.data.images.items import Place
from idm.data.images.pixels import PixelPolicy
from idm.data.images.resize import Frame

LINES_SHOWN = 5
"""How many wrong files a message names."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def gather(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    mapping: Callable[[Callable[[Item], Result | DataError], Iterable[Item]], Iterable[Result | DataError]] = map,
) -> list[Result]:
    """Apply ``function`` to all items and return the results, or raise their errors together.

    Args:
        function: what to apply.
        items: to what.
        mapping: how; ``map``, or that of a pool.

    Raises:
        DataError: of the kind of the first error, with one line per error for the first few.
    """

    def attempt(item: Item) -> Result | DataError:
        try:
            return function(item)
        except DataError as error:
            return error

    results: list[Result] = []
    errors: list[DataError] = []
    for result in mapping(attempt, items):
        if isinstance(result, DataError):
            errors.append(result)
        else:
            results.append(result)
    if errors:
        lines = [line for error in errors[:LINES_SHOWN] for line in error.lines]
        more = len(errors) - LINES_SHOWN
        raise type(errors[0])(*lines, *([f"... and {more:,} more files"] if more > 0 else []))
    return results


def check_headers(
    places: Sequence[Place],
    names: Sequence[str],
    frame: Frame | None,
    policy: PixelPolicy,
    *,
    upscale: bool,
    max_pixels: int,
) -> ImageHeader:
    """Read the headers of all images and return the first, which decides for all, with the kind that all are read as.

    Raises:
        UnreadableFileError: images that cannot be read.
        DataError: images that are not read, or not of the kind of the first; smaller than the frame without
            ``upscale``; of another size than the first where there is no frame.
    """

    def check(place: Place) -> ImageHeader:
        header = read_header(place, max_pixels, policy)
        if frame is not None:
            refuse_size(place, header, frame, upscale=upscale, max_pixels=max_pixels)
        return header

    headers = gather(check, places)
    first = replace(headers[0], kind=policy.shared([header.kind for header in headers]))
    rows = range(len(places))
    gather(lambda row: refuse_other(places[row], headers[row], first, names[0], policy, one_size=frame is None), rows)
    return first


def refuse_other(
    place: Place, header: ImageHeader, first: ImageHeader, first_name: str, policy: PixelPolicy, *, one_size: bool
) -> None:
    """Refuse another kind of pixels than the first image has, and another size where all must have one.

    Raises:
        DataError: as said.
    """
    if not policy.suits(header.kind, first.kind):
        raise DataError(
            f"{place}: {first.kind.name} wanted as in {first_name}, got {header.kind.name}; "
            "convert all files to one kind, or set data.source.pixels=convert"
        )
    if one_size and (header.width, header.height) != (first.width, first.height):
        raise DataError(
            f"{place}: {first.width} x {first.height} wanted as in {first_name}, "
            f"got {header.width} x {header.height}; set data.source.image_size to resize and crop all files"
        )


def refuse_size(place: Place, header: ImageHeader, frame: Frame, *, upscale: bool, max_pixels: int) -> None:
    """Refuse what is too small for a frame, or so narrow that it would become too large.

    Raises:
        DataError: as said.
    """
    found = f"{header.width} x {header.height}"
    if not upscale and not frame.is_covered_by(header.width, header.height):
        raise DataError(
            f"{place}: at least {frame} wanted, got {found}; remove it, set "
            "data.source.upscale=true, or, for a model that is not trained yet, lower data.source.image_size"
        )
    width, height = frame.scaled(header.width, header.height)
    if width * height > max(max_pixels, frame.width * frame.height):
        raise DataError(f"{place}: too long and narrow to be resized to {frame}, got {found}; crop it")
