"""An implementation that is compared with ours."""

from abc import abstractmethod
from dataclasses import dataclass

from idm.bench.entrant import Entrant


@dataclass(frozen=True)
class Peer(Entrant):
    """A package that may be installed.

    Attributes:
        install: the command that installs it.
    """

    install: str = ""

    @abstractmethod
    def require(self) -> None:
        """Import what it needs.

        Raises:
            ImportError: it is not installed.
        """
