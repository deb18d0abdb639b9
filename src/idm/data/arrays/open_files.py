"""Files that are kept open between reads: few of them, however many there are."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

MOST_OPEN = 64
"""Files that are open at once, of one source; systems allow a process 256 or more, for everything."""


@final
@dataclass(eq=False)
class OpenFiles:
    """The files that were read last; each that was not is opened anew.

    Attributes:
        open: opens a file, as a mapping from names to arrays; it is closed when nobody refers to it any more.
    """

    open: Callable[[Path], Mapping[str, Any]]
    _files: OrderedDict[Path, "_OpenFile"] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def array(self, where: Path, name: str) -> "OnDisk":
        """Return an array of a file, which is opened when it is read."""
        return OnDisk(self, where, name)

    def __getitem__(self, where: Path) -> "_OpenFile":
        """Return a file that is open, for as long as somebody refers to it."""
        with self._lock:
            found = self._files.pop(where, None) or _OpenFile(self.open(where))
            self._files[where] = found
            if len(self._files) > MOST_OPEN:
                self._files.popitem(last=False)
            return found


@dataclass(eq=False)
class _OpenFile:
    """A file with those of its arrays that were read, which keep what they unpacked last."""

    members: Mapping[str, Any]
    arrays: dict[str, Any] = field(default_factory=dict)

    def array(self, name: str) -> Any:
        """Return an array, not read."""
        if name not in self.arrays:
            self.arrays[name] = self.members[name]
        return self.arrays[name]


@dataclass(frozen=True, eq=False)
class OnDisk:
    """An array of a file, which is read by slices, numbers, and one array of rising numbers."""

    files: OpenFiles
    where: Path
    name: str

    def __getitem__(self, key: Any) -> NDArray[Any]:
        file = self.files[self.where]  # it stays open until all is read
        return np.asarray(file.array(self.name)[key])
