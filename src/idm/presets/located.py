"""From the path of data, and what is said about it, to the settings that open it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from idm.core.errors import SettingsError
from idm.data import SOURCES
from idm.data.infer import fitting, is_opened_by, locate, parts_in
from idm.data.parts import TRAIN
from idm.run.held_out import is_held_out_elsewhere
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.experiment import DataSettings
from idm.settings.files import merge
from idm.settings.validate import Plain


@dataclass(frozen=True)
class Told:
    """What a user says of an experiment, as nested plain values.

    Attributes:
        file: a settings file.
        overrides: what is laid over it.
    """

    file: Plain = field(default_factory=dict)
    overrides: Plain = field(default_factory=dict)


NOTHING = Told()


def data_settings(path: str | Path | None, told: Told = NOTHING, below: Experiment | None = None) -> DataSettings:
    """Say what opens the data at a path, with a size that fits where images are given none.

    Args:
        path: a file or folder, which becomes absolute; None where the source that is told reads no path.
        told: the options of a settings file, over which the path is laid, and those that are laid over both.
        below: an experiment, such as a preset, whose data settings hold where nothing else is said.

    Raises:
        SettingsError: wrong values.
        DataError: nothing readable there.
    """
    return with_fitting_size(located(path, told, below))


def located(path: str | Path | None, told: Told = NOTHING, below: Experiment | None = None) -> DataSettings:
    """Do what ``data_settings`` does without looking into images: they are given no size that nobody asked for.

    Of data that are of parts, such as train and test, the part to train on is chosen, unless samples of another are
    held out.
    """
    _refuse_no_groups(told.file)
    plain = to_plain(below or Experiment())
    if path is None:
        plain = merge(plain, told.file, Experiment)
    else:
        plain = _with_place(plain, told.file, _place(Path(path).absolute(), told))
    plain = merge(plain, told.overrides, Experiment)
    settings = from_plain(Experiment, {"data": plain["data"]}).data
    said = plain["data"].get("source", {})
    options = {key: value for key, value in settings.source.options.items() if key in said}
    settings = replace(settings, source=replace(settings.source, options=options))
    if "path" in options and "split" in SOURCES.options(settings.source.name) and "split" not in said:
        return _of_part_to_train_on(settings)
    return settings


def _of_part_to_train_on(settings: DataSettings) -> DataSettings:
    """Choose the part to train on, where there are several and the samples to hold out are not those of another."""
    source = settings.source
    parts = parts_in(source.name, source.options)
    if TRAIN not in parts.values() or is_held_out_elsewhere(settings, parts):
        return settings
    return replace(settings, source=replace(source, options={**source.options, "split": TRAIN}))


def with_fitting_size(settings: DataSettings) -> DataSettings:
    """Return the settings with a size that all images have, where images have none that was asked for.

    Raises:
        DataError: images that cannot be read.
    """
    source = settings.source
    if "image_size" in source.options or "path" not in source.options:
        return settings
    size = fitting(source.name, source.options)
    options = dict(source.options) | ({} if size is None else {"image_size": size})
    return replace(settings, source=replace(source, options=options))


def source_told(plain: Mapping[str, Any]) -> str | None:
    """Return the name of the source that nested settings choose; None where they choose none."""
    found: Any = plain
    for key in ("data", "source", "name"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _refuse_no_groups(file: Plain) -> None:
    """Refuse a file with a value where the data's settings, or those of their source, should be.

    Raises:
        SettingsError: as said.
    """
    data = file.get("data", {})
    if not isinstance(data, Mapping) or not isinstance(data.get("source", {}), Mapping):
        from_plain(Experiment, {"data": data})


def _with_place(plain: Plain, file: Plain, place: Plain) -> Plain:
    """Lay a file and the place of the data over settings; a file that names another source gives way to it."""
    opened = {"data": {"source": place}}
    if source_told(file) in (None, place["name"]):
        return merge(merge(merge(plain, opened, Experiment), file, Experiment), opened, Experiment)
    return merge(merge(plain, file, Experiment), opened, Experiment)


def _place(where: Path, told: Told) -> Plain:
    """Name the source that opens a path: the one an override names, a file's where it can, or what fits."""
    name, of_file = source_told(told.overrides), source_told(told.file)
    if name is None and of_file is not None and (of_file not in SOURCES or is_opened_by(where, of_file)):
        name = of_file
    if name in SOURCES and "path" not in SOURCES.options(str(name)):
        raise SettingsError(
            f"data.source.name: a source that opens a path wanted beside data, got {name}; leave one of them out"
        )
    name, place = locate(where, name)
    return {"name": name, "path": str(place)}


def without_source(plain: Plain) -> Plain:
    """Return nested settings without those of the source."""
    return plain | {"data": {key: value for key, value in plain.get("data", {}).items() if key != "source"}}
