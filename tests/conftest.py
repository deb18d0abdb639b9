"""What all tests share."""

from collections.abc import Generator

import jaxtyping
import pytest


@pytest.fixture
def unchecked_types() -> Generator[None]:
    """Switch the type checks of the test run off, for values that only the code itself shall refuse."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
