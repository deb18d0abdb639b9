"""The memory of this machine; imports no torch."""

import os
import resource
import sys


def machine_memory() -> int | None:
    """Return the bytes of memory of this machine; None where the system does not tell, as on Windows."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def largest_memory() -> int:
    """Return the most bytes of memory that this process has had so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most  # Linux counts in KiB
