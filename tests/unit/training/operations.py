"""Something that happens just before each change that this process makes to the file system."""

import contextlib
import os
import shutil
from pathlib import Path
from unittest import mock

from idm.core.places import open_in_place as real_open_in_place
from idm.storage import lines


class Stream:
    """A file opened for writing, each of whose writes is an operation; a crash in it leaves half of the content."""

    def __init__(self, stream, before):
        self.stream, self.before = stream, before

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.stream.close()

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, content):
        half = len(content) // 2
        self.stream.write(content[:half])
        self.stream.flush()
        self.before("write")
        self.stream.write(content[half:])


@contextlib.contextmanager
def watched(before):
    """Call ``before(name)`` before each operation."""

    def announced(owner, name):
        real = getattr(owner, name)

        def operation(*args, **kwargs):
            before(name)
            return real(*args, **kwargs)

        return mock.patch.object(owner, name, operation)

    real_open = Path.open

    def open_(path, mode="r", *args, **kwargs):
        if mode[0] == "r":
            return real_open(path, mode, *args, **kwargs)
        before("open")
        return Stream(real_open(path, mode, *args, **kwargs), before)

    def open_in_place(path, mode):
        before("open")
        return Stream(real_open_in_place(path, mode), before)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(Path, "open", open_))
        stack.enter_context(mock.patch.object(lines, "open_in_place", open_in_place))
        places = [(Path, "rename"), (Path, "replace"), (Path, "mkdir"), (shutil, "rmtree")]
        for place in [*places, (os, "fsync"), (os, "truncate"), (os, "unlink"), (os, "rmdir")]:
            stack.enter_context(announced(*place))
        yield


class Countdown:
    """Counts operations of some names, and acts at number ``at``, or from there on."""

    def __init__(self, act=None, at=-1, *, names=None, and_after=False):
        self.act, self.at, self.names, self.and_after, self.seen = act, at, names, and_after, 0

    def __call__(self, name):
        if self.names is not None and name not in self.names:
            return
        self.seen += 1
        if self.act is not None and (self.seen == self.at or (self.and_after and self.seen > self.at)):
            self.act()


def die():
    """End the process as a crash does: nothing is cleaned up."""
    os._exit(137)


def full_disk():
    raise OSError(28, "No space left on device")


WRITES = ("open", "write", "fsync", "rename", "replace", "mkdir")
"""What a full disk refuses."""


def in_a_fork(work):
    """Do some work in a copy of this process; its exit code."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
