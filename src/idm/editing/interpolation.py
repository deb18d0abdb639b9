"""Paths between two encoded images."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import append_dims
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing.base import Inversion, States
from idm.editing.ddim import DDIMInversion
from idm.samplers import SamplerMultistep


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


def mix(codes: Float[Tensor, "k c *space"], weights: Float[Tensor, "n k"]) -> Float[Tensor, "n c *space"]:
    """Mix several codes: sum_k w_k z_k / sqrt(sum_k w_k^2), which for independent noise is noise again.

    Two codes whose angle is a right one, as of noise in many dimensions, then lie on the arc of ``slerp``.

    Args:
        codes: noise vectors.
        weights: of each in each mixture, not all of them 0.

    Raises:
        SettingsError: a mixture of weights that are all 0.
    """
    lengths = weights.norm(dim=1, keepdim=True)
    if bool((lengths == 0).any()):
        raise SettingsError("weights: one that is not 0 wanted in every mixture, got zeros alone")
    return torch.tensordot(weights / lengths, codes, dims=1)


def interpolate(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    start: Images,
    end: Images,
    weights: Sequence[float],
    *,
    path: Denoiser | None = None,
    inversion: Inversion | None = None,
    seed: int = 0,
    listener: Listener = SILENT,
) -> Float[Tensor, "n c *space"]:
    """Encode two images, walk between their codes, and decode the way.

    At weights 0 and 1 all states are decoded, so that an exact way to invert gives both images back. Between them, of
    ways that carry two states, x_T alone is mixed, and what the flow makes of it is solved for as samples are, by UniPC
    of order 2: what a second state adds belongs to one image, and mixed it shows as lost contrast and as texture.

    Args:
        diffusion: the process.
        denoise: what finds x_0, under the conditioning of the two images, with two entries: start, end.
        start: one clean image [1, c, *space], in [-1, 1].
        end: another.
        weights: positions on the path, 0 at the start and 1 at the end.
        path: the same, under the conditioning of the images on the path, an entry per weight; ``denoise`` by default.
        inversion: the way, on the same process; DDIM where None.
        seed: of the noise of those ways that give data any: the first image has that of seed, the second of seed + 1.
        listener: hears of all loops.

    Returns:
        One image per weight, [len(weights), c, *space].

    Raises:
        SettingsError: a way that does not follow the flow.
    """
    way = inversion or DDIMInversion(diffusion)
    _require_flow(way)
    states = way.encode(denoise, (torch.cat([start, end]),), seed=seed, listener=listener)
    return _decoded(way, path or denoise, states, weights, start, listener)


def _decoded(
    way: Inversion, denoise: Denoiser, states: States, weights: Sequence[float], like: Images, listener: Listener
) -> Float[Tensor, "n c *space"]:
    """Decode mixtures of the states of two images."""
    solver = SamplerMultistep(way.diffusion, clip_denoised=False)
    decoded = like.new_empty(len(weights), *like.shape[1:])
    for rows, is_whole in _parts(weights, way.num_states):
        chosen, mixed = denoise.select(rows), _on_arcs(states, [weights[row] for row in rows.tolist()])
        if is_whole:
            decoded[rows] = way.decode(chosen, mixed, listener=listener)[0].to(decoded)
        else:
            decoded[rows] = solver.draw(chosen, mixed[0].to(decoded), listener=listener)
    return decoded


def _on_arcs(states: States, weights: Sequence[float]) -> States:
    """Return each state at places between that of the first image and that of the second."""
    places = torch.tensor(weights, dtype=states[0].dtype, device=states[0].device)

    def on_arc(state: Tensor) -> Tensor:
        start, end = (image.expand(len(weights), *image.shape[1:]) for image in state.split(1))
        return slerp(start, end, places)

    return tuple(map(on_arc, states))


def _require_flow(way: Inversion) -> None:
    if not way.follows_flow:
        raise SettingsError(
            f"method: one that follows the flow wanted between two images, such as bdia, got {type(way).__name__}, "
            "whose codes make up for noise that is drawn on the way"
        )


def num_loops(weights: Sequence[float], num_states: int) -> int:
    """Return how many times ``interpolate`` walks over the grid."""
    return 1 + len(_parts(weights, num_states))


def _parts(weights: Sequence[float], num_states: int) -> list[tuple[Tensor, bool]]:
    """Return the rows that are decoded together, and whether from all of their states or from x_T alone."""
    if num_states == 1:
        return [(torch.arange(len(weights)), True)]
    is_end = torch.tensor([weight in {0.0, 1.0} for weight in weights])
    parts = [(is_end.nonzero()[:, 0], True), (is_end.logical_not().nonzero()[:, 0], False)]
    return [(rows, is_whole) for rows, is_whole in parts if len(rows)]
