"""What takes seconds to make is made once in a run of the tests, by the process that wants it first."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a copy, for this process alone, of a folder that ``make`` has filled in this or in another process.

    Paths of the folder that are written down in it stay those of where it was made, which nobody changes.

    Args:
        tmp_path_factory: of the run of the tests.
        name: of the folder, another one for every ``make``.
        make: fills the empty folder that it is given.
    """
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"
    home.mkdir(exist_ok=True)
    with (home / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given up when the file is closed, or its process dies
        if not (home / f"{name}.made").exists():
            shutil.rmtree(home / name, ignore_errors=True)
            (home / name).mkdir()
            make(home / name)
            (home / f"{name}.made").touch()
    return shutil.copytree(home / name, tmp_path_factory.mktemp(name, numbered=True) / name, symlinks=True)
