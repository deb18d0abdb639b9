"""Running a command and looking at its memory."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

LOOK_SECONDS = 0.1
"""Time between looks at the memory."""

KINDS = re.compile(r"^(VmHWM|RssAnon|RssFile|RssShmem):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Watched:
    """What a command took.

    Attributes:
        status: its exit status.
        seconds: how long it ran.
        resident_mb: most megabytes (10^6 bytes) that were resident at once, as the system counts them.
        anonymous_mb: most that were the process's own, in pieces of ``LOOK_SECONDS``; the rest are pages of files,
            which the system takes back when memory is short.
        said: what it wrote.
    """

    status: int
    seconds: float
    resident_mb: float
    anonymous_mb: float
    said: str


def watch(command: Sequence[str]) -> Watched:
    """Run a command to its end; what it starts itself is not counted."""
    with TemporaryFile() as written:
        start, anonymous = time.perf_counter(), 0
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT)
        while True:
            anonymous = max(anonymous, _memory(process.pid).get("RssAnon", 0))
            pid, waited, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(LOOK_SECONDS)
        seconds, process.returncode = time.perf_counter() - start, os.waitstatus_to_exitcode(waited)
        written.seek(0)
        said = written.read().decode(errors="replace")
    return Watched(process.returncode, seconds, usage.ru_maxrss * 1.024e-3, anonymous * 1.024e-3, said)


def _memory(pid: int) -> dict[str, int]:
    """Return what is resident, kB by kind; nothing of a process that has ended."""
    try:
        return {name: int(size) for name, size in KINDS.findall(Path(f"/proc/{pid}/status").read_text())}
    except OSError:
        return {}
