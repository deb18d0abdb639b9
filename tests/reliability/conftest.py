"""What tests of whole runs share."""

import pytest

from ..calibration import calibrated_on_few_images


@pytest.fixture(scope="session", autouse=True)
def few_images():
    """Calibrate on few images."""
    with calibrated_on_few_images():
        yield
