"""Operators as a user writes them: ``mask:hole.png``, ``downsample:4``, ``blur:1.5``, ``mymodule:function``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.code import call_code, function_of_code
from idm.core.errors import DataError, SettingsError
from idm.core.text import nearest
from idm.data.arrays.files import open_arrays
from idm.restoration import OPERATORS, Custom, Fourier, LinearOperator, Mask, Operator
from idm.run.masks import read_mask
from idm.run.spec import DataSpec

EXAMPLES: Mapping[str, str] = {
    "mask": "mask:hole.png",
    "channels": "channels:0,2",
    "downsample": "downsample:4",
    "blur": "blur:1.5",
    "fourier": "fourier:4,8",
    "matrix": "matrix:A.npy",
}
"""How each operator is written."""

TOO_MANY_DIGITS = 7
"""Fewest digits of numbers that are no sizes."""


def parse_operator(text: str, spec: DataSpec) -> Operator:
    """Make the operator that a text names, for samples of a run.

    ``mask:FILE`` hides what is white, transparent or not 0, ``mask`` alone what is transparent or NaN in each sample.
    ``channels:0,2-3`` shows these channels alone. ``downsample:4`` takes means of blocks of 4 places along every
    axis. ``blur:1.5`` is a periodic Gaussian of that standard deviation in places. ``fourier:4,8`` samples every fourth
    line of frequencies and eight in the middle, ``fourier:FILE`` those that an array marks, of complex data held as two
    channels. ``matrix:FILE`` is any matrix, of a row per number that is observed. Anything else is ``module:name`` that
    Python can import, and is run: a function of tensors [n, c, *space] in the data's units, or a subclass of
    ``LinearOperator`` that is made of a shape [c, *space].

    Args:
        text: the name, and what it needs.
        spec: what the samples are like.

    Raises:
        SettingsError: no such operator, or one that does not fit the samples.
        DataError: a file, or a function, that cannot be had.
    """
    name, colon, value = text.partition(":")
    if text == "mask":
        return Mask.whole(spec.shape)
    if name in _MAKE:
        if not value:
            raise SettingsError(f"operator: {EXAMPLES[name]} or the like wanted, got '{text}'")
        options = _MAKE[name](value, spec)
        try:
            return OPERATORS.build(name, options, shape=spec.shape)
        except SettingsError as error:
            raise _of_operator(error, text) from error
    if colon and value.isidentifier():
        found = function_of_code(text, "operator", example="physics:project")
        is_linear = isinstance(found, type) and issubclass(found, LinearOperator)
        return call_code(found, text, "operator", spec.shape) if is_linear else Custom(_Own(text, found))
    near = nearest(name, _MAKE, cutoff=0.6)
    hint = f"did you mean {EXAMPLES[near]}?" if near else f"one of {', '.join(EXAMPLES.values())} or MODULE:FUNCTION"
    raise SettingsError(f"operator: unknown operator '{text}'; {hint}")


@final
@dataclass(frozen=True)
class _Own:
    """A function of a user's own, by the name of its code."""

    name: str
    function: Callable[[Tensor], object]

    def __call__(self, v: Tensor) -> Tensor:
        """Call it.

        Raises:
            DataError: it raised something.
            SettingsError: it returned what torch cannot differentiate, where that is wanted.
        """
        found = call_code(self.function, self.name, "operator", v)
        if isinstance(found, Tensor) and v.requires_grad and not found.requires_grad:
            raise SettingsError(
                f"operator: values that torch computed from its argument wanted of {self.name}, got some without a "
                "gradient; leave out detach, numpy and no_grad"
            )
        return found  # what is no tensor is told by whoever observes


def _of_operator(error: SettingsError, text: str) -> SettingsError:
    """Say which operator is meant, once."""
    return SettingsError(*(f"operator: {line.removeprefix('operator: ')}, of '{text}'" for line in error.lines))


def _mask(value: str, spec: DataSpec) -> dict[str, Any]:
    return {"seen": torch.from_numpy(~read_mask(Path(value), spec))}


def _channels(value: str, spec: DataSpec) -> dict[str, Any]:
    seen: list[int] = []
    for part in value.split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()) or int(last or first) >= spec.shape[0]:
            wanted = f"numbers of channels from 0 to {spec.shape[0] - 1}, such as channels:0,2-3,"
            raise SettingsError(f"operator: {wanted} wanted, got '{value}'")
        seen += range(int(first), int(last or first) + 1)
    return {"channels": tuple(dict.fromkeys(seen))}


def _downsample(value: str, spec: DataSpec) -> dict[str, Any]:
    factors = value.split(",")
    if not all(part.strip().isdecimal() and len(part) < TOO_MANY_DIGITS for part in factors):
        raise SettingsError(f"operator: whole numbers wanted, such as downsample:4 or downsample:2,4, got '{value}'")
    return {"factors": tuple(map(int, factors))}


def _blur(value: str, spec: DataSpec) -> dict[str, Any]:
    try:
        return {"sigmas": tuple(map(float, value.split(",")))}
    except ValueError as error:
        raise SettingsError(f"operator: numbers wanted, such as blur:1.5 or blur:1,2, got '{value}'") from error


def _fourier(value: str, spec: DataSpec) -> dict[str, Any]:
    counts = value.split(",")
    if all(count.strip().isdecimal() and len(count) < TOO_MANY_DIGITS for count in counts) and len(counts) <= 2:
        try:
            return {"sampled": Fourier.lines(spec.shape, *map(int, counts)).sampled}
        except SettingsError as error:
            raise _of_operator(error, f"fourier:{value}") from error
    return {"sampled": torch.from_numpy(np.ascontiguousarray(_array(value) != 0))}


def _matrix(value: str, spec: DataSpec) -> dict[str, Any]:
    return {"matrix": torch.from_numpy(np.array(_array(value), dtype=np.float64))}


_MAKE: Mapping[str, Callable[[str, DataSpec], dict[str, Any]]] = {
    "mask": _mask,
    "channels": _channels,
    "downsample": _downsample,
    "blur": _blur,
    "fourier": _fourier,
    "matrix": _matrix,
}


def _array(path: str) -> NDArray[Any]:
    try:
        values = np.asarray(open_arrays(Path(path), None, None).data)
    except DataError as error:
        raise DataError(*(f"operator: {line}" for line in error.lines)) from error
    if values.dtype.kind not in "buif" or not np.isfinite(values).all():
        raise DataError(f"operator: finite real numbers wanted in {path}, got {values.dtype}; convert or replace them")
    return values
