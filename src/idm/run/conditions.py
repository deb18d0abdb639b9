"""The conditions of a data set: a second source, read in step with the first."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from idm.core.errors import DataError, SettingsError
from idm.data import Codec, Dataset, Source
from idm.data.base import Indices
from idm.data.crop import crop_sizes
from idm.data.values.ranges import find_range
from idm.run.beside import lay_beside
from idm.run.condition_spec import ConditionSpec
from idm.settings.experiment import DataSettings

NAMES = (
    ("data.source", "data.condition"),
    ("data.range", "data.condition.range"),
    ("data.standardize", "data.condition.standardize"),
)
"""Settings of samples, as messages of sources name them, and those of conditions."""

HEADS = {"data:": "data.condition:", "range:": "data.condition.range:", "standardize:": "data.condition.standardize:"}
"""How messages about samples begin, and those about conditions."""


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
        source: Source = told.build(
            trust_code=False, apart=(), in_patches=bool(settings.patch_size), num_axes=len(samples.shape) - 1
        )
        remarks = source.remarks
    beside = lay_beside(settings, samples, source)
    source = beside.source
    with of_conditions():
        if codec is None:
            chosen = find_range(source, told.range, standardize=told.standardize)
            codec, remarks = Codec.of(source.dtype.name, chosen), (*remarks, *chosen.remarks)
        shape = (
            (source.shape[0], *crop_sizes(source.shape, settings.random_crop)) if settings.random_crop else source.shape
        )
        spec = ConditionSpec(shape, codec, source.layout, source.fingerprint(), source.channel_names)
    return Conditions(source, beside.rows, spec, (*map(about_conditions, remarks), *beside.remarks))


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
