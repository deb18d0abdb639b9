"""Masks that say where samples are unknown: grey or transparent pictures, arrays, NIfTI volumes."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray
from PIL import Image

from idm.core.errors import DataError, IdmError, SettingsError, UnreadableFileError
from idm.core.text import one_line
from idm.data.arrays.axes import LAYOUTS
from idm.data.arrays.files import open_arrays
from idm.data.images.decode import FORMATS, MAX_PIXELS
from idm.data.sources.nifti import NIFTI_SUFFIXES, Nifti
from idm.run.spec import DataSpec

GREY = 127
"""Pixels above this are white: a hole."""

ARRAY_SUFFIXES = (".npy", ".npz")


def read_mask(path: Path, spec: DataSpec) -> Bool[NDArray[Any], "c *space"]:
    """Read where samples are unknown.

    A picture hides what is transparent in it, or what is white where nothing is; an array or volume what is not 0.

    Args:
        path: a picture, a .npy or .npz file of one array, or a NIfTI file.
        spec: what the samples are like. A mask has their shape [c, *space], in the order of axes of the data, or that
            of their space alone, which then holds for all channels.

    Returns:
        True where nothing is known.

    Raises:
        UnreadableFileError: no such file.
        SettingsError: a mask of another shape, or one that hides nothing or everything.
    """
    name = path.name.lower()
    if not path.is_file():
        raise SettingsError(f"mask: a file wanted, got {path}, which is none; check the path")
    if name.endswith(NIFTI_SUFFIXES):
        hidden = Nifti(path)[0] != 0
        hidden = hidden[0] if len(hidden) == 1 else hidden
    elif name.endswith(ARRAY_SUFFIXES):
        hidden = _array(path) != 0
    else:
        hidden = _picture(path)
    return checked_mask(hidden, spec, str(path))


def checked_mask(hidden: NDArray[Any], spec: DataSpec, what: str = "mask") -> Bool[NDArray[Any], "c *space"]:
    """Bring a mask to [c, *space]; ``what`` is what messages call it. Arguments and errors as of ``read_mask``."""
    if hidden.dtype != np.bool_:
        raise SettingsError(f"{what}: an array of booleans wanted, True where nothing is known, got {hidden.dtype}")
    space = spec.shape[1:]
    in_order = LAYOUTS[spec.layout].restore(np.empty((1, *spec.shape), dtype=bool)).shape[1:]
    if hidden.shape == spec.shape:
        found = hidden
    elif space and hidden.shape == space:
        found = np.broadcast_to(hidden, spec.shape)
    elif hidden.shape == in_order:
        found = LAYOUTS[spec.layout].arrange(hidden[None])[0]
    else:
        shapes = " or ".join(map(str, dict.fromkeys([*([space] if space else []), in_order, spec.shape])))
        raise SettingsError(
            f"{what}: a mask of shape {shapes} wanted, as the run's samples, got {hidden.shape}; resize it"
        )
    if found.all() or not found.any():
        got = "everything" if found.all() else "nothing"
        raise SettingsError(
            f"{what}: a mask that hides a part of a sample wanted, got one that hides {got}; what hides is white "
            f"(above {GREY} of 255) or transparent in a picture, and not 0 in an array"
        )
    return np.ascontiguousarray(found)


def _array(path: Path) -> NDArray[Any]:
    try:
        values = np.asarray(open_arrays(path, None, None).data)
    except DataError as error:
        raise SettingsError(*(f"mask: {line}" for line in error.lines)) from error
    if values.dtype.kind not in "buif":
        raise SettingsError(f"mask: {path} holds {values.dtype}; booleans or numbers wanted, not 0 where it hides")
    return values


def _picture(path: Path) -> Bool[NDArray[Any], "h w"]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SettingsError(f"mask: a picture of at most {MAX_PIXELS:,} pixels wanted, got {path}; cut it")
            if image.has_transparency_data:
                opacity = np.asarray(image.convert("RGBA"))[..., 3]
                if opacity.min() <= GREY:  # else an editor added a channel that says nothing
                    return opacity <= GREY
            sixteen_bits = image.mode.startswith("I")
            return np.asarray(image) > 257 * GREY if sixteen_bits else np.asarray(image.convert("L")) > GREY
    except IdmError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over in a damaged file
        raise UnreadableFileError(
            f"mask: {path} cannot be read as a picture ({one_line(error)}); replace it"
        ) from error
