"""Less of what runs do beside what tests look at: a short training spends most of its time on it."""

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from unittest import mock

from idm.report import figures
from idm.run.calibrate import calibrate

NUM_IMAGES, DPI = 64, 40


@contextmanager
def few_images() -> Generator[None]:
    """Have checkpoints calibrated on few images by default."""
    with mock.patch.dict(inspect.unwrap(calibrate).__kwdefaults__, num=NUM_IMAGES):
        yield


@contextmanager
def few_pixels() -> Generator[None]:
    """Have figures drawn in a low resolution, each part where it comes to lie: to place them takes most of the time."""
    with mock.patch.multiple(figures, DPI=DPI, LAYOUT=None):
        yield
