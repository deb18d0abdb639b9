"""What every writer of samples is: files of one format, whose tools know the values as they were."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.axes import LAYOUTS
from idm.data.base import Samples
from idm.data.file_names import composed
from idm.data.metadata import Metadata
from idm.data.metadata.netcdf import Named

SET = "samples"
"""What names of files of several samples begin with."""

DATA, LABELS = "data", "labels"
"""What samples and their labels are called in files of several arrays where nobody said another name."""

LONGEST_CLASS = 40
"""Most characters of a class in the name of a file."""


SIMPLER = {"bool": "uint8", "float16": "float32"}
"""What becomes of types that many formats lack."""

TITLE = r"[0-9]{5,12}(_[^/]*)?"
"""Regular expression of what ``ToWrite.title`` returns."""


@dataclass(frozen=True)
class Form:
    """What samples of a run are, whatever their values.

    Attributes:
        shape: channels and spatial sizes of one, (c, *space).
        dtype: of their values.
        layout: where arrays of them have their channel axis: "first", "last" or "none".
        channel_names: name of each channel; None where they have none.
        sampling_rate: values of a signal per second, Hz; None where it is not known.
        metadata: what else is known of them.
        sample_axis: the axis along which all of them lay in the file that they came in; None: it had none.
        levels: number of their levels; None of continuous data.
        from_images: whether the data were image files, whose values are shades as they are.
        shown: data values that are black and white in pictures, one pair, or one for each channel.
        data_name: what the samples are called among the arrays or columns of the data's files; None: nobody said.
        label_name: what their labels are called there.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str = "first"
    channel_names: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    metadata: Metadata | None = None
    sample_axis: Named | None = None
    levels: int | None = None
    from_images: bool = False
    shown: tuple[tuple[float, float], ...] = ((0.0, 255.0),)
    data_name: str | None = None
    label_name: str | None = None


@dataclass(frozen=True, eq=False)
class ToWrite:
    """Samples on their way to files.

    Attributes:
        data: the samples [n, c, *space] in the units and dtype of the data.
        form: what they are.
        classes: name of the class of each; "" or nothing where there is none.
        seeds: seed of each; nothing where they have none.
        beside: arrays with an entry for each sample, or of all, that stand beside them, such as labels.
    """

    data: Samples
    form: Form
    classes: Sequence[str] = ()
    seeds: Sequence[int] = ()
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    @property
    def arranged(self) -> NDArray[Any]:
        """The samples in the order of axes that the data came in."""
        return LAYOUTS[self.form.layout].restore(self.data)

    def by_name(self, allowed: str) -> dict[str, NDArray[Any]]:
        """Return the samples, first, and all arrays beside them, under the names that samples and labels had.

        Args:
            allowed: regular expression of names that the format can have; others, and those of two, are not taken.
        """
        usual = {DATA: self.arranged, **self.beside}
        if self.form.channel_names is not None:
            usual["channel_names"] = np.array(self.form.channel_names)
        own = {DATA: self.form.data_name, LABELS: self.form.label_name}
        taken = {name: told for name, told in own.items() if told and re.fullmatch(allowed, told)}
        names = [taken.get(name, name) for name in usual]
        return dict(zip(names if len(set(names)) == len(names) else usual, usual.values(), strict=True))

    def title(self, row: int) -> str:
        """Name a sample by its number, class and seed: 00003_cat_seed10."""
        name = in_file_name(self.classes[row]) if self.classes else ""
        seed = f"seed{self.seeds[row]}" if self.seeds else ""
        return "_".join(filter(None, (f"{row:05d}", name, seed)))

    def number(self, row: int) -> str:
        """Name a sample by its number and seed alone: 00003_seed10."""
        return replace(self, classes=()).title(row)


class Writer(ABC):
    """A format of files.

    Attributes:
        place: name of its file, or of the folder of its files, in a folder of results.
        pattern: regular expression of the names of its files there.
        holds_sets: whether a file holds several samples.
        package: package that it needs besides those of the program, and the extra that installs it; None: no other.
    """

    place: ClassVar[str]
    pattern: ClassVar[str]
    holds_sets: ClassVar[bool] = True
    package: ClassVar[tuple[str, str] | None] = None

    @abstractmethod
    def wanted(self, form: Form) -> str:
        """Say what samples the format can hold, in a few words; "" where these are such."""

    @abstractmethod
    def suffix(self, form: Form) -> str:
        """Return how names of files end, of those of a folder that of one which is always there."""

    @abstractmethod
    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Go through the files, by their names in the folder of results."""

    def float_type(self, form: Form) -> np.dtype[Any] | None:
        """Return the floats that means and deviations of such samples can be; None: the format holds none."""
        return np.result_type(form.dtype, np.float32)

    def titled(self, samples: ToWrite, title: str) -> Iterator[tuple[str, bytes]]:
        """Go through the files by names that begin with a title; of a format of separate files, of one sample."""
        for name, content in self.files(samples):
            yield title + name.partition(SET)[2], content


class SeparateWriter(Writer):
    """A format of which each sample is a file of its own, in a folder of them."""

    holds_sets = False

    @abstractmethod
    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return the file of a sample [c, *space]; of floats the nearest numbers, where the format holds no others."""

    def name(self, samples: ToWrite, row: int) -> str:
        """Return the name of the file of a sample."""
        return f"{self.place}/{samples.title(row)}{self.suffix(samples.form)}"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Go through the files, one for each sample."""
        for row, values in enumerate(samples.data):
            yield self.name(samples, row), self.content(values, samples.form)

    def titled(self, samples: ToWrite, title: str) -> Iterator[tuple[str, bytes]]:
        """Give the file of the one sample that there is."""
        (values,) = samples.data
        yield title + self.suffix(samples.form), self.content(values, samples.form)


def in_file_name(name: str) -> str:
    """Return what the name of a class becomes in names of files: letters and digits of any script, - and . alone."""
    return re.sub(r"[^\w.-]+|_", "-", composed(name))[:LONGEST_CLASS].strip("-.")


def wider(values: NDArray[Any], missing: Mapping[str, str] = SIMPLER) -> NDArray[Any]:
    """Return values, of types that a format lacks as those that it has in place of them."""
    return values.astype(missing.get(values.dtype.name, values.dtype), copy=False)
