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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="Try every crash, damage and kill, not only a share of them.")


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether all is tried, which takes minutes."""
    return bool(request.config.getoption("--prove"))
