"""The source of an experiment's data: where it lies, opened, in patches."""

from dataclasses import replace
from pathlib import Path

from idm.core.errors import DataError, SettingsError
from idm.data import Source
from idm.data.file_table import TABLE, beside_in_table
from idm.data.parts import without_advice
from idm.data.patches import SIZE, STRIDE, Patches
from idm.data.sizes import Sizes, are_within, number_of_axes, sizes_in_words
from idm.settings import Experiment
from idm.settings.experiment import DataSettings
from idm.settings.schema import OpenSection, option_paths

PATHS = ("path", "folder")
"""Options of sources that say where data lie."""

FILES = ("held_out_list", "table")
"""Settings of data that name files."""


def with_absolute_path(experiment: Experiment) -> Experiment:
    """Return the experiment with the paths of its data absolute, so that the run can be used from any folder."""
    settings = experiment.data
    files = {name: str(Path(path).absolute()) for name in FILES if (path := getattr(settings, name))}
    settings = replace(settings, **files)
    source = settings.source.with_options(**_absolute_paths(settings.source))
    condition = settings.condition.with_options(**_absolute_paths(settings.condition))
    return replace(experiment, data=replace(settings, source=source, condition=condition))


def _absolute_paths(source: OpenSection) -> dict[str, str]:
    return {key: str(Path(path).absolute()) for key in PATHS if (path := source.get(key))}


def open_source(settings: DataSettings, *, trust_code: bool = False) -> Source:
    """Open the source alone.

    Args:
        settings: the data.
        trust_code: import and call what a custom source names.

    Raises:
        DataError: the data cannot be read, or are made by code that is not trusted.
        SettingsError: windows that do not fit into its samples.
    """
    if settings.source.get("path") == "":
        raise DataError("data.source.path: a folder or file wanted, got none; give it with data=PATH")
    source: Source = settings.source.build(
        trust_code=trust_code,
        apart=settings.apart,
        in_patches=bool(settings.patch_size),
        num_axes=number_of_axes(settings.patch_size),
    )
    if settings.table:
        with option_paths("data", (TABLE,)):
            source.beside = beside_in_table(source, Path(settings.table))
    source = in_patches(settings, source, to_split=_chooses_blocks(settings))
    if settings.held_out_list or settings.held_out_folder:
        source.remarks = without_advice(source.remarks)
    _refuse_crop(settings.random_crop, source.shape)
    return source


def _chooses_blocks(settings: DataSettings) -> bool:
    """Whether samples are held out without being told which, so that patches of a lone raster are by blocks."""
    told = settings.held_out_list or settings.held_out_folder or settings.group_by or settings.group_pattern
    return bool(settings.held_out) and not told


def in_patches(settings: DataSettings, source: Source, *, to_split: bool = True) -> Source:
    """Cut the samples of a source into patches, where settings say so.

    Args:
        settings: those of the data.
        source: the source.
        to_split: whether some of the patches are going to be held out, see ``Patches``.

    Raises:
        SettingsError: patches that do not fit into them.
    """
    if not settings.patch_size:
        return source
    with option_paths("data", (SIZE, STRIDE)):
        return Patches(source, settings.patch_size, settings.patch_stride, to_split=to_split)


def _refuse_crop(crop: Sizes, shape: tuple[int, ...]) -> None:
    """Refuse windows that do not fit into samples of a shape (c, *space)."""
    space = shape[1:]
    if crop and not are_within(crop, space):
        largest = min(space, default=0) if isinstance(crop, int) else sizes_in_words(space)
        raise SettingsError(
            f"data.random_crop: at most {largest} wanted for samples of shape {shape}, got {sizes_in_words(crop)}; "
            "choose a smaller size, or 0 for none"
        )
