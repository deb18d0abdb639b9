"""Paths between two encoded images."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.core.tensors import append_dims
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing.inversion import decode, encode


def slerp(start: Images, end: Images, weight: Tensor) -> Images:
    """Spherical interpolation between samples, flattened to vectors (Shoemake 1985).

    sin((1 - w) theta) / sin(theta) start + sin(w theta) / sin(theta) end, with theta the angle between them;
    noise vectors keep their typical length along the path, which a straight line does not. Where the angle
    vanishes it is the straight line.

    Args:
        start: [b, ...], returned for weight 0.
        end: [b, ...], returned for weight 1.
        weight: [b].
    """
    a, b = start.flatten(1), end.flatten(1)
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp(min=1e-12)
    theta = torch.acos(cosine.clamp(-1.0, 1.0))
    straight = theta.sin() < 1e-6
    safe = torch.where(straight, torch.ones_like(theta), theta)
    of_start = torch.where(straight, 1.0 - weight, torch.sin((1.0 - weight) * safe) / torch.sin(safe))
    of_end = torch.where(straight, weight, torch.sin(weight * safe) / torch.sin(safe))
    return append_dims(of_start, start.ndim) * start + append_dims(of_end, end.ndim) * end


def interpolate(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    start: Images,
    end: Images,
    weights: Sequence[float],
    *,
    path: Denoiser | None = None,
    listener: Listener = SILENT,
) -> Float[Tensor, "n c *space"]:
    """Encode two images, walk between their codes, and decode the way.

    Args:
        diffusion: the process.
        denoise: what finds x_0, under the conditioning of the two images, with two entries: start, end.
        start: one clean image [1, c, *space], in [-1, 1].
        end: another.
        weights: positions on the path, 0 at ``start`` and 1 at ``end``.
        path: the same, under the conditioning of the images on the path, with one entry per weight; ``denoise``, where
            it has no conditioning, by default.
        listener: hears of both loops.

    Returns:
        One image per weight, [len(weights), c, *space].
    """
    code = encode(diffusion, denoise, torch.cat([start, end]), listener=listener)
    weight = torch.tensor(list(weights), dtype=code.dtype, device=code.device)
    one, other = (code[i : i + 1].expand(len(weight), *code.shape[1:]) for i in (0, 1))
    return decode(diffusion, path or denoise, slerp(one, other, weight), listener=listener)
