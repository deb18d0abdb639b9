"""Real data that samples of any origin are compared with: data that are opened, or statistics that were kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.core.text import one_line
from idm.data import Codec, Dataset
from idm.metrics import Evidence, Identity, Metric, Reference, read_reference
from idm.metrics.by_sample import ALL
from idm.metrics.comparison import FEATURES
from idm.metrics.features import FeatureExtractor, parts_of, restored
from idm.run.alike import Like
from idm.run.compared import compared_by
from idm.run.data import open_data
from idm.run.held_data import Held
from idm.run.named_features import features_by
from idm.run.real_rows import held_for, real_seen
from idm.run.spec import DataSpec
from idm.run.ways_of_features import FeatureWay
from idm.settings.experiment import DataSettings

RANGE_NAMED = "the range of the real data"
"""What remarks on samples call the range that they are read in."""


@final
@dataclass(frozen=True, eq=False)
class KnownData:
    """What samples are compared with.

    Attributes:
        reference: features, and what made them.
        features: the same extractor, for the samples.
        like: what samples are to be like.
        evidence: what was seen of the real data, and of those that are held.
        data: the real data; None where only statistics are known.
        numbers: which of them there are features of.
        remarks: what is worth knowing of the data, a line each.
    """

    reference: Reference
    features: FeatureExtractor
    like: Like
    evidence: Evidence
    data: Dataset | None = None
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    remarks: tuple[str, ...] = ()


def known_by_data(settings: DataSettings, way: FeatureWay, members: Mapping[str, Metric]) -> KnownData:
    """Open real data, and see what metrics see of some of them, evenly from all; their features, in any case.

    Features that are fitted have some of the samples to themselves.

    Args:
        settings: how the data are opened.
        way: how features are made.
        members: metrics by name.

    Raises:
        DataError: the data cannot be read.
        SettingsError: settings or features that cannot be.
    """
    opened = open_data(settings)
    data, spec = opened.train, opened.spec
    chosen = compared_by(partial(features_by, way), data, way.read)
    features, levels = chosen.features, spec.codec.levels
    given = Evidence(features=features, levels=levels)
    if held_for(members, is_main=way.ranks.is_main):
        held = Held.of(data, way.read)
        given, way = replace(given, scored=held.samples), replace(way, read=held.read)
    num = ALL if way.moments else 0
    seen = real_seen(members, given, chosen, spec, way, num, with_features=True)
    identity, codec, rows = Identity.of(features), spec.codec.to_dict(), seen.real_rows[FEATURES]
    reference = Reference(identity, spec.shape, codec, spec.fingerprint, rows, seen.moments, parts_of(features))
    like = Like(settings, spec, RANGE_NAMED)
    return KnownData(reference, features, like, seen, data, chosen.numbers, data.source.remarks)


def known_by_file(path: Path, way: FeatureWay) -> KnownData:
    """Read statistics that were kept of real data.

    Features that are made by this package are made again of what the file says; all others are those of ``way``.

    Raises:
        DataError: no such statistics.
        SettingsError: other features than those that the statistics are of.
    """
    reference = read_reference(path)
    try:
        codec = Codec.from_dict(reference.codec)
        own = restored(reference.identity.name, reference.shape, reference.fitted)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: reference statistics wanted, got another file ({one_line(error)}); make them anew with "
            "save_reference=FILE"
        ) from error
    if len(codec.offset) not in (1, reference.shape[0]):
        raise DataError(f"{path}: a range for {reference.shape[0]} channels wanted, got others; make it anew")
    features = own if own is not None and _is_meant(reference, way) else _named(path, reference, way)
    _refuse_other_features(path, reference, features)
    spec = DataSpec(reference.shape, codec, None, 0, 0, fingerprint=reference.data)
    rows = {} if reference.rows is None else {FEATURES: reference.rows}
    seen = Evidence(features=features, levels=codec.levels, moments=reference.moments, real_rows=rows)
    return KnownData(reference, features, Like(DataSettings(), spec, RANGE_NAMED), seen)


def _is_meant(reference: Reference, way: FeatureWay) -> bool:
    """Whether the features of the file itself are asked for, by nothing or by their name."""
    asked = f"{reference.identity.name}:{reference.num_features}"
    return way.features in (None, reference.identity.name, asked)


def _named(path: Path, reference: Reference, way: FeatureWay) -> FeatureExtractor:
    if way.features is None:
        raise SettingsError(
            f"features: those that {path} is of wanted, {reference.identity}, got none; no file names code that is "
            "run, so name them with features=NAME"
        )
    return features_by(way, torch.zeros(1).expand(2, *reference.shape))


def _refuse_other_features(path: Path, reference: Reference, features: FeatureExtractor) -> None:
    found = Identity.of(features)
    if found != reference.identity:
        raise SettingsError(
            f"features: those that {path} is of wanted, {reference.identity}, got {found}; name the same, or make "
            "statistics of others with save_reference=FILE"
        )
