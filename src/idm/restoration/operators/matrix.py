"""Any matrix."""

from collections.abc import Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.restoration.operators.base import LinearOperator, number_of


@final
class Matrix(LinearOperator):
    """Each number that is observed is a weighted sum of values: o [b, m]."""

    def __init__(self, shape: Sequence[int], matrix: Tensor) -> None:
        """Give the weights.

        Args:
            shape: of one sample [c, *space].
            matrix: A [m, n], of the n values of a sample in the order of the data.

        Raises:
            SettingsError: a matrix for another number of values, or one that is not finite.
        """
        super().__init__(shape)
        wanted = number_of(self.shape)
        if matrix.ndim != 2 or matrix.shape[1] != wanted or not len(matrix) or not bool(matrix.isfinite().all()):
            raise SettingsError(
                f"matrix: finite weights [m, {wanted}] wanted for data of shape {self.shape}, got {tuple(matrix.shape)}"
            )
        self.matrix = matrix.cpu().double()

    @property
    def words(self) -> str:
        """The size of its matrix in words."""
        return f"{self.matrix.shape[0]:,} sums of {self.matrix.shape[1]:,} values"

    @cached_property
    def _decomposed(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues of A A^T, and its eigenvectors as columns."""
        values, vectors = torch.linalg.eigh(self.matrix @ self.matrix.T)
        return values.clamp(min=0.0), vectors

    @property
    def spectrum(self) -> Tensor:
        """Eigenvalues of A A^T [m]."""
        return self._decomposed[0]

    def _vectors(self, like: Tensor) -> Tensor:
        return self.kept("vectors", like, lambda: self._decomposed[1])

    def _weights(self, like: Tensor) -> Tensor:
        return self.kept("matrix", like, lambda: self.matrix)

    def rotate(self, o: Tensor) -> Tensor:
        """Turn to the eigenvectors of A A^T."""
        return o @ self._vectors(o)

    def rotate_back(self, o: Tensor) -> Tensor:
        """Turn back."""
        return o @ self._vectors(o).T

    def observe(self, x: Images) -> Tensor:
        """Multiply."""
        return x.flatten(1) @ self._weights(x).T

    def adjoint(self, o: Tensor) -> Images:
        """Multiply by the transposed matrix."""
        return (o @ self._weights(o)).view(-1, *self.shape)
