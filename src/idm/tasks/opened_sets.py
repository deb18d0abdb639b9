"""What a comparison of samples with real data is asked for, opened: how both are read, and by which features."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, final

import torch

from idm.core.errors import DataError, SettingsError
from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.data import SOURCES
from idm.data.infer import is_opened_by, locate
from idm.data.values.words import TO_TRAIN_ON
from idm.metrics.features import FeatureCache
from idm.metrics.reference import SUFFIX
from idm.presets import Told
from idm.presets.located import data_settings
from idm.run.known_data import KnownData, known_by_data, known_by_file
from idm.run.other_data import open_like
from idm.run.sample_sets import SampleSets, find_metrics_of_sets, sets_of
from idm.run.ways_of_features import FeatureWay
from idm.settings.data import AUTO
from idm.settings.experiment import DataSettings
from idm.settings.files import fold

OF_READING = ("source", "range", "standardize", "random_crop")
"""Settings of data that say how they are read; the others say what is trained on."""


@final
@dataclass(frozen=True)
class SetsRequest:
    """A comparison of samples with real data that is wanted.

    Attributes:
        against: real data of any kind that training reads, or a file of statistics that ``save_reference`` wrote.
        samples_from: samples of any such kind: a folder of pictures, say, or the .npz file of an evaluation suite with
            images in ``arr_0``; None: statistics of the real data are all that is wanted.
        metrics: what is measured, of what needs no model; code that is named there is imported and run.
        features: what is compared, as of ``find_features``, or "classifier:RUN" for those of the classifier of a run;
            those of the statistics by default, or else the usual ones.
        settings: settings of how data are read, such as "data.source.key=images", for both where both have them.
        save_reference: a .safetensors file for statistics of the real data; None: none are kept.
        cache: a folder where features of data are kept, and found again; None: none are.
    """

    against: str
    samples_from: str | None = None
    metrics: Sequence[str] | None = None
    features: str | None = None
    settings: Sequence[str] = ()
    save_reference: str | None = None
    cache: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be, by a ``SettingsError``."""
        saved = self.save_reference
        if self.samples_from is None and saved is None:
            raise SettingsError(
                "samples_from: samples to compare wanted, got none; give samples_from=PATH, or save_reference=FILE"
            )
        if saved is not None and Path(saved).suffix != SUFFIX:
            raise SettingsError(f"save_reference={saved}: a file name ending in {SUFFIX} wanted; choose another")
        if saved is not None and self.is_against_statistics:
            raise SettingsError(
                f"save_reference={saved}: real data wanted to keep statistics of, got statistics; leave it out, or "
                "give against=PATH of data"
            )

    @property
    def read(self) -> list[str]:
        """Paths of all that is read."""
        return [self.against] if self.samples_from is None else [self.samples_from, self.against]

    @property
    def is_against_statistics(self) -> bool:
        """Whether statistics stand for the real data."""
        return Path(self.against).suffix == SUFFIX


@final
@dataclass(frozen=True, eq=False)
class OpenedSets:
    """Both sides, opened.

    Attributes:
        known: the real data.
        sets: the same with samples and metrics; None without samples.
    """

    known: KnownData
    sets: SampleSets | None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth knowing of the samples and of the data, a line each."""
        of_samples = () if self.sets is None else self.sets.samples.held_out.source.remarks
        return tuple(dict.fromkeys((*of_samples, *self.known.remarks)))


def open_sets(request: SetsRequest, device: torch.device, listener: Listener, ranks: Ranks) -> OpenedSets:
    """Open what is compared, and refuse what cannot be; every process makes its share of features.

    Raises:
        DataError: samples or data that cannot be read, or do not fit each other.
        SettingsError: settings, metrics or features that cannot be.
    """
    named = request.samples_from
    members = {} if named is None else find_metrics_of_sets(request.metrics)
    cache, keeps = FeatureCache.at(request.cache), request.save_reference is not None
    way = FeatureWay(device, request.features, cache, keeps, listener, ranks)
    told = _told(request.settings)
    if request.is_against_statistics:
        known = known_by_file(Path(request.against), way)
    else:
        known = known_by_data(_settings(request, told), way, members)
    if named is None:
        return OpenedSets(known, None)
    source = _for_source(Path(named), told.get("source", {}))
    return OpenedSets(known, sets_of(known, open_like(known.like, Path(named).absolute(), source), members, way))


@contextmanager
def ranges_by_setting() -> Generator[None]:
    """Say in refusals of values how their range is made wider where there is no run: by a setting."""
    try:
        yield
    except DataError as error:
        lines = (line.replace(TO_TRAIN_ON, "give set=") for line in error.lines)
        raise type(error)(*lines) from error


def _told(settings: Sequence[str]) -> Mapping[str, Any]:
    """Return settings of data as nested values.

    Raises:
        SettingsError: others than those of how data are read.
    """
    told = fold(settings)
    paths = [name for name in told if name != "data"] + [f"data.{name}" for name in told.get("data", {})]
    others = [path for path in paths if path.removeprefix("data.") not in OF_READING]
    if others:
        wanted = ", ".join(f"data.{name}" for name in OF_READING)
        raise SettingsError(f"set={others[0]}: a setting of how data are read wanted ({wanted}), got another")
    return told.get("data", {})


def _settings(request: SetsRequest, told: Mapping[str, Any]) -> DataSettings:
    """Return what opens the real data: all of them, whatever their classes; integers in the range of their type."""
    of_source = told.get("source", {})
    paths = [Path(request.against), *([] if request.samples_from is None else [Path(request.samples_from)])]
    known = {"name"}.union(*(SOURCES.options(_source_at(path, of_source)) for path in paths))
    # What neither of both has is refused as any wrong setting is.
    own = {key: value for key, value in of_source.items() if key not in known} | _for_source(paths[0], of_source)
    found = data_settings(request.against, Told(overrides={"data": {**told, "source": own}}))
    usual = DataSettings()
    every = {entry.name: getattr(usual, entry.name) for entry in fields(DataSettings) if entry.name not in OF_READING}
    chosen = "type" if found.range == AUTO and not found.standardize else found.range
    return replace(found, **every | {"held_out": 0, "class_conditional": False, "range": chosen})


def _source_at(path: Path, told: Mapping[str, Any]) -> str:
    name = str(told.get("name"))
    return locate(path, name if name in SOURCES and is_opened_by(path, name) else None)[0]


def _for_source(path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options among these that the source at a path has."""
    name = _source_at(path, told)
    return {key: value for key, value in told.items() if key in SOURCES.options(name) or (key, value) == ("name", name)}
