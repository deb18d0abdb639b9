"""Where NIfTI files lie in the world, each and all together."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from idm.core.text import counted
from idm.data.metadata import NiftiMetadata

PLACE_TOLERANCE = 1e-4
"""Shares of the size of a voxel by which entries of affines may differ that are taken for the same."""

Common = tuple[NiftiMetadata | None, tuple[str, ...]]
"""What is known of all files, and what is worth knowing of it, a line each."""


def place_of(image: Any, *, packed: bool) -> NiftiMetadata | None:
    """Return where an image that nibabel opened lies in the world; None where that makes no sense."""
    header = image.header
    with suppress(ValueError, KeyError, AttributeError):  # odd numbers, or another kind of header
        code = int(header["sform_code"]) or int(header["qform_code"])
        return NiftiMetadata(tuple(image.affine.reshape(-1).tolist()), code, *header.get_xyzt_units(), packed=packed)
    return None


def common_place(places: Sequence[NiftiMetadata | None], voxel: tuple[float, ...] | None) -> Common:
    """Return the place that files have in common: directions and sizes of voxels of all, and the offset of the first.

    Files whose directions differ have at most the size of voxels in common, without directions.

    Args:
        places: that of each file; None where it makes no sense.
        voxel: size of voxels along the axes of space, where the files agree on one.
    """
    known = [place for place in places if place is not None]
    if len(known) < len(places):
        return None, ()
    first, matrices = known[0], np.array([place.matrix for place in known])
    near = np.abs(matrices - matrices[0]) <= PLACE_TOLERANCE * max(first.voxel_size)
    turned = len(known) - int(near[:, :3, :3].all(axis=(1, 2)).sum())
    if not turned:
        return first, _of_offsets(float(np.ptp(matrices[:, :3, 3], axis=0).max()), first, every=bool(near.all()))
    line = (
        f"axes have other directions or sizes of voxels in {counted(turned, 'file')} than in the first: volumes that "
        "are made have none, and programs may show them mirrored; bring the files to one space first"
    )
    if voxel is None:
        return None, (line,)
    sizes = (*voxel, 1.0, 1.0, 1.0)[:3]
    return replace(first, affine=tuple(np.diag([*sizes, 1.0]).reshape(-1).tolist()), code=0), (line,)


def _of_offsets(largest: float, first: NiftiMetadata, *, every: bool) -> tuple[str, ...]:
    """Say that files begin at several places of the world; nothing where they begin at one."""
    if every:
        return ()
    unit = "" if first.length == "unknown" else f" {first.length}"
    return (f"offsets of the files differ by up to {largest:.3g}{unit}: volumes that are made have that of the first",)
