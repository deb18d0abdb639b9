"""Flags that guided-diffusion added: what they ask for is built, ignored or refused by name."""

import json
from pathlib import Path

import pytest

from idm.core.errors import SettingsError
from idm.interop.openai import complete_flags, unet_options

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "reference_unet.json").read_text(encoding="utf-8"))
FLAGS = REFERENCE["iddpm_cifar_like"]["flags"]
"""Flags of a network whose numbers improved-diffusion computed, see the test of the reference."""

ASK_FOR_NOTHING = {
    "resblock_updown": "False",
    "use_new_attention_order": False,
    "num_head_channels": -1,
    "channel_mult": "",
}


def test_flags_that_ask_for_nothing_change_nothing() -> None:
    assert unet_options(FLAGS | ASK_FOR_NOTHING) == unet_options(FLAGS)


def test_flags_of_training_alone_are_ignored() -> None:
    training = {"use_fp16": True, "lr": 1e-4, "batch_size": 128, "data_dir": "images", "ema_rate": "0.9999"}
    assert complete_flags(FLAGS | training) == complete_flags(FLAGS)


def test_channels_per_head_become_the_heads_that_they_make_where_all_stages_have_as_many() -> None:
    widths = {round(FLAGS["num_channels"] * 2)}  # both stages of attention, and the middle, have twice the first width
    (width,) = widths
    expected = unet_options(FLAGS) | {"num_heads": 4, "num_heads_upsample": -1}
    assert unet_options(FLAGS | {"num_head_channels": width // 4, "num_heads": 7, "num_heads_upsample": 3}) == expected
    assert unet_options(FLAGS | {"num_head_channels": str(width)}) == expected | {"num_heads": 1}


@pytest.mark.parametrize("value", ["1,2,2,2", [1, 2, 2, 2], "1, 2, 2, 2"])
def test_widths_may_be_given_as_those_that_the_size_has(value: object) -> None:
    assert unet_options({"image_size": 32, "channel_mult": value}) == unet_options({"image_size": 32})


def test_widths_that_are_given_are_those_of_any_size() -> None:
    options = unet_options({"image_size": 512, "channel_mult": "0.5,1,1,2", "attention_resolutions": "64"})
    assert (options["channel_mult"], options["attention_resolutions"]) == ((0.5, 1, 1, 2), (8,))


def test_attention_at_no_size_may_be_asked_for() -> None:
    assert unet_options({"attention_resolutions": ""})["attention_resolutions"] == ()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"use_new_attention_order": True}, "flags.use_new_attention_order: False wanted, got True: attention whose"),
        ({"use_new_attention_order": "true"}, "flags.use_new_attention_order: False wanted, got 'true'"),
        ({"use_new_attention_order": "maybe"}, "flags.use_new_attention_order: a value like False wanted"),
        ({"resblock_updown": "True"}, "flags.resblock_updown: False wanted, got 'True': residual blocks"),
        ({"num_head_channels": 64}, r"flags.num_head_channels: .*at attention \(384, 512\), wanted, got 64"),
        ({"num_head_channels": 7}, "flags.num_head_channels: .*got 7"),
        ({"num_head_channels": 0}, "flags.num_head_channels: .*got 0"),
        ({"num_head_channels": -2}, "flags.num_head_channels: .*got -2"),
        ({"classifier_scale": 1.0}, "flags.classifier_scale: .*one of a classifier"),
        ({"classifier_use_fp16": False}, "flags.classifier_use_fp16: .*one of a classifier"),
        ({"channel_mult": "1,two"}, "flags.channel_mult: at most 16 multiples such as '1,2,3,4' wanted, got '1,two'"),
        ({"channel_mult": "1," * 300 + "1"}, "flags.channel_mult: at most 16 multiples"),
        ({"in_channels": 1}, "flags.in_channels: .*another option of its code; leave it out, images have 3 channels"),
        (
            {"clip_denoised": False},
            "flags.clip_denoised: .*leave it out, 'run.sampler\\(clip_denoised=False\\)' sets it",
        ),
        ({"num_classes": 10}, "flags.num_classes: .*leave it out, class_cond=true gives the 1,000 classes"),
        ({"num_head_chanels": 64}, "did you mean 'num_head_channels'"),
        ({"use_new_atention_order": True}, "did you mean 'use_new_attention_order'"),
    ],
)
def test_what_the_network_cannot_be_is_refused_by_name(flags: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        unet_options(flags)


def test_all_refused_flags_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        complete_flags({"use_new_attention_order": True, "resblock_updown": True, "classifier_depth": 2, "x": 1})
    assert [line.partition(":")[0] for line in error.value.lines] == [
        "flags.use_new_attention_order",
        "flags.resblock_updown",
        "flags.classifier_depth",
        "flags",
    ]
