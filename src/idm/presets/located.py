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
from idm.settings import Experiment, from_plain
from idm.settings.experiment import DataSettings
from idm.settings.validate import Plain, lay


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


@dataclass(frozen=True)
class Located:
    """What opens the data at a path.

    Attributes:
        settings: all settings of the data.
        said: the options of the source that somebody gave, by name; the others may be chosen to suit the data.
    """

    settings: DataSettings
    said: Plain

    def having(self, **options: Any) -> "Located":
        """Return the same with more options said."""
        source = self.settings.source.with_options(**options)
        return Located(replace(self.settings, source=source), self.said | options)


def data_settings(
    path: str | Path | None, told: Told = NOTHING, below: Experiment | None = None, *, is_run: bool = False
) -> DataSettings:
    """Say what opens the data at a path, with a size that fits where images are given none.

    Args:
        path: a file or folder, which becomes absolute; None where the source that is told reads no path.
        told: the options of a settings file, over which the path is laid, and those that are laid over both.
        below: an experiment, such as a preset, whose data settings hold where nothing else is said.
        is_run: ``below`` is that of a run, which means every option that it has.

    Raises:
        SettingsError: wrong values.
        DataError: nothing readable there.
    """
    return _with_fitting_size(located(path, told, below, is_run=is_run)).settings


def located(
    path: str | Path | None, told: Told = NOTHING, below: Experiment | None = None, *, is_run: bool = False
) -> Located:
    """Do what ``data_settings`` does without looking into images: they are given no size that nobody asked for.

    Of data that are of parts, such as train and test, the part to train on is chosen, unless samples of another are
    held out.
    """
    _refuse_no_groups(told.file)
    base = below or Experiment()
    place = None if path is None else _place(Path(path).absolute(), told)
    layers = [layer.get("data", {}) for layer in _layers(told, place)]
    settings = lay(base.data, *layers, path="data")
    source = settings.source
    of_base = vars(source.options) if is_run and source.name == base.data.source.name else source.not_default
    given = set(of_base).union(*(layer.get("source", {}) for layer in layers))
    found = Located(settings, {name: value for name, value in vars(source.options).items() if name in given})
    found = _of_part_to_train_on(found) if "path" in found.said and "split" not in found.said else found
    return _whole_images(found) if settings.patch_size else found


def _of_part_to_train_on(found: Located) -> Located:
    """Choose the part to train on, where there are several and the samples to hold out are not those of another."""
    name = found.settings.source.name
    if "split" not in SOURCES.options(name):
        return found
    parts = parts_in(name, found.said)
    if TRAIN not in parts.values() or is_held_out_elsewhere(found.settings, parts):
        return found
    return found.having(split=TRAIN)


def _whole_images(found: Located) -> Located:
    """Leave images that are cut into patches as large as they are, unless somebody says a size."""
    name = found.settings.source.name
    return (
        found
        if "image_size" in found.said or "image_size" not in SOURCES.options(name)
        else found.having(image_size=None)
    )


def _with_fitting_size(found: Located) -> Located:
    """Add a size that all images have, where images have none that was asked for.

    Raises:
        DataError: images that cannot be read.
    """
    if "image_size" in found.said or "path" not in found.said:
        return found
    size = fitting(found.settings.source.name, found.said)
    return found if size is None else found.having(image_size=size)


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


def _layers(told: Told, place: Plain | None) -> list[Plain]:
    """Order a file, the place of the data and overrides; a file that names another source gives way to the place."""
    if place is None:
        return [told.file, told.overrides]
    opened: Plain = {"data": {"source": place}}
    first = [opened] if source_told(told.file) in (None, place["name"]) else []
    return [*first, told.file, opened, told.overrides]


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
