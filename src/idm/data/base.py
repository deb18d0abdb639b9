"""What every source of data is: samples in their own dtype and range, all of one shape, perhaps with labels.

A source neither scales nor shuffles nor splits: ranges belong to ``codec``, the split to ``split``, the order
of training to ``plan``.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray

from idm.core.passes import passed
from idm.data.beside import NOTHING_BESIDE, Beside
from idm.data.cutting import windows_at
from idm.data.file_names import composed
from idm.data.fingerprint import digest, spread, write_fingerprint
from idm.data.metadata import Metadata
from idm.data.metadata.netcdf import Named
from idm.data.wholes import Wholes

Indices = NDArray[np.int64]
"""Numbers of samples, int64 [n]."""

Samples = Shaped[np.ndarray, "n c *space"]
"""Samples in the dtype and range of the data."""

BLOCK_BYTES = 32 << 20
"""Bytes of a source that are looked at in one piece."""

CACHE_BYTES = 1 << 30
"""Samples that take more memory than this, with their conditions, are not kept in memory, but read as needed."""

LEVELS = {np.dtype(np.bool_): 2, np.dtype(np.uint8): 256, np.dtype(np.uint16): 65_536}
"""Number of levels of the dtypes that are quantised whatever the values are."""


LONGEST_NUMBER = 20
"""Characters of a class name below which it may be a number."""


class Source(ABC):
    """A finite, ordered set of samples of one shape.

    Attributes:
        shape: channels and spatial sizes of one sample, (c, *space); no spatial sizes for points.
        dtype: dtype of the samples, in the machine's byte order.
        labels: class of each sample, int64 [n] in [0, number of classes); None where there are none.
        class_names: name of each class; None where there are no labels.
        class_numbers: what labels call the classes, where they number names that the data hold apart from them; None
            elsewhere. Runs of earlier versions know the classes by them.
        levels: number of equally spaced levels from 0 if the data are known to be quantised (17 for the digits,
            256 for 8-bit, 65,536 for 16-bit data); None otherwise.
        note: how the data were read, in a few words.
        names: name of each sample, such as the path of its file below the folder; None where samples have none.
        remarks: what is worth knowing of how the data were read, a line each, such as what is not read.
        layout: where the data's own arrays have their channel axis: "first", "last" or "none" (see ``axes``).
        spacing: distance of neighbouring places along each spatial axis, such as the size of voxels, in any one unit;
            None where it is not known.
        channel_names: name of each channel, such as those of the columns of a table; None where they have none.
        sampling_rate: values of a signal per second, Hz; None where it is not known.
        metadata: what else their owner needs back with samples, such as where a volume lies; None: nothing is known.
        sample_axis: the axis along which all samples lie, such as time with its coordinates; None: there is none.
        beside: columns or arrays that hold something else of each sample, such as the patient it is of.
        wholes: what samples were cut from, which a split does not divide; None: each stands alone.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    labels: Indices | None
    class_names: tuple[str, ...] | None
    levels: int | None
    note: str
    names: Sequence[str] | None = None
    remarks: tuple[str, ...] = ()
    class_numbers: tuple[str, ...] | None = None
    layout: str = "first"
    spacing: tuple[float, ...] | None = None
    channel_names: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    metadata: Metadata | None = None
    sample_axis: Named | None = None
    beside: Beside = NOTHING_BESIDE
    wholes: Wholes | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples, at least 1."""

    @abstractmethod
    def read(self, indices: Indices) -> Samples:
        """Return the samples of those numbers, in that order, as [n, c, *space].

        Raises:
            IndexError: a number outside the source.
            DataError: a sample cannot be read any more.
        """

    def __getitem__(self, index: int) -> Shaped[np.ndarray, "c *space"]:
        """Return one sample, [c, *space]."""
        return self.read(np.array([index]))[0]

    def read_windows(self, index: int, firsts: NDArray[np.int64], size: tuple[int, ...]) -> Samples:
        """Return windows of one sample, [k, c, *size]; sources of large samples read no more than these.

        Args:
            index: number of the sample.
            firsts: first place of each window along each axis of space, [k, axes].
            size: their size along each.
        """
        sample = self[index]
        return np.stack([sample[(slice(None), *window)] for window in windows_at(firsts, size)])

    def are_complete(self, index: int, firsts: NDArray[np.int64], size: tuple[int, ...]) -> NDArray[np.bool_]:
        """Say of each window of a sample whether it is to be read: not where values are missing and so left out, [k].

        Arguments are as of ``read_windows``.
        """
        return np.ones(len(firsts), dtype=np.bool_)

    def columns_of(self, indices: Indices) -> dict[str, list[Any]]:
        """Return what tables say of samples besides their names, a column each; by default nothing."""
        return {}

    def blocks(self) -> Iterator[Samples]:
        """Go through all samples in order, in pieces of bounded memory."""
        yield from map(self.read, passed(blocks(np.arange(len(self)), self.sample_bytes), len(self)))

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return math.prod(self.shape) * self.dtype.itemsize

    def fingerprint(self) -> str:
        """Tell these data from others: a hash each of names, labels and contents, wherever the data lie.

        Some contents are read, at most about 1,000 samples where there are many, see ``fingerprint``.

        Raises:
            DataError: a sample cannot be read any more.
        """
        return self._written(np.arange(len(self)), self.class_names, self.aspects())

    def fingerprint_of(self, indices: Indices, class_names: tuple[str, ...] | None) -> str:
        """Return the fingerprint that data of only these samples would have, whose classes have these names.

        Args:
            indices: numbers of the samples, at least one, increasing.
            class_names: names of the classes; None where there are no labels.
        """
        return self._written(indices, class_names, self.aspects_of(indices))

    def aspects(self) -> dict[str, str]:
        """Return a hash each of what is particular to a kind of source; by default, the values of some samples."""
        return self.aspects_of(np.arange(len(self)))

    def aspects_of(self, indices: Indices) -> dict[str, str]:
        """Return what ``aspects`` would for data of only these samples."""
        chosen = indices[spread(len(indices), len(indices) * self.sample_bytes)]
        little_endian = self.dtype.newbyteorder("<")
        values = (row for some in blocks(chosen, self.sample_bytes) for row in self.read(some).astype(little_endian))
        facts = f"{len(indices)} {self.shape} {self.dtype.name}".encode()
        return {"contents": digest(chain([facts], (row.tobytes() for row in values)))}

    def earliest(self, count: int) -> Indices:
        """Number the samples that were probably there before the others, increasing: by default the first ones."""
        return np.arange(count)

    def _written(self, indices: Indices, class_names: tuple[str, ...] | None, aspects: dict[str, str]) -> str:
        is_meant = np.zeros(len(self), np.bool_)
        is_meant[indices] = True  # in order: they increase
        names = map(_bytes_of, compress(self.names or (), is_meant))
        labels = b""
        if self.labels is not None and self.class_names is not None:
            number = {name: i for i, name in enumerate(class_names or ())}
            numbers = np.array([number.get(name, -1) for name in self.class_names])
            labels = numbers[self.labels[indices]].astype("<i8").tobytes()
        classes = _bytes_of("\n".join(class_names or ()))
        return write_fingerprint({"names": digest(names), "labels": digest([classes, labels])} | aspects)

    def take_classes(self, known: tuple[str, ...] | None) -> None:
        """Number the classes as they were numbered before, where they are the same classes in another order.

        Without classes before, those that the data have are left out.

        Args:
            known: names of the classes, in the order of their numbers; None: none.
        """
        if known is None:
            self.labels, self.class_names = None, None
        elif self.labels is not None and self.class_names is not None:
            number = {composed(name): row for row, name in enumerate(known)}
            if sorted(number) == sorted(map(composed, self.class_names)) and len(number) == len(known):
                self.labels = np.array([number[composed(name)] for name in self.class_names])[self.labels]
                self.class_names = known
            elif known == self.class_numbers:
                self.class_names = known

    def describe(self) -> dict[str, Any]:
        """Return what was found, as JSON-able values for people and records."""
        return {
            "samples": len(self),
            "shape": list(self.shape),
            "dtype": self.dtype.name,
            "levels": self.levels,
            "class_names": None if self.class_names is None else list(self.class_names),
            "note": self.note,
        }


def blocks(indices: Indices, sample_bytes: int) -> Iterator[Indices]:
    """Cut ``indices`` into pieces whose samples take about ``BLOCK_BYTES``."""
    size = max(1, BLOCK_BYTES // sample_bytes)
    return (indices[first : first + size] for first in range(0, len(indices), size))


def number_classes(names: NDArray[Any]) -> tuple[Indices, tuple[str, ...]]:
    """Number the distinct values of ``names``: the class of each sample, the name of each class.

    Whole numbers are in order of size, written as text, too: 10 comes after 9, and folder 1/10 after 1/9. Other text is
    sorted.
    """
    values = names if names.dtype.kind != "U" else np.array([composed(name) for name in names.reshape(-1).tolist()])
    distinct, labels = np.unique(values, return_inverse=True)
    texts = [str(name) for name in distinct]
    order = (
        np.array(sorted(range(len(texts)), key=lambda row: [*map(int, texts[row].split("/"))]))
        if _are_numbers(texts)
        else None
    )
    if order is None:
        return labels.astype(np.int64).reshape(-1), tuple(texts)
    return np.argsort(order)[labels].astype(np.int64).reshape(-1), tuple(texts[row] for row in order)


def _are_numbers(texts: list[str]) -> bool:
    """Whether all are whole numbers of a size that can be compared, or paths of such."""
    parts = (part for text in texts for part in text.split("/"))
    return all(len(part) < LONGEST_NUMBER and part.isascii() and part.removeprefix("-").isdigit() for part in parts)


def _bytes_of(name: str) -> bytes:
    """Return a name in UTF-8; those of files may hold bytes of other encodings."""
    return name.encode("utf-8", "surrogatepass")
