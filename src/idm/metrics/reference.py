"""Reference statistics: features of real data, so that samples can be compared where the data are not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from jaxtyping import Float
from safetensors.torch import save
from torch import Tensor

from idm.metrics.evidence import Moments
from idm.metrics.features import FeatureExtractor, OwnFeatures
from idm.storage.fit_file import hash_of

SUFFIX, HEADER, FORMAT = ".safetensors", "reference", 1
"""How the names of such files end, what their words are called in the header, and the version of what they hold."""

ROWS, MEAN, COVARIANCE, FITTED = "rows", "mean", "covariance", "extractor."
"""Names of tensors; those that the extractor is made of begin with the last one."""


@final
@dataclass(frozen=True)
class Identity:
    """Which extractor made features; see ``FeatureExtractor``."""

    name: str
    version: str
    sha256: str

    @classmethod
    def of(cls, features: FeatureExtractor) -> "Identity":
        """Return that of an extractor; that of a function that says no hash has the hash of its code."""
        code = features.code if isinstance(features, OwnFeatures) else ""
        return cls(features.name, features.version, features.sha256 or code)

    def __str__(self) -> str:
        """Write it in a few words."""
        return f"{self.name} {self.version}" + (f" ({self.sha256[:16]})" if self.sha256 else "")


@final
@dataclass(frozen=True, eq=False)
class Reference:
    """Features of real data.

    Attributes:
        identity: what made them.
        shape: of the samples that they are of.
        codec: how values map to the range in which features were made, as of ``Codec.to_dict``.
        data: fingerprint of the data.
        rows: features of some of the data, float32 [m, d]; None where only moments are known.
        moments: of the features of all of them; None of too many features.
        fitted: what the extractor is made of, where it was fitted to some of the data.
    """

    identity: Identity
    shape: tuple[int, ...]
    codec: Mapping[str, Any]
    data: str
    rows: Float[Tensor, "m d"] | None
    moments: Moments | None
    fitted: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])

    @property
    def num_features(self) -> int:
        """How many features each sample has."""
        return self.rows.shape[1] if self.rows is not None else 0 if self.moments is None else len(self.moments.mean)

    def to_bytes(self) -> bytes:
        """Return the content of its file."""
        tensors = {f"{FITTED}{name}": value for name, value in self.fitted.items()}
        if self.rows is not None:
            tensors[ROWS] = self.rows
        if self.moments is not None:
            tensors |= {MEAN: self.moments.mean, COVARIANCE: self.moments.covariance}
        words = {"format": FORMAT, "extractor": vars(self.identity), "shape": list(self.shape), "data": self.data}
        words |= {"codec": dict(self.codec), "num": 0 if self.moments is None else self.moments.num}
        here = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        return save(here, {HEADER: json.dumps(words | {"sha256": hash_of(here)})})
