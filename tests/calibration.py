"""Error curves of the tiny models that tests train, which say nothing: estimated on fewer images than by default."""

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from unittest import mock

from idm.run.calibrate import calibrate

NUM_IMAGES = 64


@contextmanager
def calibrated_on_few_images() -> Generator[None]:
    """Have every checkpoint calibrated on so few images by default, which else takes most of a short training."""
    with mock.patch.dict(inspect.unwrap(calibrate).__kwdefaults__, num=NUM_IMAGES):
        yield
