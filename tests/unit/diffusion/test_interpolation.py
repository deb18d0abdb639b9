"""Numbers looked up at noise levels: NumPy's interpolation, and no number that the host has to read."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from idm.diffusion.variances.interpolation import interpolated

KNOWN = torch.tensor([-3.0, -1.0, 0.5, 2.0], dtype=torch.float64)
AT = [-9.0, -3.0, -2.3, -1.0, 0.2, 0.5, 1.7, 2.0, 5.0]


class Reads(TorchDispatchMode):
    """Notes what makes the host wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def of_numpy(values: Tensor, at: float) -> np.ndarray:
    columns = values.flatten(1).T if values.ndim > 1 else values[None]
    found = [np.interp(at, KNOWN.numpy(), column.numpy()) for column in columns]
    return np.reshape(found, values.shape[1:])


@pytest.mark.parametrize("shape", [(), (2,), (2, 1, 3)])
def test_it_is_numpys_at_one_level_and_at_one_for_each_sample(shape: tuple[int, ...]) -> None:
    values = torch.as_tensor(np.random.default_rng(0).normal(size=(4, *shape)))
    for at in AT:
        torch.testing.assert_close(
            interpolated(KNOWN, values, torch.tensor(at, dtype=torch.float64)).numpy(),
            of_numpy(values, at),
            rtol=1e-14,
            atol=1e-14,
        )
    levels = torch.tensor(AT, dtype=torch.float64).view(-1, *[1] * max(1, len(shape)))
    found = interpolated(KNOWN, values, levels)
    expected = np.stack([of_numpy(values, at) for at in AT]).reshape(found.shape)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14, atol=1e-14)


def test_of_a_single_known_level_its_value_holds_everywhere() -> None:
    found = [interpolated(KNOWN[:1], torch.tensor([[0.25, 7.0]]).double(), torch.tensor(at).double()) for at in AT]
    assert torch.stack(found).tolist() == [[0.25, 7.0]] * len(AT)


@pytest.mark.parametrize("shape", [(), (2,), (2, 1, 3)])
def test_no_number_is_read_by_the_host(shape: tuple[int, ...]) -> None:
    values, reads = torch.ones(4, *shape, dtype=torch.float64), Reads()
    with reads:
        interpolated(KNOWN, values, torch.tensor(0.2, dtype=torch.float64))
        interpolated(KNOWN, values, torch.full((3, *[1] * max(1, len(shape))), 0.2, dtype=torch.float64))
    assert reads.names == []
