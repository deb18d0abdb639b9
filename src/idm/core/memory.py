"""The memory of this machine; imports no torch."""

import os


def machine_memory() -> int | None:
    """Return the bytes of memory of this machine; None where the system does not tell, as on Windows."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
