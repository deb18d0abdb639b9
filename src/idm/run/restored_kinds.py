"""Kinds of files that restored samples come back in: those that they were seen in, with what these say of them.

Everything here takes samples in the units and the order of axes of the data.
"""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.axes import LAYOUTS
from idm.data.writers import Form, ToWrite, Writer
from idm.data.writers.npz import npz_bytes
from idm.data.writers.png import PngWriter, png_bytes
from idm.run.point_files import PointTable
from idm.run.spec import DataSpec

Files = Iterator[tuple[str, bytes]]
"""Files by their names."""


class Kind(ABC):
    """How the restored samples of a file are written.

    Attributes:
        holds_sets: whether files hold several samples.
    """

    holds_sets: bool

    @abstractmethod
    def names(self, title: str, num: int, count: int) -> list[str]:
        """Name the files of ``num`` draws of each of ``count`` samples, of their mean and standard deviation."""

    @abstractmethod
    def of_draws(self, title: str, draws: NDArray[Any]) -> Files:
        """Make the files of draws [n, num, ...]; n is 1 where files hold one sample."""

    @abstractmethod
    def of_mean(self, title: str, mean: NDArray[np.float64]) -> Files:
        """Make the file of means [n, ...]."""

    @abstractmethod
    def of_std(self, title: str, std: NDArray[np.float64], largest: float) -> Files:
        """Make the file of standard deviations [n, ...], the largest of which, of all files, is told."""


@final
@dataclass(frozen=True, eq=False)
class ByWriter(Kind):
    """By the writer of a format, with the metadata of the file that came.

    Standard deviations, and means with their fractions, are floats; a format that holds none has means to the nearest
    number, and standard deviations lie in a .npy file.

    Attributes:
        writer: the writer.
        form: what is known of the samples.
        layout: where arrays of them that come here have their channel axis.
        holds_sets: as of the writer.
    """

    writer: Writer
    form: Form
    layout: str
    holds_sets: bool

    def names(self, title: str, num: int, count: int) -> list[str]:
        """Each draw has a file of its own."""
        own, of_floats = self.writer.suffix(self.form), self._of_floats
        of_mean, of_std = (own, ".npy") if of_floats is None else (self.writer.suffix(of_floats),) * 2
        return [*_numbered(title, num, own), f"{title}-mean{of_mean}", f"{title}-std{of_std}"]

    def of_draws(self, title: str, draws: NDArray[Any]) -> Files:
        """Make a file for each."""
        for j in range(draws.shape[1]):
            yield from self._files(f"{title}-{j:02d}", draws[:, j], self.form)

    def of_mean(self, title: str, mean: NDArray[np.float64]) -> Files:
        """Make a file of floats, or of the nearest numbers."""
        form = self._of_floats
        values = mean if form is None else mean.astype(form.dtype)
        return self._files(f"{title}-mean", values, form or self.form)

    def of_std(self, title: str, std: NDArray[np.float64], largest: float) -> Files:
        """Make a file of floats, or of their array."""
        if (form := self._of_floats) is not None:
            yield from self._files(f"{title}-std", std.astype(form.dtype), form)
        else:
            yield f"{title}-std.npy", npy_bytes(std[0] if len(std) == 1 else std)

    @property
    def _of_floats(self) -> Form | None:
        dtype = self.writer.float_type(self.form)
        return None if dtype is None else replace(self.form, dtype=dtype)

    def _files(self, title: str, values: NDArray[Any], form: Form) -> Files:
        return self.writer.titled(ToWrite(LAYOUTS[self.layout].arrange(values), form), title)


@final
@dataclass(frozen=True, eq=False)
class Pictures(Kind):
    """As PNG files; standard deviations as shades of the largest of all.

    Attributes:
        form: what is known of the samples.
    """

    form: Form
    holds_sets = False

    def names(self, title: str, num: int, count: int) -> list[str]:
        """Each draw has a file of its own."""
        return [*_numbered(title, num, ".png"), f"{title}-mean.png", f"{title}-std.png"]

    def of_draws(self, title: str, draws: NDArray[Any]) -> Files:
        """Make a picture of each."""
        for j, sample in enumerate(draws[0]):
            yield f"{title}-{j:02d}.png", self._picture(sample)

    def of_mean(self, title: str, mean: NDArray[np.float64]) -> Files:
        """Make a picture of it."""
        yield f"{title}-mean.png", self._picture(mean[0])

    def of_std(self, title: str, std: NDArray[np.float64], largest: float) -> Files:
        """Draw it from black to white."""
        shades = np.rint(255 * self._arranged(std[0]) / largest)
        yield f"{title}-std.png", png_bytes(shades.astype(np.uint8))

    def _picture(self, sample: NDArray[Any]) -> bytes:
        return PngWriter().content(self._arranged(sample), self.form)

    def _arranged(self, sample: NDArray[Any]) -> NDArray[Any]:
        return LAYOUTS[self.form.layout].arrange(sample[None])[0]


@final
@dataclass(frozen=True, eq=False)
class Arrays(Kind):
    """As .npy or .npz files: all draws of a sample in one, those of sets as such sets.

    Attributes:
        suffix: of the files.
        holds_sets: whether files hold several samples.
    """

    suffix: str
    holds_sets: bool

    def names(self, title: str, num: int, count: int) -> list[str]:
        """Those of a set have a file each."""
        of_draws = [f"{title}{self.suffix}"] if count == 1 else _numbered(title, num, self.suffix)
        return [*of_draws, f"{title}-mean{self.suffix}", f"{title}-std{self.suffix}"]

    def of_draws(self, title: str, draws: NDArray[Any]) -> Files:
        """Make one file of those of a sample, one each of those of a set."""
        if len(draws) == 1:
            yield f"{title}{self.suffix}", self._bytes(draws[0])
            return
        for j in range(draws.shape[1]):
            yield f"{title}-{j:02d}{self.suffix}", self._bytes(draws[:, j])

    def of_mean(self, title: str, mean: NDArray[np.float64]) -> Files:
        """Make a file of it."""
        yield f"{title}-mean{self.suffix}", self._bytes(mean[0] if len(mean) == 1 else mean)

    def of_std(self, title: str, std: NDArray[np.float64], largest: float) -> Files:
        """Make a file of it."""
        yield f"{title}-std{self.suffix}", self._bytes(std[0] if len(std) == 1 else std)

    def _bytes(self, values: NDArray[Any]) -> bytes:
        return npz_bytes(data=values) if self.suffix == ".npz" else npy_bytes(values)


@final
@dataclass(frozen=True, eq=False)
class Tables(Kind):
    """As such tables: their columns in their order, what was not read as it came.

    Attributes:
        table: the table that came.
        spec: what is known of points like those in it.
        suffix: of the files.
    """

    table: PointTable
    spec: DataSpec
    suffix: str
    holds_sets = True

    def names(self, title: str, num: int, count: int) -> list[str]:
        """Each draw has a table of its own."""
        return [*_numbered(title, num, self.suffix), f"{title}-mean{self.suffix}", f"{title}-std{self.suffix}"]

    def of_draws(self, title: str, draws: NDArray[Any]) -> Files:
        """Make a table of each."""
        for j in range(draws.shape[1]):
            yield f"{title}-{j:02d}{self.suffix}", self.table.write(draws[:, j], self.spec)

    def of_mean(self, title: str, mean: NDArray[np.float64]) -> Files:
        """Make a table of them."""
        yield f"{title}-mean{self.suffix}", self.table.write(mean, self.spec)

    def of_std(self, title: str, std: NDArray[np.float64], largest: float) -> Files:
        """Make a table of them."""
        yield f"{title}-std{self.suffix}", self.table.write(std, self.spec)


def npy_bytes(values: NDArray[Any]) -> bytes:
    """Return an array as a .npy file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _numbered(title: str, num: int, suffix: str) -> list[str]:
    return [f"{title}-{j:02d}{suffix}" for j in range(num)]
