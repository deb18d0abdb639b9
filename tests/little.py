"""Less of what runs do beside what tests look at: a short training spends most of its time on it."""

import inspect
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from matplotlib.axis import Axis

from idm.likelihood import variance_fractions
from idm.report import figures
from idm.run.calibrate import calibrate

NUM_IMAGES, NUM_LEVELS, DPI = 16, 6, 40


@contextmanager
def few_images() -> Generator[None]:
    """Have few images by default for calibrations, previews and, at few levels, learned variances."""
    calibrated = mock.patch.dict(inspect.unwrap(calibrate).__kwdefaults__, num=NUM_IMAGES)
    few_levels = mock.patch.dict(inspect.unwrap(variance_fractions).__kwdefaults__, num_levels=NUM_LEVELS)
    few = mock.patch("idm.run.scoring.FRACTIONS_OF", 4)
    with calibrated, few_levels, few, mock.patch("idm.tasks.preview.NUM_IMAGES", NUM_IMAGES):
        yield


IN_FULL: dict[str, Any] = {}
"""What draws the axes of figures, kept while others stand for it."""

FULL_DPI = figures.DPI


@contextmanager
def few_pixels() -> Generator[None]:
    """Have figures drawn in a low resolution, each part where it comes to lie, and without the ticks of their axes.

    To place and to draw them takes most of the time; tests of figures have them.
    """
    nothing = dict.fromkeys(("draw", "get_tightbbox"), lambda *_, **__: None)
    for name in nothing:
        IN_FULL.setdefault(name, getattr(Axis, name))
    with mock.patch.multiple(figures, DPI=DPI, LAYOUT=None), mock.patch.multiple(Axis, **nothing):
        yield


@contextmanager
def all_pixels() -> Generator[None]:
    """Have figures drawn in full, although others before had few pixels."""
    with mock.patch.multiple(figures, DPI=FULL_DPI, LAYOUT="constrained"), ExitStack() as stack:
        for name, function in IN_FULL.items():
            stack.enter_context(mock.patch.object(Axis, name, function))
        yield
