"""The implementations that ours are compared with; a new one is one file and one line in ``PEERS``."""

from collections.abc import Sequence
from importlib import metadata

from idm.bench.entrant import Entrant
from idm.bench.ours import OURS
from speed.peers.base import Peer
from speed.peers.diffusers import DIFFUSERS
from speed.peers.lucidrains import LUCIDRAINS

PEERS: tuple[Peer, ...] = (DIFFUSERS, LUCIDRAINS)
DISTRIBUTIONS = ("diffusers", "denoising-diffusion-pytorch", "ema-pytorch")


def installed(peers: Sequence[Peer] = PEERS, ours: Sequence[Entrant] = OURS) -> tuple[list[Entrant], list[str]]:
    """Find out which peers can take part.

    Args:
        peers: those that are asked for.
        ours: who takes part in any case.

    Returns:
        All who take part, in the order of the rows: the first is what the others are compared with. For each of the
        other peers a line that says how to install it.
    """
    present: list[Entrant] = []
    missing: list[str] = []
    for peer in peers:
        try:
            peer.require()
        except ImportError as error:
            missing.append(f"{peer.name} is left out ({error}); to have it: {peer.install}")
        else:
            present.append(peer)
    return [*present, *ours], missing


def versions() -> dict[str, str]:
    """Return the versions of the peers that are installed."""
    found = {name: _version(name) for name in DISTRIBUTIONS}
    return {name: version for name, version in found.items() if version is not None}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


__all__ = ["DIFFUSERS", "LUCIDRAINS", "PEERS", "Peer", "installed", "versions"]
