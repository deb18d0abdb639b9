"""What all tests share."""

import functools
import gc
import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import jaxtyping
import pytest
from sklearn.datasets import load_digits

from .figures import PAGE, Figure, here, write
from .network import no_network
from .typechecks import Test, check_axes_only_where_they_are_named

check_axes_only_where_they_are_named()

FIGURES, ATTEMPTS = "figures", "network attempts"
FOUND = pytest.StashKey[dict[str, list[Any]]]()
START = time.monotonic()


UNCHECKED = (
    "benchmarks",
    "cli",
    "contracts/test_choices_of_training.py",
    "laws",
    "reliability",
    "unit/bench",
    "unit/demo",
    "unit/run",
    "unit/settings",
    "unit/tasks",
    "unit/test_gpu_script.py",
    "unit/training/test_crash.py",
    "unit/training/test_distributed.py",
)
"""Tests of whole runs, or of many small examples, where type checks take half of the time; other tests make them."""


@contextmanager
def no_type_checks() -> Generator[None]:
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def unchecked_types() -> Generator[None]:
    """Switch the type checks of the test run off, for values that only the code itself shall refuse."""
    with no_type_checks():
        yield


@pytest.fixture(scope="module", autouse=True)
def as_users_run_it(request: pytest.FixtureRequest) -> Generator[None]:
    """Without type checks where they take most of the time."""
    here = request.path.relative_to(Path(__file__).parent).as_posix()
    with no_type_checks() if here.startswith(UNCHECKED) else nullcontext():
        yield


@pytest.fixture(scope="session", autouse=True)
def network_attempts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Let no test reach another machine; a file of those that tests wanted to reach, a line each.

    The session fails if there is one left at its end.
    """
    attempts = tmp_path_factory.mktemp("network") / "attempts"
    attempts.touch()
    with no_network(attempts):
        yield attempts
    _found(request.config, ATTEMPTS).extend(attempts.read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_disks() -> Generator[None]:
    """Have ``os.fsync`` ask for an open file alone: what tests write need not outlive a loss of power."""
    with mock.patch("os.fsync", os.fstat):
        yield


@pytest.fixture(scope="session", autouse=True)
def digits_read_once() -> Generator[None]:
    """Have scikit-learn unpack and parse its digits once, and not for every run that is opened."""
    with mock.patch("sklearn.datasets.load_digits", functools.cache(load_digits)):
        yield


@pytest.fixture
def default_signals() -> Generator[None]:
    """Have signals mean what they do by default, in this process and in those that it starts.

    A test run that ``nohup`` or a shell starts in the background ignores some of them, and so would its children.
    """
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="Try every crash, damage and kill, not only a share of them.")


def pytest_configure(config: pytest.Config) -> None:
    """Have properties tried on the same examples in every run; with --prove on new ones. No machine is too slow."""
    hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
    hypothesis.settings.register_profile("new", deadline=None)
    hypothesis.settings.load_profile("new" if config.getoption("--prove") else "same")


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether all is tried, which takes minutes."""
    return bool(request.config.getoption("--prove"))


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, str | int], None]:
    """Tell what was found of a promise; with --prove it goes into docs/reliability.md.

    Tests that tell a number of cases of the same promise are added up.
    """
    last = time.monotonic()

    def tell(promise: str, found: str | int) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        _found(request.config, FIGURES).append((promise, found, last - before))

    return tell


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: pytest.Item) -> None:
    """Take over what a worker found."""
    for what in (FIGURES, ATTEMPTS):
        _found(node.config, what).extend(getattr(node, "workeroutput", {}).get(what, []))


def pytest_runtest_logstart() -> None:
    """Have the first calls of every function in this test be checked."""
    Test.number += 1


def pytest_collection() -> None:
    """Collect no garbage while tests are: imports make a million objects that stay, and hardly any that do not."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Have garbage collections pass over what was imported: a million objects that stay, at each of them."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # what a test makes is little: 700 new objects are no reason to look through it


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if tests wanted to reach another machine, and write the table of what was found."""
    if hasattr(session.config, "workeroutput"):
        return
    attempts = _found(session.config, ATTEMPTS)
    if attempts:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    figures = [Figure(*figure) for figure in _found(session.config, FIGURES)]
    if figures and session.config.getoption("--prove"):
        hosts = Figure(
            "other machines that tests wanted to reach", ", ".join(attempts) or "none", time.monotonic() - START
        )
        write(PAGE, [*figures, hosts], here(), date.today())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the machines that tests wanted to reach."""
    if attempts := _found(config, ATTEMPTS):
        terminalreporter.write_line(f"network attempts: {len(attempts)} (unexpected): {', '.join(attempts)}", red=True)


def _found(config: pytest.Config, what: str) -> list[Any]:
    """What has been found so far: by all tests, or in a worker of pytest-xdist, which hands it over when it ends."""
    output = getattr(config, "workeroutput", None)
    return (config.stash.setdefault(FOUND, {}) if output is None else output).setdefault(what, [])
