"""Recipes of the improved DDPM paper (Nichol & Dhariwal 2021) as definitions; the images are the user's own.

Give them a folder of images: ``idm train --preset cifar10 --data PATH --out RUN``. They follow the published
flags: no noise floor, the model's own decoder variance, no gradient clipping, no guidance.
"""

from dataclasses import replace
from typing import Any

from idm.diffusion import LossType, ModelMeanType
from idm.settings.experiment import (
    DataSettings,
    DiffusionSettings,
    Experiment,
    NetworkSettings,
    SamplerSettings,
    ScheduleSettings,
    SourceSettings,
    TimestepSettings,
)
from idm.settings.options import CosineScheduleOptions, ImageFolderOptions, UNetOptions
from idm.training import TrainingSettings


def _published(image_size: int, num_steps: int, class_conditional: bool = False, **network: Any) -> Experiment:
    """T = 4000 cosine steps, learned variance, L_hybrid, four heads at 16x16 and 8x8, EMA 0.9999."""
    source = SourceSettings(name="image_folder", options=ImageFolderOptions(path="", image_size=image_size))
    unet = UNetOptions(
        num_res_blocks=3,
        attention_resolutions=(image_size // 16, image_size // 8),
        num_heads=4,
        use_scale_shift_norm=True,
        **network,
    )
    return Experiment(
        data=DataSettings(source=source, held_out=0, class_conditional=class_conditional),
        schedule=ScheduleSettings(name="cosine", noise_floor=0.0, options=CosineScheduleOptions(num_timesteps=4000)),
        diffusion=DiffusionSettings(prediction=ModelMeanType.EPSILON, decoder_variance="model"),
        network=NetworkSettings(name="unet", options=unet),
        training=TrainingSettings(num_steps=num_steps, batch_size=128, learning_rate=1e-4, clip_grad_norm=0.0),
        sampler=SamplerSettings(name="ddpm", steps=250, few_steps="multistep"),
    )


def cifar10() -> Experiment:
    """CIFAR-10, 32x32, L_hybrid, 500,000 steps (published: 3.17 to 3.21 bits/dim)."""
    return _published(32, 500_000, model_channels=128, channel_mult=(1, 2, 2, 2), dropout=0.3)


def cifar10_bound() -> Experiment:
    """CIFAR-10 trained on the bound itself with importance-sampled steps (published: 2.94 to 2.98 bits/dim)."""
    base = cifar10()
    return replace(
        base,
        diffusion=replace(base.diffusion, loss=LossType.RESCALED_KL),
        timesteps=TimestepSettings(name="loss_second_moment"),
    )


def imagenet64() -> Experiment:
    """ImageNet 64x64, 128 channels, L_hybrid, 1,500,000 steps."""
    return _published(64, 1_500_000, model_channels=128, channel_mult=(1, 2, 3, 4))


def imagenet64_class_conditional() -> Experiment:
    """ImageNet 64x64 by class, 192 channels, batch 2048; times and bound term not rescaled, as published."""
    base = _published(64, 250_000, True, model_channels=192, channel_mult=(1, 2, 3, 4))
    return replace(
        base,
        diffusion=replace(base.diffusion, loss=LossType.MSE, rescale_timesteps=False),
        training=replace(base.training, batch_size=2048, learning_rate=3e-4),
    )
