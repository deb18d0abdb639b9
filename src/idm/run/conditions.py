"""The conditions of a data set: a second source, read in step with the first."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from idm.core.errors import DataError, SettingsError
from idm.data import Codec, Dataset, Source
from idm.data.base import Indices
from idm.data.crop import crop_sizes
from idm.data.sizes import Sizes, sizes_in_words
from idm.data.values.ranges import find_range
from idm.run.condition_spec import ConditionSpec, fits_beside
from idm.settings.experiment import DataSettings

NAMES = (
    ("data.source", "data.condition"),
    ("data.range", "data.condition.range"),
    ("data.standardize", "data.condition.standardize"),
)
"""Settings of samples, as messages of sources name them, and those of conditions."""

HEADS = {"data:": "data.condition:", "range:": "data.condition.range:", "standardize:": "data.condition.standardize:"}
"""How messages about samples begin, and those about conditions."""

PLACE = re.compile(r"(#\d+|\[[\d:,]+\])*$")
"""Where in its file a sample lies, at the end of its name: the fourth, ``#3``, or a patch, ``[0:64,128:192]``."""

UNTOLD = "data: conditions are told in place of classes, which only say what is held out"
"""What is worth knowing of data with classes."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """The conditions of all samples of a source.

    Attributes:
        source: where they come from.
        rows: number of the condition of each sample.
        spec: their description.
        remarks: what is worth knowing of how they were read, a line each.
    """

    source: Source
    rows: Indices
    spec: ConditionSpec
    remarks: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """How many, of what shape and values: 1,000 of 1 x 8 x 8, float32, continuous, -3 to 3; 1 array."""
        shape = " x ".join(map(str, self.source.shape))
        return f"{len(self.source):,} of {shape}, {self.spec.codec.words}; {self.source.note}"

    def of(self, samples: Indices, **options: Any) -> Dataset:
        """Return those of the samples of these numbers; options as of ``Dataset``."""
        return Dataset(self.source, self.spec.codec, self.rows[samples], **options)


def open_conditions(settings: DataSettings, samples: Source, codec: Codec | None = None) -> Conditions | None:
    """Open the conditions of samples; None where there are none.

    Args:
        settings: the data.
        samples: the source of the samples.
        codec: how values map to the model's range; by default fitted to the conditions.

    Raises:
        DataError: they cannot be read, are another number than the samples, or do not fit beside them.
        SettingsError: a range that does not suit them, or crops of samples that are larger.
    """
    told = settings.condition
    if not told.is_on:
        return None
    if told.get("path") == "":
        raise DataError("data.condition.path: a folder or file wanted, got none; give it with condition=PATH")
    with of_conditions():
        source: Source = told.build(trust_code=False, apart=())
        remarks = source.remarks
        if codec is None:
            chosen = find_range(source, told.range, standardize=told.standardize)
            codec, remarks = Codec.of(source.dtype.name, chosen), (*remarks, *chosen.remarks)
        shape = (
            (source.shape[0], *crop_sizes(source.shape, settings.random_crop)) if settings.random_crop else source.shape
        )
        spec = ConditionSpec(shape, codec, source.layout, source.fingerprint(), source.channel_names)
    _refuse_unfit(source, samples, crop=settings.random_crop)
    rows, about_order = in_step(samples.names, source.names, len(samples))
    untold = () if samples.labels is None or not settings.class_conditional else (UNTOLD,)
    return Conditions(source, rows, spec, (*map(about_conditions, remarks), *about_order, *untold))


def in_step(
    samples: Sequence[str] | None, conditions: Sequence[str] | None, count: int
) -> tuple[Indices, tuple[str, ...]]:
    """Find the condition of each sample: by names where those of samples are among those of conditions, else in order.

    Args:
        samples: name of each sample; None where they have none.
        conditions: name of each condition, likewise.
        count: how many samples there are, and conditions where names do not tell.

    Returns:
        Numbers of conditions; and what is worth knowing of that, a line each.
    """
    rows = np.arange(count)
    if samples is None or conditions is None:
        return rows, ()
    found = _found_by_names(samples, conditions)
    if found is not None:
        left = len(conditions) - count
        line = f"data.condition: {left:,} of {len(conditions):,} conditions have names of no sample and are not used"
        return found, (line,) if left else ()
    first = next(
        row for row, names in enumerate(zip(*_compared(samples, conditions), strict=True)) if len({*names}) > 1
    )
    pair = f"condition {conditions[first]} goes with sample {samples[first]}"
    return rows, (f"data.condition: {pair}, and so on in order, as their names differ",)


def are_as_many(samples: Source, conditions: Source) -> bool:
    """Whether each sample has a condition: there are as many, or names tell which are left over."""
    if len(samples) == len(conditions):
        return True
    named = samples.names is not None and conditions.names is not None
    return named and _found_by_names(samples.names or (), conditions.names or ()) is not None


def _found_by_names(samples: Sequence[str], conditions: Sequence[str]) -> Indices | None:
    """Return the number of the condition of the same name as each sample; None where names do not tell."""
    wanted, there = _compared(samples, conditions)
    if wanted == there:
        return np.arange(len(wanted))
    number = {name: row for row, name in enumerate(there)}
    is_told = len(number) == len(there) and len(set(wanted)) == len(wanted) and number.keys() >= set(wanted)
    return np.array([number[name] for name in wanted], dtype=np.int64) if is_told else None


def _compared(samples: Sequence[str], conditions: Sequence[str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what is compared of names: files, and places in them; these alone where either are of one file."""
    ours, theirs = ([_file_and_place(name) for name in names] for names in (samples, conditions))
    if len({file for file, _ in ours}) == len({file for file, _ in theirs}) == 1:
        ours, theirs = ([("", place) for _, place in parts] for parts in (ours, theirs))
    return ours, theirs


def about_conditions(line: str) -> str:
    """Say of conditions what a source says of samples; a path stays what it is, whatever it is called."""
    for ours, theirs in NAMES:
        line = re.sub(rf"(?<![\w./\\-]){re.escape(ours)}(?![\w/\\-])", theirs, line)
    head, space, rest = line.partition(" ")
    return f"{HEADS.get(head, head)}{space}{rest}"


@contextmanager
def of_conditions() -> Generator[None, None, None]:
    """Let refusals of a source name the settings of conditions."""
    try:
        yield
    except (DataError, SettingsError) as error:
        raise type(error)(*map(about_conditions, error.lines)) from error


def _refuse_unfit(conditions: Source, samples: Source, crop: Sizes) -> None:
    count, shape = len(conditions), conditions.shape
    if not are_as_many(samples, conditions):
        raise DataError(
            f"condition: one for each of the {len(samples):,} samples wanted, in the same order, got {count:,}; "
            "give as many"
        )
    if not fits_beside(shape, samples.shape):
        axes = len(samples.shape) - 1
        raise DataError(
            f"condition: fields of {axes} spatial axes, none of them longer than those of the samples, "
            f"{samples.shape}, wanted, got {shape}; smaller ones are enlarged: coarsen them, or change "
            "data.condition.channels"
        )
    if crop and shape[1:] != samples.shape[1:]:
        raise SettingsError(
            f"random_crop: 0 wanted where conditions are smaller than the samples, {shape} beside "
            f"{samples.shape}, got {sizes_in_words(crop)}; set data.random_crop=0, or enlarge the conditions"
        )


def _file_and_place(name: str) -> tuple[str, str]:
    """Return a path without what follows the first dot of the file's name, and where in that a sample lies, as #3."""
    place = PLACE.search(name)
    assert place is not None, "it may be empty"
    folder, slash, file = name[: place.start()].rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0] or file}", place[0]
