"""What DICOM files say of images, and nothing of whom they show: kind of machine, distances, meaning of values."""

from dataclasses import dataclass
from typing import Any, final

from idm.data.metadata.base import LARGEST_NUMBER, Metadata, checked_numbers, checked_text, checked_whole

LONGEST_WORD, MOST_CHANNELS = 64, 3
"""Characters that DICOM allows a word, and channels of an image."""


@final
@dataclass(frozen=True)
class DicomMetadata(Metadata):
    """What all files agree on.

    Attributes:
        modality: kind of machine, such as CT or MR; "": not known.
        unit: what values are in, such as HU; "": not known.
        spacing: distances of slices, of which volumes have some, rows and columns, mm; (): not known.
        slope: what stored numbers were multiplied by.
        intercept: what was added then.
        num_channels: channels of a sample.
    """

    modality: str = ""
    unit: str = ""
    spacing: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0
    num_channels: int = 1

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: it does not.
        """
        for word in (self.modality, self.unit):
            if len(checked_text(word)) > LONGEST_WORD:
                raise ValueError(f"metadata: a word of at most {LONGEST_WORD} characters wanted")
        distances = checked_numbers(self.spacing, 3)
        checked_numbers((self.slope, self.intercept), 2)
        checked_whole(self.num_channels, MOST_CHANNELS)
        if len(distances) == 1 or not all(0 < distance <= LARGEST_NUMBER for distance in distances):
            raise ValueError("metadata: two or three distances wanted")

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """The distances."""
        return self.spacing or None

    @property
    def units(self) -> tuple[str, ...] | None:
        """What values are in, for each channel."""
        return (self.unit,) * self.num_channels if self.unit else None

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
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "DicomMetadata":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of another shape.
        """
        words = checked_text(plain["modality"]), checked_text(plain["unit"])
        spacing = checked_numbers(plain["spacing"], 3)
        slope, intercept = checked_numbers([plain["slope"], plain["intercept"]], 2)
        found = cls(*words, spacing, slope, intercept, checked_whole(plain["num_channels"], MOST_CHANNELS))
        if found.num_channels != shape[0] or len(spacing) not in (0, len(shape) - 1):
            raise ValueError("metadata: channels and distances of the samples wanted")
        return found
