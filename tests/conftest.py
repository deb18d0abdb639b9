"""What all tests share."""

import json
import platform
import time
from collections.abc import Callable, Generator
from datetime import date
from pathlib import Path

import jaxtyping
import pytest
import torch

from .network import no_network

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
FIRST, LAST = "<!-- figures -->", "<!-- end of figures -->"


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
def record(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Tell what was found of a promise; with --prove it goes into docs/reliability.md."""
    start = time.monotonic()

    def tell(promise: str, found: str) -> None:
        row = [promise, found, f"{time.monotonic() - start:,.0f} s"]
        output = getattr(request.config, "workeroutput", None)  # of a worker of pytest-xdist
        rows = _rows(request.config) if output is None else output.setdefault("figures", [])
        rows.append(json.dumps(row))

    return tell


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: pytest.Item) -> None:
    """Take over what a worker found."""
    _rows(node.config).extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table of what was found."""
    rows = [json.loads(row) for row in _rows(session.config)]
    if not rows or not session.config.getoption("--prove") or hasattr(session.config, "workeroutput"):
        return
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(FIRST)
    after = rest.split(LAST)[1]
    lines = ["| Promise | Found | Time |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in sorted(rows))]
    where = f"{date.today()}, {platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}."
    PAGE.write_text("\n".join([f"{before}{FIRST}", where, "", *lines, f"{LAST}{after}"]), encoding="utf-8")


def _rows(config: pytest.Config) -> list[str]:
    return config.stash.setdefault(ROWS, [])


ROWS = pytest.StashKey[list[str]]()
