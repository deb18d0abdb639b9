"""Pages as they are, with less of what their runs do beside what they show."""

from collections.abc import Generator

import pytest

from ..little import few_images, few_pixels


@pytest.fixture(scope="session", autouse=True)
def little_work() -> Generator[None]:
    """Do less beside what pages show."""
    with few_images(), few_pixels():
        yield
