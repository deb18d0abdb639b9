"""Keeps tests off the network: connections to other machines, and questions for their addresses, fail."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

HERE = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None, socket.gethostname()}


class NetworkUsedError(AssertionError):
    """Something wanted to reach another machine."""


@contextmanager
def no_network(attempts: Path) -> Generator[None]:
    """Refuse every attempt to reach another machine, and write its name down; also in processes that are forked off."""
    connect, ask = socket.socket.connect, socket.getaddrinfo

    def refuse(host: Any) -> None:
        if host not in HERE:
            with attempts.open("a", encoding="utf-8") as file:
                file.write(f"{host}\n")
            raise NetworkUsedError(f"tests work without a network, but something wanted to reach {host}")

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse(address[0])
        connect(self, address)

    def ask_here(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse(host)
        return ask(host, *args, **kwargs)

    with mock.patch.object(socket.socket, "connect", connect_here), mock.patch("socket.getaddrinfo", ask_here):
        yield
