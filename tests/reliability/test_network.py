"""The guard that keeps all tests off the network works, and counts."""

import multiprocessing
import os
import socket
import subprocess
import sys

import pytest

from ..network import NetworkUsedError, no_network

ELSEWHERE = "192.0.2.1"


def reach(host):
    with socket.socket() as ours:
        ours.connect((host, 80))


@pytest.mark.parametrize("host", [ELSEWHERE, "example.org"])
def test_other_machines_are_refused_and_named(tmp_path, host):
    with no_network(tmp_path / "attempts"):
        with pytest.raises(NetworkUsedError, match=host):
            socket.create_connection((host, 80), timeout=1)
        with pytest.raises(NetworkUsedError):
            reach(host)
    assert (tmp_path / "attempts").read_text().splitlines() == [host] * 2


@pytest.mark.parametrize(
    "call",
    [
        lambda ours: ours.connect_ex((ELSEWHERE, 80)),
        lambda ours: ours.sendto(b"x", (ELSEWHERE, 80)),
        lambda ours: ours.sendto(b"x", 0, (ELSEWHERE, 80)),
        lambda ours: ours.sendmsg([b"x"], [], 0, (ELSEWHERE, 80)),
        lambda ours: socket.gethostbyname("example.org"),
    ],
)
def test_other_ways_are_closed_too(tmp_path, call):
    ours = socket.socket(type=socket.SOCK_DGRAM)
    with ours, no_network(tmp_path / "attempts"), pytest.raises(NetworkUsedError):
        call(ours)
    assert len((tmp_path / "attempts").read_text().splitlines()) == 1


def test_programs_that_tests_start_are_kept_off_as_well(tmp_path):
    script = f"import socket; socket.create_connection(({ELSEWHERE!r}, 80), timeout=1)"
    with no_network(tmp_path / "attempts"):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "NetworkUsedError" in done.stderr
    assert (tmp_path / "attempts").read_text().splitlines() == [ELSEWHERE]


def test_this_machine_is_reached(tmp_path):
    with no_network(tmp_path / "attempts"), socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    assert not (tmp_path / "attempts").exists()


def test_it_guards_every_test(network_attempts):
    before = network_attempts.read_text()
    with pytest.raises(NetworkUsedError):
        reach(ELSEWHERE)
    process = multiprocessing.get_context("fork").Process(target=reach, args=(ELSEWHERE,))
    process.start()
    process.join()
    assert network_attempts.read_text() == before + f"{ELSEWHERE}\n" * 2
    network_attempts.write_text(before)  # those on purpose do not count


TEST = """
import socket
import pytest
def test_it():
    with pytest.raises(AssertionError):
        socket.create_connection(("192.0.2.1", 80))
"""


@pytest.mark.parametrize("jobs", [[], ["-n", "1"]])
def test_a_session_with_an_attempt_fails_though_its_tests_pass(tmp_path, pytestconfig, jobs):
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("conftest.py", "figures.py", "network.py", "typechecks.py"):
        (tests / name).write_text((pytestconfig.rootpath / "tests" / name).read_text())
    (tests / "test_it.py").write_text(TEST)
    # Without plugins that are only installed.
    options = ["--import-mode=importlib", "-p", "no:cacheprovider", "-p", "xdist", *jobs]
    command = [sys.executable, "-m", "pytest", *options, "tests"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert "1 passed" in done.stdout
    assert "network attempts: 1 (unexpected): 192.0.2.1" in done.stdout
    assert done.returncode == 1
