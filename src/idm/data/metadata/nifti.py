"""Where volumes lie in the world, as NIfTI says it."""

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.metadata.base import Metadata, checked_numbers, checked_text, checked_whole

LENGTHS = ("unknown", "meter", "mm", "micron")
TIMES = ("unknown", "sec", "msec", "usec", "hz", "ppm", "rads")
"""Units that NIfTI has, as nibabel calls them."""

LARGEST_CODE = 5

ALIGNED = 2
"""Code of NIfTI for axes that are those of other files, the data's; where they begin is not said by it."""

LARGEST_NUMBER = 1e30
"""Largest entry of an affine: NIfTI stores them in 32 bits."""


@final
@dataclass(frozen=True)
class NiftiMetadata(Metadata):
    """The place of a volume in the world.

    Attributes:
        affine: from voxels to the world, the 16 numbers of a 4 x 4 matrix row by row.
        code: what the world is, such as that of a scanner (1) or an atlas (4): NIfTI's ``sform_code``; 0: not known.
        length: unit of the axes of space.
        time: unit of a further axis.
        packed: whether files are compressed, .nii.gz.
    """

    affine: tuple[float, ...]
    code: int = 0
    length: str = "unknown"
    time: str = "unknown"
    packed: bool = True

    def __post_init__(self) -> None:
        """Refuse what NIfTI cannot hold.

        Raises:
            ValueError: it cannot.
        """
        numbers = checked_numbers(self.affine, 16)
        if len(numbers) != 16 or max(map(abs, numbers)) > LARGEST_NUMBER or numbers[12:] != (0.0, 0.0, 0.0, 1.0):
            raise ValueError("metadata: an affine of 4 x 4 numbers wanted")
        if not np.linalg.norm(np.reshape(numbers, (4, 4))[:3, :3], axis=0).all():
            raise ValueError("metadata: voxels of some size wanted")
        checked_whole(self.code, LARGEST_CODE)
        if self.length not in LENGTHS or self.time not in TIMES:
            raise ValueError("metadata: units of NIfTI wanted")

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The affine, [4, 4]."""
        return np.reshape(self.affine, (4, 4))

    @property
    def voxel_size(self) -> tuple[float, ...]:
        """Lengths of the affine's columns."""
        return tuple(np.linalg.norm(self.matrix[:3, :3], axis=0).tolist())

    def of_pieces(self, shape: tuple[int, ...]) -> "NiftiMetadata":
        """Return the directions of the axes, the size of voxels and units, from the first place on."""
        matrix = self.matrix.copy()
        matrix[:3, 3] = 0.0
        return replace(self, affine=tuple(matrix.reshape(-1).tolist()), code=ALIGNED if self.code else 0)

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "affine": list(self.affine),
            "code": self.code,
            "length": self.length,
            "time": self.time,
            "packed": self.packed,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "NiftiMetadata":
        """Restore what ``to_plain`` returned; a place suits every shape.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        numbers, code = checked_numbers(plain["affine"], 16), checked_whole(plain["code"], LARGEST_CODE)
        units = checked_text(plain["length"]), checked_text(plain["time"])
        return cls(numbers, code, *units, packed=plain["packed"] is True)
