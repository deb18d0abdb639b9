"""The error curves of a checkpoint, kept beside it once they were measured, and read again."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.diffusion import ErrorCurve, ErrorCurves
from idm.likelihood import Calibration
from idm.run.calibrate import LARGEST_LOG, MOST_LEVELS
from idm.storage import Fit, Fits
from idm.storage.fits import LARGEST_FIT_BYTES

NAME, KIND = "error-curves", "error_curves"
WAY = "measure them with idm calibrate RUN, or in Python run.calibrate()"
COLUMNS = ("error", "standard_error")
"""Of each of the curves: together, of channels and of places."""

BYTES_OF_LEVEL, BYTES_OF_NUMBER, BYTES_OF_WORDS = 8, 4, 2**16
"""Bytes of a noise-to-signal ratio, of a number of a curve, and most of all that a file holds beside these."""

UNKNOWN = -1.0
"""Stands for a standard error that is not known: every number of a file is finite."""


@dataclass(frozen=True)
class StoredCurves:
    """The error curves of a checkpoint, if they were measured.

    Attributes:
        fits: what was found out about the checkpoint.
        shape: of one sample of its data.
        device: where the run computes.
    """

    fits: Fits
    shape: tuple[int, ...]
    device: torch.device

    def write(self, found: Calibration, fingerprint: str) -> Path:
        """Keep curves, in the place of earlier ones; ``fingerprint`` is that of the data that they were measured on.

        Raises:
            SettingsError: a model that no checkpoint holds.
            CheckpointError: the disk refuses.
        """
        content = {"num": found.num, "power": found.power}
        return self.fits.write(NAME, KIND, content, _tensors(found), data=fingerprint)

    def find(self) -> Calibration | None:
        """Return the curves; None where none were measured of this checkpoint, or something else has their name."""
        found = self.fits.find(NAME)
        try:
            return None if found is None or found.kind != KIND else self._calibration(found)
        except CheckpointError:
            return None

    def read(self) -> Calibration:
        """Return the curves.

        Raises:
            SettingsError: none were measured.
            CheckpointError: they are those of another checkpoint, or damaged.
        """
        return self._calibration(self.fits.read(NAME, KIND, WAY))

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data that they were measured on; "" where none were, or it is not known."""
        found = self.fits.find(NAME)
        return "" if found is None or found.kind != KIND else found.data

    def _calibration(self, found: Fit) -> Calibration:
        """Read what a file holds, which may be anybody's.

        Raises:
            CheckpointError: it holds something else, or curves of other data.
        """
        try:
            return _read(found, self.shape)
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{NAME}: error curves of samples of shape {self.shape} wanted, got others ({error}); {WAY}"
            ) from error


def most_levels(shape: tuple[int, ...]) -> int:
    """Return of how many levels the curves of samples of that shape may be, to be read again."""
    numbers = len(COLUMNS) * (1 + shape[0] + math.prod(shape))
    return min(MOST_LEVELS, (LARGEST_FIT_BYTES - BYTES_OF_WORDS) // (BYTES_OF_LEVEL + BYTES_OF_NUMBER * numbers))


def hash_of(curve: ErrorCurve | ErrorCurves) -> str:
    """Return what tells the numbers of a curve from those of another."""
    total = hashlib.sha256()
    for column in curve.table(torch.device("cpu"), torch.float64):
        total.update(f"{tuple(column.shape)}".encode() + column.numpy().tobytes())
    return total.hexdigest()


def _tensors(found: Calibration) -> dict[str, Tensor]:
    """Return the curves by name; float32 keeps their order."""
    together = found.together
    known = torch.tensor([UNKNOWN if error is None else error for error in together.standard_error])
    rows = {
        "together": (torch.tensor(together.mean_squared_error), known),
        "channels": (found.of_channels.mean_squared_error, found.of_channels.standard_error),
        "places": (found.of_places.mean_squared_error, found.of_places.standard_error),
    }
    named = {f"{name}_{column}": pair[i] for name, pair in rows.items() for i, column in enumerate(COLUMNS)}
    shortened = {name: values.nan_to_num(UNKNOWN).float() for name, values in named.items()}
    return {"log_kappa": found.of_places.log_kappa.double(), **shortened}


def _read(found: Fit, shape: tuple[int, ...]) -> Calibration:
    """Read curves.

    Raises:
        LookupError, TypeError, ValueError: something else.
    """
    log_kappa = found.tensors["log_kappa"].double()
    rows = [
        _pair(found, name, (len(log_kappa), *of_one))
        for name, of_one in (("together", ()), ("channels", (shape[0], *(1,) * (len(shape) - 1))), ("places", shape))
    ]
    number, power = _count(found.content["num"]), _mean_square(found.content["power"])
    if len(log_kappa) > MOST_LEVELS or float(log_kappa.abs().max()) > LARGEST_LOG:
        raise ValueError("levels out of range")
    known = [None if math.isnan(value) else value for value in rows[0][1].tolist()]
    together = ErrorCurve(tuple(log_kappa.tolist()), tuple(rows[0][0].tolist()), tuple(known))
    of_channels, of_places = (ErrorCurves(log_kappa, *pair) for pair in rows[1:])
    return Calibration(together, of_channels, of_places, power, number)


def _pair(found: Fit, name: str, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    errors, spread = (found.tensors[f"{name}_{column}"].double() for column in COLUMNS)
    if errors.shape != shape or spread.shape != shape or float(errors.max()) > math.exp(LARGEST_LOG):
        raise ValueError(f"{name} of shape {tuple(errors.shape)}")
    return errors, torch.where(spread < 0, torch.nan, spread)


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("no number of samples")
    return value


def _mean_square(value: Any) -> float:
    if type(value) is not float or not 0.0 <= value <= math.exp(LARGEST_LOG):
        raise ValueError("no mean square")
    return value
