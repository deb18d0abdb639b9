"""What tests of whole runs share."""

import pytest

from ..little import few_images, few_pixels


@pytest.fixture(scope="session", autouse=True)
def little_work():
    """Do less beside what tests look at."""
    with few_images(), few_pixels():
        yield
