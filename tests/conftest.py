"""What all tests share."""

import time
from collections.abc import Callable, Generator
from datetime import date
from pathlib import Path

import jaxtyping
import pytest

from .figures import Figure, here, write
from .network import no_network

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"


@pytest.fixture
def unchecked_types() -> Generator[None]:
    """Switch the type checks of the test run off, for values that only the code itself shall refuse."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture(scope="session", autouse=True)
def _guarded() -> Generator[None]:
    """Let no test reach another machine."""
    with no_network():
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="Try every crash, damage and kill, not only a share of them.")


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether all is tried, which takes minutes."""
    return bool(request.config.getoption("--prove"))


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, str | int], None]:
    """Tell what was found of a promise; with --prove it goes into docs/reliability.md.

    Tests that tell a number of cases of the same promise are added up.
    """
    start = time.monotonic()

    def tell(promise: str, found: str | int) -> None:
        output = getattr(request.config, "workeroutput", None)  # of a worker of pytest-xdist
        figures = _figures(request.config) if output is None else output.setdefault("figures", [])
        figures.append((promise, found, time.monotonic() - start))

    return tell


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: pytest.Item) -> None:
    """Take over what a worker found."""
    _figures(node.config).extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table of what was found."""
    figures = [Figure(*figure) for figure in _figures(session.config)]
    if figures and session.config.getoption("--prove") and not hasattr(session.config, "workeroutput"):
        write(PAGE, figures, here(), date.today())


def _figures(config: pytest.Config) -> list[tuple[str, str | int, float]]:
    return config.stash.setdefault(FIGURES, [])


FIGURES = pytest.StashKey[list[tuple[str, str | int, float]]]()
