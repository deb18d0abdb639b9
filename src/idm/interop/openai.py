"""improved-diffusion's command-line flags, understood (``image_train.py`` and ``super_res_train.py``).

Flags may be given in part; what is missing has the scripts' defaults. In flags ``attention_resolutions`` are sizes
in pixels, separated by commas; in the network's options they are downsampling factors. Flags of guided-diffusion, which
grew out of these scripts, are understood where they ask for nothing that ``UNet`` is not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from idm.core.errors import MOST_UNKNOWN, SettingsError, unknown_name
from idm.core.text import shown
from idm.interop.flag_values import read_flag
from idm.interop.guided import (
    NOT_BUILT,
    OF_TRAINING,
    TRANSLATED,
    heads_of_width,
    read_multiples,
    without_ignored,
)
from idm.networks import UNet
from idm.networks.attention_stages import stage_of

NUM_CLASSES = 1000
"""The scripts know no other number of classes."""

CHANNEL_MULT: dict[int, tuple[int, ...]] = {256: (1, 1, 2, 2, 4, 4), 64: (1, 2, 3, 4), 32: (1, 2, 2, 2)}
"""Widths of the stages by image size."""

SUPER_RESOLVED = (64, 256)
"""Sizes for which the scripts have a network for super-resolution."""

DEFAULTS: dict[str, Any] = {
    "image_size": 64,
    "num_channels": 128,
    "num_res_blocks": 2,
    "num_heads": 4,
    "num_heads_upsample": -1,
    "attention_resolutions": "16,8",
    "dropout": 0.0,
    "learn_sigma": False,
    "class_cond": False,
    "use_checkpoint": False,
    "use_scale_shift_norm": True,
    "diffusion_steps": 1000,
    "noise_schedule": "linear",
    "timestep_respacing": "",
    "sigma_small": False,
    "use_kl": False,
    "predict_xstart": False,
    "rescale_timesteps": True,
    "rescale_learned_sigmas": True,
    **TRANSLATED,
}
"""The flags that describe an image model, with the scripts' defaults."""

SUPER_RESOLUTION = ("large_size", "small_size")
"""Flags that stand in ``image_size``'s place for super-resolution."""


def complete_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Fill flags up with the defaults; "True" and "False" become truth values, digits numbers.

    Flags of training alone are left out.

    Raises:
        SettingsError: a flag that the scripts do not have, one that asks for what ``UNet`` is not, or a value of the
            wrong kind.
    """
    known = (*DEFAULTS, *SUPER_RESOLUTION)
    kept, lines = without_ignored(flags)
    given: dict[str, Any] = {}
    unknown = [name for name in kept if name not in known]
    lines += [
        unknown_name("flags", name, (*known, *NOT_BUILT, *OF_TRAINING)).lines[0] for name in unknown[:MOST_UNKNOWN]
    ]
    if len(unknown) > MOST_UNKNOWN:
        lines.append(f"flags: {len(unknown) - MOST_UNKNOWN:,} more names that are no flags; leave them out")
    for name, value in kept.items():
        if name not in known:
            continue
        try:
            given[name] = read_flag(name, value, DEFAULTS.get(name, 64))
        except SettingsError as error:
            lines += error.lines
    if lines:
        raise SettingsError(*lines)
    return DEFAULTS | given


def unet_options(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Translate flags to the constructor arguments of ``UNet``.

    Args:
        flags: image flags, or super-resolution flags (which have ``large_size``).

    Raises:
        SettingsError: flags as for ``complete_flags``, a size for which the scripts define no network, attention at no
            stage, or heads of one width that would be of different number.
    """
    full = complete_flags(flags)
    super_resolution = "large_size" in full
    size_flag = "large_size" if super_resolution else "image_size"
    multiples = _multiples(full, size_flag)
    factors = _factors(full["attention_resolutions"], full[size_flag], len(multiples))
    return {
        "in_channels": 3,
        "out_channels": 6 if full["learn_sigma"] else 3,
        "model_channels": full["num_channels"],
        "num_res_blocks": full["num_res_blocks"],
        "channel_mult": multiples,
        "attention_resolutions": factors,
        **_heads(full, multiples, factors),
        "dropout": full["dropout"],
        "use_scale_shift_norm": full["use_scale_shift_norm"],
        "checkpoint_stages": len(multiples) if full["use_checkpoint"] else 0,
        "num_classes": NUM_CLASSES if full["class_cond"] else None,
        "condition_channels": 3 if super_resolution else 0,
        "dims": 2,
    }


def _multiples(full: Mapping[str, Any], size_flag: str) -> tuple[int | float, ...]:
    """Widths of the stages: those that are given, or those that the scripts have for the size of the images."""
    size = full[size_flag]
    if size < 1:
        raise SettingsError(f"flags.{size_flag}: a size in pixels wanted, got {size}")
    if full["channel_mult"]:
        return read_multiples(full["channel_mult"])
    known = [size for size in CHANNEL_MULT if size_flag == "image_size" or size in SUPER_RESOLVED]
    if size not in known:
        raise SettingsError(
            f"flags.{size_flag}: one of {', '.join(map(str, sorted(known)))} wanted, got {size}; for another size give "
            "channel_mult, such as '1,2,3,4'"
        )
    return CHANNEL_MULT[size]


def _factors(resolutions: str, size: int, num_stages: int) -> tuple[int, ...]:
    """Pixel sizes "16,8" to downsampling factors, rounded down as in the scripts; none for ""."""
    parts = [part.strip() for part in resolutions.split(",")] if resolutions else []
    if not all(part.isdecimal() and len(part) < 10 and int(part) > 0 for part in parts):
        raise SettingsError(
            f"flags.attention_resolutions: sizes in pixels such as '16,8' wanted, got {shown(resolutions)}"
        )
    for part in parts:
        if stage_of(size // int(part), num_stages) is None:
            stages = ", ".join(str(size // 2**stage) for stage in range(num_stages) if size >= 2**stage)
            raise SettingsError(
                f"flags.attention_resolutions: sizes in pixels of the {num_stages} stage(s) wanted ({stages}), got "
                f"{part}; give attention_resolutions without it, at a size that no stage has there is no attention"
            )
    return tuple(dict.fromkeys(size // int(part) for part in parts))


def _heads(full: Mapping[str, Any], multiples: Sequence[int | float], factors: Sequence[int]) -> dict[str, int]:
    """Numbers of attention heads; ``num_head_channels``, where it is given, decides over them."""
    if full["num_head_channels"] == -1:
        return {"num_heads": full["num_heads"], "num_heads_upsample": full["num_heads_upsample"]}
    attending = {stage_of(factor, len(multiples)) for factor in factors} | {len(multiples) - 1}
    widths = [round(multiple * full["num_channels"]) for stage, multiple in enumerate(multiples) if stage in attending]
    return {"num_heads": heads_of_width(full["num_head_channels"], widths), "num_heads_upsample": -1}


def unet_from_flags(flags: Mapping[str, Any]) -> UNet:
    """Build the network that improved-diffusion builds from these flags; its weights load with ``strict=True``.

    Raises:
        SettingsError: as ``unet_options``.
    """
    return UNet(**unet_options(flags))
