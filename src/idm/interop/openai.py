"""improved-diffusion's command-line flags, understood (``image_train.py`` and ``super_res_train.py``).

Flags may be given in part; what is missing has the scripts' defaults. In flags ``attention_resolutions`` are sizes
in pixels, separated by commas; in the network's options they are downsampling factors.
"""

from collections.abc import Mapping
from typing import Any

from idm.core.errors import SettingsError, unknown_name
from idm.networks import UNet

NUM_CLASSES = 1000
"""The scripts know no other number of classes."""

CHANNEL_MULT: dict[int, tuple[int, ...]] = {256: (1, 1, 2, 2, 4, 4), 64: (1, 2, 3, 4), 32: (1, 2, 2, 2)}
"""Widths of the levels by image size."""

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
}
"""The image flags, with the scripts' defaults."""

SUPER_RESOLUTION = ("large_size", "small_size")
"""Flags that stand in ``image_size``'s place for super-resolution."""


def complete_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Fill flags up with the defaults; "True" and "False" become truth values, digits numbers.

    Raises:
        SettingsError: a flag that the scripts do not have, or a value of the wrong kind.
    """
    known = (*DEFAULTS, *SUPER_RESOLUTION)
    strange = [name for name in flags if name not in known]
    if strange:
        raise SettingsError(*(line for name in strange for line in unknown_name("flags", name, known).lines))
    lines: list[str] = []
    given = {name: _read(name, value, lines) for name, value in flags.items()}
    if lines:
        raise SettingsError(*lines)
    return DEFAULTS | given


def _read(name: str, value: Any, lines: list[str]) -> Any:
    """Convert a value to the type of the flag's default, as the scripts' own parser does."""
    wanted = type(DEFAULTS.get(name, 0))
    words = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
    try:
        if wanted is bool and not isinstance(value, bool):
            return words[str(value).lower()]
        if wanted is str and isinstance(value, (list, tuple)):
            return ",".join(str(item) for item in value)
        return wanted(value)
    except (ValueError, KeyError, TypeError):
        lines.append(f"flags.{name}: a value like {DEFAULTS.get(name, 64)!r} wanted, got {value!r}")
        return None


def unet_options(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Translate flags to the constructor arguments of ``UNet``.

    Args:
        flags: image flags, or super-resolution flags (which have ``large_size``).

    Raises:
        SettingsError: an unknown flag, or a size for which the scripts define no network.
    """
    full = complete_flags(flags)
    super_resolution = "large_size" in full
    size = full["large_size"] if super_resolution else full["image_size"]
    known = {256: CHANNEL_MULT[256], 64: CHANNEL_MULT[64]} if super_resolution else CHANNEL_MULT
    if size not in known:
        name = "large_size" if super_resolution else "image_size"
        raise SettingsError(f"flags.{name}: one of {', '.join(map(str, sorted(known)))} wanted, got {size}")
    return {
        "in_channels": 3,
        "out_channels": 6 if full["learn_sigma"] else 3,
        "model_channels": full["num_channels"],
        "num_res_blocks": full["num_res_blocks"],
        "channel_mult": known[size],
        "attention_resolutions": _factors(full["attention_resolutions"], size),
        "num_heads": full["num_heads"],
        "num_heads_upsample": full["num_heads_upsample"],
        "dropout": full["dropout"],
        "use_scale_shift_norm": full["use_scale_shift_norm"],
        "checkpoint_levels": len(known[size]) if full["use_checkpoint"] else 0,
        "num_classes": NUM_CLASSES if full["class_cond"] else None,
        "low_res_channels": 3 if super_resolution else 0,
        "dims": 2,
    }


def _factors(resolutions: str, size: int) -> tuple[int, ...]:
    """Pixel sizes "16,8" to downsampling factors, rounded down as in the scripts."""
    try:
        return tuple(size // int(resolution) for resolution in resolutions.split(","))
    except (ValueError, ZeroDivisionError) as error:
        raise SettingsError(
            f"flags.attention_resolutions: sizes in pixels such as '16,8' wanted, got {resolutions!r}"
        ) from error


def unet_from_flags(flags: Mapping[str, Any]) -> UNet:
    """Build the network that improved-diffusion builds from these flags; its weights load with ``strict=True``.

    Raises:
        SettingsError: as ``unet_options``.
    """
    return UNet(**unet_options(flags))
