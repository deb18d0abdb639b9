"""Which axis of an array is which: samples first, then channels and space in one of three layouts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.cutting import Window

ChannelRule = Literal["auto", "first", "last", "none"]

FEW_CHANNELS = 4
"""Most entries of an axis that is taken for the channels when nothing else is said."""

MAX_SPATIAL = 3


@dataclass(frozen=True)
class Layout:
    """One way to order the axes.

    Attributes:
        name: what it is called in settings.
        words: the order of the axes.
        num_channel_axes: 1, or 0 where the only channel has no axis.
        arrange: takes an array of that order to [n, c, *space].
        restore: takes an array [n, c, *space] back to that order.
        key: takes a window of space to one of a sample of that order, with all channels.
    """

    name: str
    words: str
    num_channel_axes: int
    arrange: Callable[[NDArray[Any]], NDArray[Any]]
    restore: Callable[[NDArray[Any]], NDArray[Any]]
    key: Callable[[Window], Window]


ALL = slice(None)

FIRST = Layout("first", "n c *space", 1, lambda rows: rows, lambda rows: rows, lambda window: (ALL, *window))
LAST = Layout(
    "last",
    "n *space c",
    1,
    lambda rows: np.moveaxis(rows, -1, 1),
    lambda rows: np.moveaxis(rows, 1, -1),
    lambda window: (*window, ALL),
)
NONE = Layout(
    "none", "n *space, one channel", 0, lambda rows: rows[:, None], lambda rows: rows[:, 0], lambda window: window
)
LAYOUTS = {layout.name: layout for layout in (FIRST, LAST, NONE)}


def find_layout(shape: tuple[int, ...], channels: ChannelRule, spatial_dims: int | None) -> Layout:
    """Choose the layout of an array of samples.

    With ``channels="auto"`` and a number of spatial axes: no channel axis if the array has just those axes; else the
    channels are the shorter of first and last, the first if they are equal. With neither given: the one
    of first and last that has at most 4 entries; the first of two axes in all (points) or if it has a single entry; no
    channel axis in a stack of larger squares or cubes. Anything else must be told.

    Raises:
        DataError: the axes do not fit what is asked for, or cannot be told apart.
    """
    if channels not in ("auto", *LAYOUTS):
        raise DataError(f"channels: auto, first, last or none wanted, got '{channels}'")
    axes = shape[1:]
    if not axes:
        raise DataError(
            f"data: an array of samples [n, c, *space] wanted, got shape {shape}; reshape numbers to [n, 1]"
        )
    layout = LAYOUTS.get(channels) or (_guess(shape) if spatial_dims is None else _fit(axes, spatial_dims))
    found = len(axes) - layout.num_channel_axes
    if spatial_dims not in (None, found):
        raise DataError(
            f"spatial_dims: shape {shape} read as {layout.words} has {found} spatial axes, got {spatial_dims}; "
            "change data.source.spatial_dims or data.source.channels"
        )
    if found > MAX_SPATIAL:
        raise DataError(
            f"data: at most {MAX_SPATIAL} spatial axes wanted, got {found} (shape {shape}); merge axes into channels"
        )
    return layout


def _fit(axes: tuple[int, ...], spatial_dims: int) -> Layout:
    if len(axes) == spatial_dims:
        return NONE
    return LAST if axes[-1] < axes[0] else FIRST


def _guess(shape: tuple[int, ...]) -> Layout:
    axes = shape[1:]
    few_first, few_last = axes[0] <= FEW_CHANNELS, axes[-1] <= FEW_CHANNELS
    if len(axes) == 1 or axes[0] == 1 or (few_first and not few_last):
        return FIRST
    if few_last and not few_first:
        return LAST
    if len(axes) in (2, 3) and len(set(axes)) == 1 and not few_first:
        return NONE
    raise DataError(
        f"channels: cannot tell the channels of an array of shape {shape}; "
        "set data.source.channels=first, last or none, or data.source.spatial_dims=1, 2 or 3"
    )
