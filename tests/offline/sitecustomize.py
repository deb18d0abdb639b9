"""Imported by every Python that tests start: keeps it off the network, as the tests themselves are."""

import os
import sys
from pathlib import Path

if attempts := os.environ.get("IDM_NETWORK_ATTEMPTS"):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from network import no_network

    guard = no_network(Path(attempts))  # kept: it ends with its last reference
    guard.__enter__()
    sys.path.pop(0)
