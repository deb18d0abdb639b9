"""The guard that keeps all tests off the network works."""

import socket

import pytest

from ..network import NetworkUsedError, no_network


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 80)])
def test_other_machines_are_refused_and_named(address):
    with no_network() as attempts:
        with pytest.raises(NetworkUsedError, match=address[0]):
            socket.create_connection(address, timeout=1)
        with socket.socket() as ours, pytest.raises(NetworkUsedError):
            ours.connect(address)
    assert attempts == [address[0]] * 2


def test_this_machine_is_reached():
    with no_network() as attempts, socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    assert attempts == []


def test_it_guards_every_test():
    with pytest.raises(NetworkUsedError), socket.socket() as ours:
        ours.connect(("192.0.2.1", 80))
