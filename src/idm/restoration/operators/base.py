"""Operators: what is observed of data, without the noise.

A linear operator A knows the eigenvectors of A A^T, and so inverts r^2 A A^T + s^2 I in closed form: ``rotate`` turns
observations into coordinates in which it is diagonal, ``spectrum`` says what stands there.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import IdmError, SettingsError
from idm.core.tensors import made_once
from idm.core.text import one_line
from idm.core.types import Images

RANK_TOLERANCE = 16.0
"""Roundings of the largest eigenvalue below which others are 0 where nothing else holds them up."""


class Operator(ABC):
    """What is observed of data."""

    @abstractmethod
    def apply(self, x: Images) -> Tensor:
        """Return what is observed of each sample [b, ...]."""

    def is_a(self, kind: "type[Operator]") -> bool:
        """Whether methods for a kind of operators work with it; by default those of its class, and of classes above."""
        return isinstance(self, kind)


@final
class Custom(Operator):
    """Any differentiable function of data, linear or not."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Observe ``function(x)``, which takes [b, c, *space] and returns [b, ...], each row of its own sample.

        A number for each sample, [b], is observed as [b, 1].
        """
        self.function = function

    def __repr__(self) -> str:
        """Name the function."""
        return f"Custom({getattr(self.function, '__name__', type(self.function).__name__)})"

    def apply(self, x: Images) -> Tensor:
        """Call the function.

        Raises:
            SettingsError: it fails, or returns something else than one observation per sample.
        """
        try:
            seen = self.function(x)
        except (IdmError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # the function is somebody's own, and may raise anything
            raise SettingsError(
                f"operator: a function of data {tuple(x.shape)} wanted, got one that raises {type(error).__name__} "
                f"({one_line(error)}); mend it"
            ) from error
        return _row_per_sample(seen, len(x))


class LinearOperator(Operator):
    """A matrix A, as functions."""

    def __init__(self, shape: Sequence[int]) -> None:
        """Observe data of a shape.

        Args:
            shape: of one sample [c, *space].

        Raises:
            SettingsError: no such shape.
        """
        self.shape = tuple(whole_number(size, "shape") for size in shape)
        if not self.shape or min(self.shape) < 1:
            raise SettingsError(f"shape: channels and any spatial sizes wanted, got {self.shape}")
        self._copies: dict[tuple[str, torch.device, torch.dtype], Tensor] = {}

    def __repr__(self) -> str:
        """Name it, what it does, and the shape of samples, in a line."""
        return f"{type(self).__name__}({self.words}, samples of {' x '.join(map(str, self.shape))})"

    @property
    def words(self) -> str:
        """What it does, in a few words; members say it."""
        return "linear"

    def apply(self, x: Images) -> Tensor:
        """Return A x.

        Raises:
            SettingsError: data of another shape.
        """
        if tuple(x.shape[1:]) != self.shape:
            raise SettingsError(
                f"operator: data of shape {self.shape} wanted, for which it was made, got {tuple(x.shape[1:])}"
            )
        return self.observe(x)

    @abstractmethod
    def observe(self, x: Images) -> Tensor:
        """Return A x of data of the operator's shape."""

    @abstractmethod
    def adjoint(self, o: Tensor) -> Images:
        """Return A^T o."""

    @property
    def spectrum(self) -> Tensor:
        """Eigenvalues of A A^T, float64, of a shape that broadcasts over one rotated observation; 1 by default."""
        return torch.ones((), dtype=torch.float64)

    def rotate(self, o: Tensor) -> Tensor:
        """Turn observations into coordinates in which A A^T is diagonal, orthonormally; as they are by default."""
        return o

    def rotate_back(self, o: Tensor) -> Tensor:
        """Undo ``rotate``."""
        return o

    @final
    def eigenvalues(self, like: Tensor) -> Tensor:
        """Return the spectrum on the device and in the dtype of observations."""
        return self.kept("spectrum", like, lambda: self.spectrum)

    @final
    def solve(self, o: Tensor, variance: float | Tensor, noise_variance: float | Tensor) -> Tensor:
        """Return (variance A A^T + noise_variance I)^-1 o.

        Args:
            o: observations [b, ...].
            variance: r^2; a number, or one of each sample, shaped to broadcast over ``o``.
            noise_variance: s^2, likewise; where it is 0, what A cannot reach is left out (pseudo-inverse).
        """
        inverse = inverted(self.eigenvalues(o), variance, noise_variance)
        return self.rotate_back(self.rotate(o) * inverse)

    @final
    def pseudo_inverse(self, o: Tensor) -> Images:
        """Return A^+ o, of all data that are observed as o the smallest."""
        return self.adjoint(self.solve(o, 1.0, 0.0))

    @final
    def dense(self) -> Tensor:
        """Return A as a matrix [m, n], float64, of the n values of a sample and the m numbers of an observation."""
        units = torch.eye(number_of(self.shape), dtype=torch.float64)
        return self.apply(units.view(-1, *self.shape)).flatten(1).T

    @final
    def kept(self, name: str, like: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """Return a tensor of the operator's on the device of ``like``, in its dtype if both are real; copied once."""
        dtype = like.dtype

        def copy() -> Tensor:
            made = make()
            return made.to(like.device, dtype if made.is_floating_point() else None)

        return made_once(self._copies, (name, like.device, dtype), copy)


class Selection(LinearOperator):
    """An operator that picks values of the data: A A^T = I, and A^T A keeps some values and drops the others."""

    @property
    @abstractmethod
    def seen(self) -> Tensor:
        """Which values of a sample are observed, bool [c, *space]."""


def inverted(eigenvalues: Tensor, variance: float | Tensor, noise_variance: float | Tensor) -> Tensor:
    """Return 1 / (variance eigenvalues + noise_variance), but 0 where that is the inverse of rounding.

    A number above 0 keeps values from being that; numbers of levels may be 0, as s^2 / kappa^2 of pure noise is.
    """
    values = variance * eigenvalues + noise_variance
    if not isinstance(noise_variance, Tensor) and noise_variance > 0:
        return 1.0 / values
    cutoff = RANK_TOLERANCE * torch.finfo(values.dtype).eps * variance * eigenvalues.max()
    return torch.where(values > cutoff, 1.0 / values, torch.zeros_like(values))


def _row_per_sample(seen: object, batch: int) -> Tensor:
    """Return what a custom operator returned, if it is an observation."""
    if isinstance(seen, Tensor) and seen.ndim > 0 and len(seen) == batch:
        return seen[:, None] if seen.ndim == 1 else seen
    got = tuple(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
    raise SettingsError(f"operator: a tensor [{batch}, ...] wanted from the function, a row per sample, got {got}")


def number_of(shape: Sequence[int]) -> int:
    """Count the values of a sample."""
    return math.prod(shape)
