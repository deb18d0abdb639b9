"""Settings of the data: where they come from, how they are read and split."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.data import SOURCES
from idm.data.sizes import Sizes, check_sizes
from idm.data.values.ranges import RangeRule, check_rule, refuse_two_scales
from idm.settings.condition import ConditionSettings
from idm.settings.options import SourceOptions
from idm.settings.schema import DEFAULTS, OpenSection

AUTO = "auto"
"""A range that is chosen by what the data are."""


@dataclass(frozen=True)
class SourceSettings(OpenSection):
    """Where the data come from.

    Attributes:
        name: kind of source.
    """

    family: ClassVar[Registry[Any]] = SOURCES
    section: ClassVar[str] = "data.source"
    given: ClassVar[tuple[str, ...]] = ("trust_code", "apart", "in_patches", "num_axes")
    name: str = "digits"
    options: SourceOptions = DEFAULTS


@dataclass(frozen=True)
class DataSettings:
    """The data and their split.

    Attributes:
        source: where the data come from.
        held_out: share (below 1) or number of images kept out of training, by class where there are labels; of no
            effect where a list or a folder says which.
        held_out_list: keep out the samples that this text file names, one in a line; "": choose by held_out.
        held_out_folder: keep out the files in this folder, relative to that of the data; "": choose by held_out.
        group_by: keep samples of a group, such as a patient, on one side of the split: the column, or the array beside
            the data, that names the group of each; "": none.
        group_pattern: the same by names of samples, as patient-(*)_*.png: a glob with parentheses around what names the
            group; of several, with commas between them, the first that fits.
        split_seed: seed of the choice and of the order.
        table: a CSV or TSV file that tells of the files of the data, a row for each of them, or for each folder of
            them; group_by and attributes name its columns. "": none.
        attributes: columns, or arrays beside the data, of numbers that samples are labelled with in place of classes.
        condition: what the network is shown beside each sample, and besides its label.
        class_conditional: train on the labels, where there are any.
        range: which values become -1 and 1. "type": all levels of 8 and 16 bits, else smallest and largest value;
            "values": the levels found; "percentiles": 0.1 and 99.9; or two numbers. The last two clip what lies beyond.
            "auto": as type, but fewer levels where the data leave whole bits unused.
        standardize: scale continuous data by mean and standard deviation instead of a range.
        random_flip: mirror every second image left to right.
        random_crop: train on windows of this size, along every axis or along each, as [48,64], at another place in
            every epoch; others are cut from the centre; 0: no cropping.
        patch_size: cut samples, such as rasters, into patches of this size, along every axis or along each, which are
            samples then; 0: no patches.
        patch_stride: distance of the beginnings of neighbouring patches, along every axis or along each; 0: their size.
        workers: processes that read data which are not kept in memory; 0: a thread of this process.
        timeout: seconds that the reading of a batch may take before new processes try again, or the run ends.
    """

    source: SourceSettings = field(default_factory=SourceSettings)
    held_out: Annotated[int | float, Ge(0)] = 0.1
    held_out_list: str = ""
    held_out_folder: str = ""
    group_by: str = ""
    group_pattern: tuple[str, ...] = ()
    split_seed: int = 0
    table: str = ""
    attributes: tuple[str, ...] = ()
    condition: ConditionSettings = field(default_factory=ConditionSettings)
    class_conditional: bool = True
    range: RangeRule = "auto"
    standardize: bool = False
    random_flip: bool = False
    random_crop: Sizes = 0
    patch_size: Sizes = 0
    patch_stride: Sizes = 0
    workers: Annotated[int, Ge(0), Le(256)] = 0
    timeout: Annotated[float, Gt(0)] = 25.0

    @property
    def cuts(self) -> bool:
        """Whether the model sees windows or patches of what the source gives."""
        return bool(self.random_crop or self.patch_size)

    @property
    def apart(self) -> tuple[str, ...]:
        """Names of columns or arrays that are neither samples nor labels."""
        return () if self.table else (*((self.group_by,) if self.group_by else ()), *self.attributes)

    def __post_init__(self) -> None:
        """Refuse two ways to say one thing, and a range that has none, by a ``SettingsError``."""
        check_rule(self.range)
        for option in ("random_crop", "patch_size", "patch_stride"):
            check_sizes(option, getattr(self, option))
        refuse_two_scales(self.range, standardize=self.standardize)
        if self.held_out_list and self.held_out_folder:
            raise SettingsError(
                "held_out_list: a list or a folder wanted, got both; leave out held_out_list or held_out_folder"
            )
        if self.patch_stride and not self.patch_size:
            raise SettingsError(
                "patch_stride: a patch_size with it wanted, got none; set data.patch_size, or leave it out"
            )
        if self.group_by and self.group_pattern:
            raise SettingsError("group_by: a column or a pattern wanted, got both; leave out group_by or group_pattern")
