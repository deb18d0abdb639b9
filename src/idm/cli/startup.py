"""Quick starts and ends: the garbage collector leaves the many objects that torch is made of alone; and quiet ones."""

import atexit
import functools
import gc
import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Any


def with_torch(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that imports torch first, in a process that has not, without collecting garbage meanwhile.

    Modules, classes and functions live as long as the process: they are kept out of all later collections, of which
    the costliest comes with the end of the process.
    """

    @functools.wraps(verb)
    def started(*args: Any, **kwargs: Any) -> None:
        # What counts is refused by name, damaged tags count for nothing, and our limit of sizes is below Pillow's.
        warnings.filterwarnings("ignore", module=r"PIL\b")
        if "torch" not in sys.modules:
            gc.disable()
            importlib.import_module("torch")
            gc.freeze()
            gc.enable()
            atexit.register(gc.freeze)
        verb(*args, **kwargs)

    return started
