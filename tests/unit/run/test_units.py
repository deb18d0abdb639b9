"""Observations in the units of the data say the same in the model's range."""

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.data import Codec
from idm.restoration import Blur, Channels, Custom, Downsample, Fourier, Mask, Matrix
from idm.run.units import observation_of

SHAPE = (2, 4, 6)
EQUAL = Codec("float32", None, (3.0, -1.0), (2.5, 2.5), bounded=True)
DIFFERENT = Codec("float32", None, (3.0, -1.0), (2.5, 0.25), bounded=True)
SEEN = torch.rand(SHAPE, generator=torch.Generator().manual_seed(1)) > 0.5
OPERATORS = {
    "mask": Mask(SHAPE, SEEN),
    "channels": Channels(SHAPE, [1, 0]),
    "downsample": Downsample(SHAPE, [2, 3]),
    "blur": Blur(SHAPE, [0.7]),
    "matrix": Matrix(SHAPE, torch.randn(5, 48, generator=torch.Generator().manual_seed(2), dtype=torch.float64)),
    "fourier": Fourier(SHAPE, SEEN[0]),
    "function": Custom(lambda v: v.square().flatten(1).sum(1, keepdim=True)),
}


@pytest.mark.parametrize("codec", [EQUAL, DIFFERENT], ids=["one scale", "two scales"])
@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "fourier"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_sample_that_was_seen_without_noise_leaves_no_residual(name, codec, noise):
    """o = A v in the data's units: with x = (v - offset) / scale the residual of x vanishes, whatever A is."""
    v = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    offset, scale = (torch.tensor(part).view(1, 2, 1, 1) for part in (codec.offset, codec.scale))
    found = observation_of(OPERATORS[name], OPERATORS[name].apply(v), noise, codec, SHAPE)
    x = ((v - offset) / scale).float()
    assert found.residual(x).abs().max() < 2e-5 * found.values.abs().max().clamp(min=1)


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "function"])
def test_noise_keeps_its_size_where_channels_have_one_scale(name):
    """(o + s n - A offset) / scale has noise of s / scale."""
    found = observation_of(OPERATORS[name], OPERATORS[name].apply(torch.zeros(1, *SHAPE).double()), 0.5, EQUAL, SHAPE)
    assert found.noise == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["mask", "channels", "downsample", "blur"])
def test_channels_of_different_scales_are_weighed_as_their_noise_is(name):
    """(r^2 D A A^T D + s^2 I)^-1 by the wrapped operator equals that of the dense matrix A diag(scale)."""
    operator = OPERATORS[name]
    scale = torch.tensor(DIFFERENT.scale).double().repeat_interleave(24)
    units = torch.eye(48, dtype=torch.float64).view(48, *SHAPE)
    dense = operator.apply(units).flatten(1).T * scale
    o = operator.apply(torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    found = observation_of(operator, o, 0.3, DIFFERENT, SHAPE)
    wanted = torch.linalg.solve(
        0.7 * dense @ dense.T + 0.09 * torch.eye(len(dense), dtype=torch.float64), o.flatten(1).T
    ).T
    solved = found.operator.solve(o, 0.7, 0.09).flatten(1)
    assert torch.allclose(solved, wanted, rtol=1e-9, atol=1e-9)
    back = found.operator.adjoint(o).flatten(1)
    assert torch.allclose(back, o.flatten(1) @ dense, rtol=1e-9, atol=1e-9)


def test_an_operator_that_mixes_channels_wants_one_scale():
    o = OPERATORS["fourier"].apply(torch.zeros(1, *SHAPE).double())
    with pytest.raises(SettingsError, match="mixes channels"):
        observation_of(OPERATORS["fourier"], o, 0.0, DIFFERENT, SHAPE)
    assert np.isfinite(observation_of(OPERATORS["fourier"], o, 0.0, EQUAL, SHAPE).values).all()
