"""Sources of samples like those of a run, or of conditions like those that it is told, wherever they lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import Parameter
from pathlib import Path
from typing import Any, get_args

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES
from idm.data.arrays.axes import LAYOUTS
from idm.data.base import Source
from idm.data.images.resize import ImageSize
from idm.data.infer import locate, parts_in
from idm.data.parts import TO_SCORE
from idm.data.patches import Patches
from idm.data.sizes import Sizes, along_axes, are_within
from idm.run.loaded import Loaded
from idm.run.opened_source import PATHS, in_patches
from idm.run.spec import DataSpec, size_for_images
from idm.settings import from_plain
from idm.settings.experiment import DataSettings, SourceSettings
from idm.settings.schema import OpenSection


@dataclass(frozen=True)
class Like:
    """What other data are to be like.

    Attributes:
        settings: how the known data are opened; the same is tried first.
        spec: what is known of them: other data are to have their shape, classes and sampling rate, and get their codec.
        range_named: what remarks call the range of that codec.
    """

    settings: DataSettings
    spec: DataSpec
    range_named: str = "the run's range"

    @classmethod
    def of(cls, run: Loaded) -> "Like":
        """Return what the data of a run are."""
        return cls(run.experiment.data, run.spec)


@dataclass(frozen=True, eq=False)
class Alike:
    """What a source should be like.

    Attributes:
        own: the settings of the source that it should be like.
        shape: of one of them.
        layout: where arrays of them have their channel axis.
        crop: what samples are cut to; 0: nothing.
        channel_names: names of the channels; None where they have none.
        image_size: what images are brought to; None: nothing.
        has_classes: whether they are to be read with their classes.
        apart: columns or arrays that hold something else.
        what: what messages call them.
        cut: makes patches of what is opened; None: it is read as it is.
    """

    own: OpenSection
    shape: tuple[int, ...]
    layout: str
    crop: Sizes
    channel_names: tuple[str, ...] | None
    image_size: ImageSize | None
    has_classes: bool
    apart: tuple[str, ...]
    what: str
    cut: Callable[[Source], Source] | None = None

    @classmethod
    def samples_of(cls, like: Like) -> "Alike":
        """Say what samples are like."""
        settings, spec = like.settings, like.spec
        return cls(
            own=settings.source,
            shape=spec.shape,
            layout=spec.layout,
            crop=settings.random_crop,
            channel_names=spec.channel_names,
            image_size=size_for_images(settings, spec),
            has_classes=spec.class_names is not None,
            apart=settings.apart,
            what="samples",
            cut=partial(_where_they_fit, settings) if settings.patch_size else None,
        )

    @classmethod
    def conditions_of(cls, like: Like) -> "Alike":
        """Say what conditions beside samples are like."""
        settings, spec = like.settings, like.spec.condition
        assert spec is not None, "the caller made sure that it is told conditions"
        size = settings.condition.get("image_size")
        if size is None and not settings.random_crop and len(spec.shape) == 3:
            size = (spec.shape[1], spec.shape[2])
        return cls(
            own=settings.condition,
            shape=spec.shape,
            layout=spec.layout,
            crop=settings.random_crop,
            channel_names=spec.channel_names,
            image_size=size,
            has_classes=False,
            apart=(),
            what="conditions",
            cut=partial(_where_they_fit, _coarser(settings, spec.shape)) if settings.patch_size else None,
        )

    def beside_rasters(self, patches: Patches) -> "Alike":
        """Say of conditions what rasters of them are like that lie beside those of patches, before these are cut."""
        sizes = zip(patches.rasters.shape[1:], patches.shape[1:], self.shape[1:], strict=True)
        space = (places // (ours // theirs) for places, ours, theirs in sizes)
        return replace(self, shape=(self.shape[0], *space), cut=_as_it_is, image_size=None)


def locate_alike(alike: Alike, path: Path, told: Mapping[str, Any]) -> tuple[str, Path]:
    """Name the source that opens a file or folder, and what it opens; arguments and errors as of ``open_alike``."""
    name, place = locate(path, told.get("name"))
    own = alike.own.name
    if own in ("tiff", "tiff_stack") and name in ("image_folder", "tiff", "tiff_stack") and "name" not in told:
        name = own  # a folder of TIFF files is either
    return name, place


def open_alike(alike: Alike, path: Path, told: Mapping[str, Any]) -> tuple[Source, Path]:
    """Open a source in the order of axes that gives the wanted shape; in the own one, where several do.

    Args:
        alike: what it should be like.
        path: a file or folder of any kind that ``idm train --data`` reads.
        told: options that open it where those of the own source do not; "name" is that of the source.

    Returns:
        The source, and the file or folder that it opens.

    Raises:
        SettingsError: options that the source does not have, or of a wrong type.
        DataError: it cannot be read, or has another shape in every order.
    """
    name, place = locate_alike(alike, path, told)
    keys = SOURCES.options(name)
    options = _options(alike, name, place) | _told_options(name, place, told)
    if "split" in keys and "split" not in told:
        parts = parts_in(name, options).values()
        options |= {"split": next((part for part in TO_SCORE if part in parts), None)}
    rules = _channel_rules(alike, name) if "channels" in keys and "channels" not in told else [{}]
    if "samples" in keys and "samples" not in told:  # one array may be several samples, or a single one
        rules = [{**rule, "samples": way} for way in _ways_of_samples(alike, keys["samples"]) for rule in rules]
    if "sample_axes" in keys and "sample_axes" not in told:  # one field may have no axis that numbers samples
        rules = [*rules, *({**rule, "sample_axes": ()} for rule in rules)]
    found: list[tuple[int, ...]] = []
    refused: DataError | None = None
    for rule in rules:
        try:
            source = _build(alike, name, options | rule)
        except UnreadableFileError:
            raise
        except DataError as error:  # this order of axes, or anything else, which the others will tell, too
            refused = refused or error
            continue
        if _cropped(source.shape, alike.crop) == alike.shape:
            return source, place
        found.append(source.shape)
    if not found and refused is not None:
        raise refused
    larger = " or larger" if alike.crop or alike.cut else ""
    raise DataError(
        f"{path}: {alike.what} of shape {alike.shape}{larger} wanted, got {found[0]}; choose data like them"
    )


def _build(alike: Alike, name: str, options: Mapping[str, Any]) -> Source:
    """Open a source, cut into patches where that is wanted.

    Raises:
        DataError: it cannot be read.
    """
    source = SOURCES.build(name, options, apart=alike.apart, in_patches=alike.cut is not None)
    return source if alike.cut is None else alike.cut(source)


def _where_they_fit(settings: DataSettings, source: Source) -> Source:
    """Cut a source into patches as the known data; smaller samples, and those of other axes, stay as they are."""
    space, stride = source.shape[1:], settings.patch_stride
    fits = are_within(settings.patch_size, space) and len(along_axes(stride, space)) == len(space)
    return in_patches(settings, source, to_split=False) if fits else source


def _as_it_is(source: Source) -> Source:
    return source


def _coarser(settings: DataSettings, shape: tuple[int, ...]) -> DataSettings:
    """Return settings that cut rasters of conditions into patches [k, *space] at the places of those of samples."""
    space = shape[1:]
    sizes = along_axes(settings.patch_size, space)
    strides = along_axes(settings.patch_stride, space) if settings.patch_stride else sizes
    lengths = zip(strides, space, sizes, strict=True)
    return replace(
        settings, patch_size=space, patch_stride=tuple(stride * ours // whole for stride, ours, whole in lengths)
    )


def _told_options(name: str, path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options that were told of a source, and return them with its path.

    Raises:
        SettingsError: options that the source does not have, or of a wrong type.
    """
    source = {**told, "name": name, "path": str(path)}
    full = from_plain(SourceSettings, source, "data.source")
    return {key: value for key, value in vars(full.options).items() if key in source}


def _options(alike: Alike, name: str, path: Path) -> dict[str, Any]:
    """Options that read a source as the own data were read, as far as they were of that kind."""
    settings, keys = alike.own, SOURCES.options(name)
    own = vars(settings.options) if settings.name == name else {}
    left_out = {*PATHS, "channels", "spatial_dims", "split"}
    left_out |= {"key", "labels_key"} if path.suffix.lower() == ".npy" else set()  # its arrays have no names
    given = {key: value for key, value in own.items() if key not in left_out}
    if "image_size" in keys:
        given |= {"image_size": alike.image_size, "pixels": settings.get("pixels") or "refuse"}
    if "columns" in keys and alike.channel_names is not None:
        given["columns"] = alike.channel_names  # by name, in whatever order the other file has them
    if "window" in keys and len(alike.shape) == 2 and not (alike.crop or alike.cut):
        given["window"] = alike.shape[1]
    if "labels" in keys and not own and alike.has_classes:
        given["labels"] = "auto"
    return given


def _channel_rules(alike: Alike, name: str) -> list[dict[str, Any]]:
    """All orders of axes, the one that was told first, then the one that was found."""
    told = alike.own.get("channels") if alike.own.name == name else None
    return [{"channels": rule} for rule in sorted(LAYOUTS, key=lambda rule: (rule != told, rule != alike.layout))]


def _ways_of_samples(alike: Alike, option: Parameter) -> list[str]:
    """Name all that samples of a file may be, what they are in the own data first."""
    ways = [way for kind in get_args(option.annotation) for way in (get_args(kind) or [kind]) if isinstance(way, str)]
    return sorted(ways, key=lambda way: way != alike.own.get("samples"))


def _cropped(shape: tuple[int, ...], crop: Sizes) -> tuple[int, ...]:
    return (shape[0], *(map(min, along_axes(crop, shape[1:]), shape[1:]) if crop else shape[1:]))
