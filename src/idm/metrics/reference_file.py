"""Reading reference statistics from a file.

Such a file may be a stranger's. It is data: its sizes are checked before they are believed, and of the extractor of its
features it says only which it is; networks and functions are those that whoever compares names.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.metrics.evidence import Moments
from idm.metrics.reference import COVARIANCE, FITTED, FORMAT, HEADER, MEAN, ROWS, Identity, Reference
from idm.storage.disk import first_not_finite
from idm.storage.fit_file import hash_of
from idm.storage.manifest import LARGEST_JSON_BYTES, parse_json

LARGEST_BYTES = 2**30
"""Bytes of the largest file that is read."""

LARGEST_SAMPLE_VALUES = 2**27
"""Values of the largest samples that a file may be of."""

LONGEST_WORD = 1_000


def read_reference(path: str | Path) -> Reference:
    """Read a file of reference statistics.

    Raises:
        DataError: it is none, or its parts do not fit each other.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: a file of reference statistics wanted, got {kind_at(path)}; check the path")
    try:
        if (size := path.stat().st_size) > LARGEST_BYTES:
            raise ValueError(f"{size:,} bytes, of at most {LARGEST_BYTES:,}")
        with safe_open(path, "pt") as file:
            names = file.keys()
            found = _checked(_words(file.metadata()), {name: file.get_tensor(name) for name in names})
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: reference statistics wanted, got another file ({one_line(error)}); make them anew with "
            "save_reference=FILE"
        ) from error
    return found


def _words(header: Mapping[str, str] | None) -> Mapping[str, Any]:
    text = (header or {})[HEADER]
    if len(text) > LARGEST_JSON_BYTES:
        raise ValueError("too many words")
    words = parse_json(text)
    if not isinstance(words, dict) or words.get("format") != FORMAT:
        raise ValueError(f"of another format than {FORMAT}")
    return words


def _checked(words: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Reference:
    """Put the parts of a file together, each of the size that the others make it have."""
    if any(value.dtype not in (torch.float32, torch.float64) for value in tensors.values()):
        raise ValueError("tensors of float32 or float64 wanted")
    if words["sha256"] != hash_of(tensors):
        raise ValueError("its numbers are not those that were written")
    if name := first_not_finite(tensors):
        raise ValueError(f"{name[:100]} is not finite")
    shape, rows = words["shape"], tensors.get(ROWS)
    if not shape or len(shape) > 4 or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError("a shape of samples wanted")
    if math.prod(shape) > LARGEST_SAMPLE_VALUES:
        raise ValueError("samples of fewer values wanted")
    identity = Identity(*(_word(words["extractor"][name]) for name in ("name", "version", "sha256")))
    moments = _moments(tensors, words["num"])
    if rows is None and moments is None:
        raise LookupError("no features")
    if rows is not None and (rows.ndim != 2 or not rows.numel()):
        raise ValueError("rows of features wanted")
    if rows is not None and moments is not None and rows.shape[1] != len(moments.mean):
        raise ValueError("as many features as moments wanted")
    fitted = {name.removeprefix(FITTED): value for name, value in tensors.items() if name.startswith(FITTED)}
    return Reference(identity, tuple(shape), dict(words["codec"]), _word(words["data"]), rows, moments, fitted)


def _moments(tensors: Mapping[str, Tensor], num: Any) -> Moments | None:
    if MEAN not in tensors and COVARIANCE not in tensors:
        return None
    mean, covariance = tensors[MEAN], tensors[COVARIANCE]
    if mean.ndim != 1 or not len(mean) or covariance.shape != (len(mean), len(mean)):
        raise ValueError("a mean and a covariance of one size wanted")
    if not torch.allclose(covariance, covariance.T, rtol=1e-4, atol=1e-6 * float(covariance.abs().max())):
        raise ValueError("a symmetric covariance wanted")
    if type(num) is not int or num < 2:
        raise ValueError("the number of samples wanted")
    return Moments(mean, covariance, num)


def _word(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_WORD:
        raise TypeError("a short text wanted")
    return value
