"""How the process keeps its memory; imports no torch."""

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of ``mallopt``'s parameters, as in glibc's malloc.h."""

ALL_BYTES = 2**31 - 1
LARGEST_BYTES = (2**30, 2**25)
"""Bytes up to which blocks come from kept memory; older versions of glibc take no more than the second."""


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the process instead of giving it back at once, where it is glibc.

    By default blocks of megabytes are given back as soon as they are free, and the kernel has to clear every page anew
    for the next tensor of that size: on a processor that is a fifteenth to a third of the time of a network. The most
    memory that a process holds stays the same. Meant for a program, at its start; who has set glibc's own variables
    ``GLIBC_TUNABLES`` or ``MALLOC_...`` is not overruled.

    Returns:
        Whether it was done.
    """
    if sys.platform != "linux" or any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return any(mallopt(MMAP_THRESHOLD, size) for size in LARGEST_BYTES) and bool(mallopt(TRIM_THRESHOLD, ALL_BYTES))
