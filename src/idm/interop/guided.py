"""Flags that guided-diffusion added to improved-diffusion's: what they ask for is built, or refused by name.

Its network has parts that ``UNet`` has not, and some of them leave no trace in the names and shapes of weights: they
would load, and compute something else.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from idm.core.errors import SettingsError
from idm.core.phrasing import Call
from idm.core.text import shown
from idm.interop.flag_values import read_flag

TRANSLATED: dict[str, Any] = {"num_head_channels": -1, "channel_mult": ""}
"""Flags that become options of the network, with the scripts' defaults: not used."""

MOST_STAGES = 16
"""Number of stages of the deepest network; images of 32,768 pixels would be halved to one."""

NOT_BUILT = {
    "resblock_updown": "residual blocks that change the resolution",
    "use_new_attention_order": "attention whose weights are in another order, which would load and compute "
    "something else",
}
"""Flags that must be False, with what they ask for otherwise."""

OF_TRAINING = (
    "base_samples",
    "batch_size",
    "data_dir",
    "ema_rate",
    "fp16_scale_growth",
    "log_interval",
    "lr",
    "lr_anneal_steps",
    "microbatch",
    "model_path",
    "num_samples",
    "resume_checkpoint",
    "save_interval",
    "schedule_sampler",
    "use_fp16",
    "weight_decay",
)
"""Flags that say how weights were trained, stored or asked for samples, and nothing of the model; they are ignored."""


SAID_OTHERWISE = {
    "in_channels": "images have 3 channels",
    "out_channels": "it follows from learn_sigma",
    "model_channels": "its flag is num_channels",
    "num_classes": "class_cond=true gives the 1,000 classes of the scripts",
    "dims": "images have 2 axes",
}
"""What the network's constructor takes, with what says it here."""

OF_SAMPLING = {
    "use_ddim": Call('run.sampler(name="ddim")', ("sample", "RUN"), {"sampler": "ddim"}),
    "clip_denoised": Call("run.sampler(clip_denoised=False)", ("sample", "RUN"), {"set": "clip_denoised=false"}),
}
"""What the sampling scripts take, with the call that sets it here."""


def without_ignored(flags: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Leave out flags that say nothing of the model, and those that ask for nothing.

    Returns:
        The other flags, and a line for each that asks for what this network cannot be.
    """
    kept: dict[str, Any] = {}
    lines: list[str] = []
    for name, value in flags.items():
        if name.startswith("classifier_"):
            lines.append(
                f"flags.{name}: flags of the denoising network wanted, got one of a classifier, whose weights are not "
                "read; leave it out"
            )
        elif name in SAID_OTHERWISE or name in OF_SAMPLING:
            said = SAID_OTHERWISE.get(name) or f"{OF_SAMPLING[name]} sets it"
            lines.append(
                f"flags.{name}: a flag of the model wanted, got another option of its code; leave it out, {said}"
            )
        elif name in NOT_BUILT:
            lines += _refused(name, value)
        elif name not in OF_TRAINING:
            kept[name] = value
    return kept, lines


def _refused(name: str, value: Any) -> list[str]:
    try:
        asked = read_flag(name, value, False)
    except SettingsError as error:
        return list(error.lines)
    if not asked:
        return []
    return [
        f"flags.{name}: False wanted, got {shown(value)}: {NOT_BUILT[name]}; this network has no such part, choose "
        "weights that were trained without"
    ]


def read_multiples(text: str) -> tuple[int | float, ...]:
    """Read ``channel_mult``, such as "1,2,3,4" or "0.5,1,1,2,2,4,4".

    Raises:
        SettingsError: something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MOST_STAGES or not all(re.fullmatch(r"\d{1,4}(\.\d{1,4})?", part) for part in parts):
        raise SettingsError(
            f"flags.channel_mult: at most {MOST_STAGES} multiples such as '1,2,3,4' wanted, got {shown(text)}"
        )
    return tuple(int(part) if part.isdigit() else float(part) for part in parts)


def heads_of_width(num_head_channels: int, widths: Sequence[int]) -> int:
    """Return the number of heads that ``num_head_channels`` channels each make, if it is one at all widths.

    Args:
        num_head_channels: the flag, which counts where it is not -1.
        widths: of the stages with attention.

    Raises:
        SettingsError: they do not divide a width, or the stages would have different numbers of heads.
    """
    numbers = {width // num_head_channels for width in widths if num_head_channels > 0}
    if len(numbers) == 1 and all(width % num_head_channels == 0 for width in widths):
        return numbers.pop()
    listed = ", ".join(str(width) for width in sorted(set(widths)))
    raise SettingsError(
        "flags.num_head_channels: -1, or channels that make one number of heads of the widths at attention "
        f"({listed}), wanted, got {num_head_channels}; this network has as many heads at every stage, choose other "
        "weights"
    )
