"""Small tensor helpers."""

import numpy as np
import pytest
import torch

from idm.core.tensors import append_dims, mean_flat, nats_to_bits


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
