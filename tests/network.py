"""Keeps tests off the network: connections and messages to other machines, and questions for their addresses, fail."""

import os
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

HERE = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None, socket.gethostname()}

OFFLINE = Path(__file__).parent / "offline"
"""Where the module lies that every Python imports when it starts."""

ATTEMPTS = "IDM_NETWORK_ATTEMPTS"
"""Name of the file of attempts, in the environment."""


class NetworkUsedError(AssertionError):
    """Something wanted to reach another machine."""


@contextmanager
def no_network(attempts: Path) -> Generator[None]:
    """Refuse every attempt to reach another machine, and write its name down.

    Processes that are forked off do the same, and so does every Python that is started meanwhile, by ``OFFLINE``.
    """
    path = os.pathsep.join([str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])])

    def refuse(host: Any) -> None:
        if host not in HERE:
            with attempts.open("a", encoding="utf-8") as file:
                file.write(f"{host}\n")
            raise NetworkUsedError(f"tests work without a network, but something wanted to reach {host}")

    def only_here(name: str) -> Any:
        """Return a method of sockets whose last argument is an address, for addresses on this machine."""
        method = getattr(socket.socket, name)

        def call(self: socket.socket, *args: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(args[-1], tuple):
                refuse(args[-1][0])
            return method(self, *args)

        return mock.patch.object(socket.socket, name, call)

    def ask_here(name: str) -> Any:
        function = getattr(socket, name)

        def ask(host: Any, *args: Any, **kwargs: Any) -> Any:
            refuse(host)
            return function(host, *args, **kwargs)

        return mock.patch.object(socket, name, ask)

    with ExitStack() as stack:
        for method in ("connect", "connect_ex", "sendto", "sendmsg"):
            stack.enter_context(only_here(method))
        for function in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            stack.enter_context(ask_here(function))
        stack.enter_context(mock.patch.dict(os.environ, {"PYTHONPATH": path, ATTEMPTS: str(attempts)}))
        yield
