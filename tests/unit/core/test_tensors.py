"""Small tensor helpers."""

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.tensors import append_dims, mean_flat, nats_to_bits, wide
from idm.samplers.fitted import StepWeights
from idm.samplers.fitting import nearest_weights


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 5), (3, 1, 4, 4), (3, 2, 2, 2, 2)])
def test_mean_flat_is_the_mean_of_each_sample(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(mean_flat(torch.as_tensor(x)).numpy(), x.reshape(3, -1).mean(1), rtol=1e-12)


def test_mean_flat_of_one_number_per_sample_is_that_number() -> None:
    x = torch.arange(4.0)
    assert torch.equal(mean_flat(x), x)


@pytest.mark.parametrize("ndim", [1, 2, 4, 5])
def test_appended_axes_have_length_one_and_keep_the_values(ndim: int) -> None:
    x = torch.arange(3.0)
    assert append_dims(x, ndim).shape == (3,) + (1,) * (ndim - 1)
    assert torch.equal(append_dims(x, ndim).flatten(), x)


def test_one_bit_is_ln_2_nats() -> None:
    nats = torch.tensor([0.0, 1.0, 2.0]) * np.log(2.0)
    torch.testing.assert_close(nats_to_bits(nats), torch.tensor([0.0, 1.0, 2.0]))


class OfMps(Tensor):
    """Says that it is on Apple's MPS, and refuses float64 there, as that does."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func == Tensor.device.__get__:
            return torch.device("mps")
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*args, **(kwargs or {}))
        if func is Tensor.cpu or (func is Tensor.to and args[1] == "cpu"):
            return found
        if isinstance(found, Tensor) and found.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return found.as_subclass(cls) if isinstance(found, Tensor) else found


def test_double_numbers_are_on_the_host_where_the_device_has_none() -> None:
    x = torch.tensor([1.0, -2.0]).as_subclass(OfMps)
    with pytest.raises(TypeError, match="MPS"):
        x.double()
    assert type(wide(x)) is Tensor
    assert wide(x).tolist() == [1.0, -2.0]
    assert wide(torch.ones(1, dtype=torch.float16)).dtype == torch.float64


def test_weights_are_fitted_on_a_device_without_double_numbers() -> None:
    x, value = torch.tensor([1.0, 2.0, 0.0]).as_subclass(OfMps), torch.tensor([0.0, 1.0, 3.0]).as_subclass(OfMps)
    target = torch.tensor([2.0, 3.0, -3.0]).as_subclass(OfMps)  # 2 x - value
    found = nearest_weights((x, value), target, StepWeights(1.0, (0.0,)), ridge=0.0)
    assert [found.keep, *found.values] == pytest.approx([2.0, -1.0])
