"""Fit the one variance that no schedule knows: that of the decoder, the last step."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from idm.core.errors import NumericalError
from idm.core.rng import Rng
from idm.core.types import Images, Network
from idm.diffusion import GaussianDiffusion, ModelKwargs, WithDecoderVariance


def fit_decoder_log_variance(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Images,
    *,
    clip_denoised: bool = True,
    model_kwargs: ModelKwargs | None = None,
    seed: int | Sequence[int] = 0,
    batch_size: int = 512,
) -> float:
    """Log of the mean squared error of the predicted x_0 at step 0: the best Gaussian decoder of one variance.

    Fit it on training data; the bound of held-out data then stays a bound.

    Args:
        diffusion: the process.
        model: the network.
        x_start: clean training data in the model's range.
        clip_denoised: clamp the predicted x_0 to [-1, 1], as the bound will.
        model_kwargs: conditioning.
        seed: seeds of the noise, as in ``calc_bpd_loop``.
        batch_size: images per call of the network.

    Raises:
        NumericalError: what the network returns is not finite.
    """
    rng = Rng.from_seed(seed, x_start.shape[0], x_start.device)
    noise = rng.normal("decoder", 0, x_start.shape[1:], x_start.dtype)
    total = torch.zeros((), dtype=torch.float32, device=x_start.device)
    with torch.no_grad():
        for first in range(0, x_start.shape[0], batch_size):
            part = slice(first, first + batch_size)
            kwargs = {name: value[part] for name, value in (model_kwargs or {}).items()}
            clean: Tensor = x_start[part]
            x_t = diffusion.q_sample(clean, 0, noise[part])
            step = diffusion.p_mean_variance(model, x_t, 0, clip_denoised=clip_denoised, model_kwargs=kwargs)
            total += ((step.pred_xstart - clean) ** 2).sum()
    mean_squared_error = float(total) / x_start.numel()
    if not math.isfinite(mean_squared_error):
        raise NumericalError("decoder variance: finite predictions of x_0 wanted, the network returns others")
    return math.log(max(mean_squared_error, 1e-12))


def with_decoder_log_variance(diffusion: GaussianDiffusion, log_variance: float) -> GaussianDiffusion:
    """Return the same process with that log-variance at step 0 (replacing an earlier one)."""
    inner = diffusion.variance.without_decoder_variance()
    return diffusion.replace(model_var_type=WithDecoderVariance(inner, log_variance))
