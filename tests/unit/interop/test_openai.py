"""improved-diffusion's flags: the recipes its README publishes, their parameter counts, and what is refused."""

import pytest
import torch

from idm.core.errors import SettingsError
from idm.interop.openai import complete_flags, unet_from_flags, unet_options

from ...hostile import cheap

HYBRID_64 = {"image_size": 64, "num_channels": 128, "num_res_blocks": 3, "learn_sigma": True}


def test_missing_flags_have_the_defaults_of_the_scripts() -> None:
    full = complete_flags({})
    assert (full["image_size"], full["num_channels"], full["num_res_blocks"], full["num_heads"]) == (64, 128, 2, 4)
    assert full["attention_resolutions"] == "16,8"
    assert full["rescale_timesteps"] is full["rescale_learned_sigmas"] is full["use_scale_shift_norm"] is True
    assert full["learn_sigma"] is full["class_cond"] is full["use_kl"] is full["predict_xstart"] is False


def test_pixel_sizes_of_attention_become_downsampling_factors() -> None:
    assert unet_options({"image_size": 32})["attention_resolutions"] == (2, 4)
    assert unet_options({"image_size": 64})["attention_resolutions"] == (4, 8)
    assert unet_options({"large_size": 256, "attention_resolutions": "16"})["attention_resolutions"] == (16,)


@pytest.mark.parametrize(("size", "widths"), [(32, (1, 2, 2, 2)), (64, (1, 2, 3, 4)), (256, (1, 1, 2, 2, 4, 4))])
def test_the_image_size_decides_the_widths(size: int, widths: tuple[int, ...]) -> None:
    assert unet_options({"image_size": size})["channel_mult"] == widths


def test_words_are_read_as_the_scripts_read_them() -> None:
    options = unet_options({"learn_sigma": "True", "num_channels": "192", "dropout": "0.3", "class_cond": "yes"})
    assert (options["out_channels"], options["model_channels"], options["dropout"]) == (6, 192, 0.3)
    assert options["num_classes"] == 1000


@pytest.mark.parametrize(("size", "stages"), [(32, 4), (64, 4), (256, 6)])
def test_checkpointing_is_that_of_all_stages(size: int, stages: int) -> None:
    assert unet_options({"image_size": size})["checkpoint_stages"] == 0
    assert unet_options({"image_size": size, "use_checkpoint": "True"})["checkpoint_stages"] == stages


@pytest.mark.parametrize(
    ("flags", "millions"),
    [
        (HYBRID_64, 121.06),
        ({**HYBRID_64, "num_channels": 192, "class_cond": True}, 273.0),
        ({"image_size": 32, "num_channels": 128, "num_res_blocks": 3, "learn_sigma": True}, 52.5),
    ],
)
def test_the_published_networks_have_the_published_numbers_of_parameters(flags: dict, millions: float) -> None:
    with torch.device("meta"):
        network = unet_from_flags(flags)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.06)


def test_super_resolution_sees_twice_the_channels_and_wants_the_small_image() -> None:
    network = unet_from_flags({"large_size": 64, "small_size": 16, "num_channels": 32, "num_res_blocks": 1})
    assert tuple(network.input_blocks[0][0].weight.shape) == (32, 6, 3, 3)
    x = torch.randn(1, 3, 64, 64)
    assert network(x, torch.tensor([5]), condition=torch.randn(1, 3, 16, 16)).shape == (1, 3, 64, 64)
    with pytest.raises(SettingsError, match="a condition wanted"):
        network(x, torch.tensor([5]))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"image_size": 48}, "flags.image_size: one of 32, 64, 256 wanted, got 48"),
        ({"large_size": 32}, "flags.large_size: one of 64, 256 wanted, got 32"),
        ({"num_chanels": 3}, "flags: unknown name 'num_chanels'; did you mean 'num_channels'"),
        ({"learn_sigma": "perhaps"}, "flags.learn_sigma: a value like False wanted, got 'perhaps'"),
        ({"attention_resolutions": "16,x"}, "sizes in pixels such as '16,8' wanted, got '16,x'"),
        ({"attention_resolutions": "0"}, "sizes in pixels such as '16,8' wanted, got '0'"),
        ({"attention_resolutions": "-2"}, "sizes in pixels such as '16,8' wanted, got '-2'"),
        ({"attention_resolutions": "3"}, r"sizes in pixels of the 4 stage\(s\) wanted \(64, 32, 16, 8\), got 3; give"),
        ({"image_size": 32, "attention_resolutions": "32,2"}, r"wanted \(32, 16, 8, 4\), got 2; give"),
        ({"num_channels": True}, "flags.num_channels: a value like 128 wanted, got True"),
        ({"num_channels": 128.5}, "flags.num_channels: a value like 128 wanted, got 128.5"),
        ({"num_channels": float("inf")}, "flags.num_channels: a value like 128 wanted, got inf"),
        ({"num_channels": [128]}, r"flags.num_channels: a value like 128 wanted, got \[128\]"),
        ({"num_channels": None}, "flags.num_channels: a value like 128 wanted, got None"),
        ({"num_channels": 10**100}, "flags.num_channels: at most 65,536 wanted, got 1000"),
        ({"num_res_blocks": 10**9}, "flags.num_res_blocks: at most 32 wanted, got 1000000000"),
        ({"diffusion_steps": 10**12}, "flags.diffusion_steps: at most 1,000,000 wanted"),
        ({"dropout": "nan"}, "flags.dropout: a value like 0.0 wanted, got 'nan'"),
        ({"noise_schedule": {"a": 1}}, "flags.noise_schedule: a value like 'linear' wanted, got {'a': 1}"),
        ({"timestep_respacing": "9" * 5000}, "flags.timestep_respacing: a value like '' wanted, got '999"),
    ],
)
def test_flags_that_the_scripts_would_not_take_are_refused(flags: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        unet_from_flags(flags)


def test_of_endlessly_many_unknown_flags_a_few_are_told() -> None:
    with pytest.raises(SettingsError) as error:
        cheap(lambda: complete_flags({f"flag_{n}": n for n in range(20_000)}))
    assert len(error.value.lines) == 21
    assert error.value.lines[-1] == "flags: 19,980 more names that are no flags; leave them out"
