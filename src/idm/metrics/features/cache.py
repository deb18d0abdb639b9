"""Features that were made once are kept, by what they are of and what made them."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.core.places import file_in
from idm.metrics.features.base import FeatureExtractor

ROWS, MEAN, COVARIANCE = "rows", "mean", "covariance"
HEADER_BYTES = 2**16
"""Most bytes of a file besides its numbers."""


@final
@dataclass(frozen=True)
class FeatureCache:
    """A folder of features, in a file for each set of data and each extractor.

    Attributes:
        folder: the folder, made as needed; None: nothing is kept.
    """

    folder: Path | None = None

    @classmethod
    def at(cls, path: str | Path | None) -> "FeatureCache":
        """Keep features in a folder, which need not be there yet; nothing where None.

        Raises:
            SettingsError: there is something else of that name.
        """
        folder = None if path is None else Path(path)
        if folder is not None and folder.exists() and not folder.is_dir():
            raise SettingsError(f"cache={path}: a folder wanted, got a file; choose another")
        return cls(folder)

    def rows(
        self,
        features: FeatureExtractor,
        about: Callable[[], Mapping[str, Any]],
        size: tuple[int, int],
        make: Callable[[], Float[Tensor, "n d"]],
    ) -> Float[Tensor, "n d"]:
        """Return features in float32: those that are kept, or else new ones, which are kept.

        Features without a hash are made anew every time, as nothing tells them from those of other code.

        Args:
            features: what makes them.
            about: returns JSON-able values that tell the data from others: a fingerprint, which samples, their range.
            size: how many samples and features.
            make: makes them.

        Raises:
            CheckpointError: there is a link in the place of the file.
        """
        place = self.place(features, about)
        found = None if place is None else read_rows(place, size)
        if found is None:
            found = make().float()
            if place is not None:
                write_rows(place, found)
        return found

    def place(self, features: FeatureExtractor, about: Callable[[], Mapping[str, Any]]) -> Path | None:
        """Return the file of features, which need not be there; None where they are not kept. Arguments as above."""
        if self.folder is None or not features.sha256:
            return None
        words = {**about(), "name": features.name, "version": features.version, "sha256": features.sha256}
        number = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:32]
        return file_in(self.folder, f"features-{number}.safetensors")


def write_rows(path: Path, rows: Float[Tensor, "n d"]) -> None:
    """Keep features in a file."""
    write_atomically(path, save({ROWS: rows.contiguous()}))


def read_rows(path: Path, size: tuple[int, int]) -> Tensor | None:
    """Return the features in a file; None where it is missing, damaged, or of another size than it must have."""
    found = _read(path, {ROWS: size}, torch.float32)
    return None if found is None else found[ROWS]


def write_moments(path: Path, mean: Float[Tensor, " d"], covariance: Float[Tensor, "d d"]) -> None:
    """Keep mean and covariance of features in a file."""
    write_atomically(path, save({MEAN: mean.contiguous(), COVARIANCE: covariance.contiguous()}))


def read_moments(path: Path, width: int) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]] | None:
    """Return the float64 mean and covariance of so many features in a file; None as of ``read_rows``."""
    found = _read(path, {MEAN: (width,), COVARIANCE: (width, width)}, torch.float64)
    return None if found is None else (found[MEAN], found[COVARIANCE])


def _read(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> dict[str, Tensor] | None:
    """Return finite arrays of those names and shapes; None where the file does not hold them."""
    try:
        most = dtype.itemsize * sum(math.prod(shape) for shape in shapes.values())
        if path.stat().st_size > most + HEADER_BYTES:
            return None
        held = load(path.read_bytes())
        found = {name: held[name] for name in shapes}
    except (OSError, LookupError, ValueError, RuntimeError, SafetensorError):
        return None
    fits = all(one.dtype == dtype and tuple(one.shape) == shapes[name] for name, one in found.items())
    return found if fits and all(bool(one.isfinite().all()) for one in found.values()) else None
