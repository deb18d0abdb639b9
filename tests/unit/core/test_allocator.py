"""Freed memory is kept: the kernel clears no page twice."""

import os
import subprocess
import sys

import pytest

FAULTS = """\
import resource
import numpy as np
from idm.core.allocator import keep_freed_memory

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        blocks = [np.ones(2**20) for _ in range(8)]  # of 8 MiB, or 2,048 pages each
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

kept = keep_freed_memory() if {keep} else None
new_pages()
print(kept, new_pages())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's")


def run(keep, **variables):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GLIBC", "MALLOC"))}
    script = [sys.executable, "-c", FAULTS.format(keep=keep)]
    result = subprocess.run(script, env=clean | variables, capture_output=True, text=True, check=True)
    kept, faults = result.stdout.split()
    return kept, int(faults)


def test_blocks_of_megabytes_are_used_again():
    kept, faults = run(True)
    if kept == "False":
        pytest.skip("another C library")
    assert faults < 1000 < run(False)[1]


@pytest.mark.parametrize("variable", ["GLIBC_TUNABLES", "MALLOC_ARENA_MAX"])
def test_the_users_own_settings_are_left_alone(variable):
    value = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2", "MALLOC_ARENA_MAX": "2"}[variable]
    assert run(True, **{variable: value})[0] == "False"
