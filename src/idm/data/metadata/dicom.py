"""What DICOM files say of images, and nothing of whom they show: kind of machine, distances, meaning of values."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.metadata.base import LARGEST_NUMBER, Metadata, checked_numbers, checked_text, checked_whole

LONGEST_WORD, MOST_CHANNELS = 64, 3
"""Characters that DICOM allows a word, and channels of an image."""

RIGHT_ANGLE_TOLERANCE = 1e-3
"""Directions whose lengths differ by less from 1, and whose inner product does from 0, are at right angles."""

RAS_OF_LPS = np.diag([-1.0, -1.0, 1.0])
"""DICOM's world, to the patient's left, back and head, seen as NIfTI's, to the right, front and head."""


@final
@dataclass(frozen=True)
class DicomMetadata(Metadata):
    """What all files agree on.

    Attributes:
        modality: kind of machine, such as CT or MR; "": not known.
        unit: what values are in, such as HU; "": not known.
        spacing: distances of slices, of which volumes have some, rows and columns, mm; (): not known.
        slope: what stored numbers were multiplied by; None: files differ.
        intercept: what was added then; None: files differ.
        num_channels: channels of a sample.
        directions: of growing columns, then of growing rows, to the patient's left, back and head
            (ImageOrientationPatient); slices follow along their vector product; (): not known.
    """

    modality: str = ""
    unit: str = ""
    spacing: tuple[float, ...] = ()
    slope: float | None = 1.0
    intercept: float | None = 0.0
    num_channels: int = 1
    directions: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: it does not.
        """
        for word in (self.modality, self.unit):
            if len(checked_text(word)) > LONGEST_WORD:
                raise ValueError(f"metadata: a word of at most {LONGEST_WORD} characters wanted")
        distances = checked_numbers(self.spacing, 3)
        for number in (self.slope, self.intercept):
            _checked_number(number)
        checked_whole(self.num_channels, MOST_CHANNELS)
        if len(distances) == 1 or not all(0 < distance <= LARGEST_NUMBER for distance in distances):
            raise ValueError("metadata: two or three distances wanted")
        if self.directions and not are_directions(self.directions):
            raise ValueError("metadata: two directions at right angles wanted")

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """The distances."""
        return self.spacing or None

    @property
    def units(self) -> tuple[str, ...] | None:
        """What values are in, for each channel."""
        return (self.unit,) * self.num_channels if self.unit else None

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """From [column, row, slice] to mm in NIfTI's world [4, 4], the first pixel at the origin; None: not known."""
        if not self.spacing or not self.directions:
            return None
        along_row, along_column = np.reshape(self.directions, (2, 3))
        axes = np.stack([along_row, along_column, np.cross(along_row, along_column)], axis=1)
        found = np.eye(4)
        found[:3, :3] = RAS_OF_LPS @ axes * self.sizes
        return found

    @property
    def sizes(self) -> tuple[float, ...]:
        """Distances of columns, rows and slices, mm; 1 of what has none."""
        return (*self.spacing[::-1], 1.0, 1.0, 1.0)[:3]

    def of_pieces(self, shape: tuple[int, ...]) -> "DicomMetadata":
        """Return all: nothing of it is a place."""
        return self

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "modality": self.modality,
            "unit": self.unit,
            "spacing": list(self.spacing),
            "slope": self.slope,
            "intercept": self.intercept,
            "num_channels": self.num_channels,
            "directions": list(self.directions),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "DicomMetadata":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of another shape.
        """
        words = checked_text(plain["modality"]), checked_text(plain["unit"])
        spacing = checked_numbers(plain["spacing"], 3)
        slope, intercept = _checked_number(plain["slope"]), _checked_number(plain["intercept"])
        directions = checked_numbers(plain.get("directions", []), 6)  # checkpoints of earlier versions have none
        channels = checked_whole(plain["num_channels"], MOST_CHANNELS)
        found = cls(*words, spacing, slope, intercept, channels, directions)
        if found.num_channels != shape[0] or len(spacing) not in (0, len(shape) - 1):
            raise ValueError("metadata: channels and distances of the samples wanted")
        return found


def are_directions(numbers: tuple[float, ...]) -> bool:
    """Whether six numbers are two directions of length 1 at right angles."""
    if len(numbers) != 6 or not all(abs(number) <= 2 for number in numbers):
        return False
    pair = np.reshape(numbers, (2, 3))
    return bool(np.allclose(pair @ pair.T, np.eye(2), atol=RIGHT_ANGLE_TOLERANCE))


def _checked_number(value: Any) -> float | None:
    """Return a finite number, or None, which stands for several.

    Raises:
        ValueError: something else.
    """
    return None if value is None else checked_numbers([value], 1)[0]
