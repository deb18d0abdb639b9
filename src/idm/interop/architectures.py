"""Weights of other networks, recognised by the names of their parameters, so that a message can say what they are."""

import re
from collections.abc import Collection, Iterable

SIGNS: tuple[tuple[str, str], ...] = (
    (r"first_stage_model\.|cond_stage_model\.", "a latent diffusion model"),
    (r"down_blocks\.\d+\.", "a network of diffusers"),
    (r"downs\.\d+\.", "a network of denoising-diffusion-pytorch"),
    (r"transformer\.|blocks\.\d+\.attn\.", "a transformer"),
)
"""How names begin in other projects, and what has such names."""

FLAG_SIGNS: tuple[tuple[str, str], ...] = (
    (r"time_embed\.", "num_channels"),
    (r"(in|out)put_blocks\.\d+\.0\.(in_layers\.2|op|skip_connection)\.", "num_res_blocks and image_size"),
    (r"label_emb\.", "class_cond"),
    (r"out\.2\.", "learn_sigma"),
    (r".*\.(qkv|proj_out)\.", "attention_resolutions"),
    (r".*\.emb_layers\.", "use_scale_shift_norm"),
)
"""Parameters that are there, or of a size, by what flags say; a difference by one of the first makes further ones."""


def other_network(found: Collection[str], wanted: Iterable[str]) -> str | None:
    """Say what has parameters of these names, if it is known not to be ``UNet``.

    Args:
        found: names of the weights.
        wanted: names of the network's parameters.
    """
    parts = {name.partition(".")[0] for name in found}
    if "input_blocks" in parts and "output_blocks" not in parts:
        return "a classifier, which has no way up"
    if "input_blocks" in parts and _resamples(wanted) and not _resamples(found):
        return "a network that changes the resolution by residual blocks (resblock_updown), which this one cannot be"
    return next((what for sign, what in SIGNS if any(re.match(sign, name) for name in found)), None)


def flags_to_check(differing: Collection[str]) -> str:
    """Name the flags by which the parameters differ most likely; "" if none is known."""
    signs = (flags for sign, flags in FLAG_SIGNS if any(re.match(sign, name) for name in differing))
    return next(signs, "")


def _resamples(names: Iterable[str]) -> bool:
    """Whether there are convolutions that halve the resolution, whatever the depth of the network."""
    return any(name.endswith(".0.op.weight") for name in names)
