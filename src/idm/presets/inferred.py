"""Settings for data nobody has described: inferred from shape, levels and number of samples."""

import math
from pathlib import Path
from typing import Any

from idm.data import SOURCES, infer_source
from idm.diffusion import ModelMeanType
from idm.experiment.schema import option_paths
from idm.experiment.settings import (
    DataSettings,
    DiffusionSettings,
    Experiment,
    NetworkSettings,
    SamplerSettings,
    ScheduleSettings,
    SourceSettings,
)
from idm.training import TrainingSettings

SMALLEST_MAP = 4
"""The U-Net halves the data until an axis would become smaller than this, or odd."""


def source_settings(path: str) -> SourceSettings:
    """Say which source reads a path, which becomes absolute.

    Raises:
        DataError: nothing readable there.
    """
    name, options = infer_source(Path(path).absolute())
    return SourceSettings(name=name, options=options)


def inferred(source: SourceSettings) -> Experiment:
    """Choose a whole experiment for a source.

    Raises:
        DataError: the data cannot be read.
    """
    with option_paths("data.source", SOURCES.options(source.name)):
        data = SOURCES.build(source.name, source.options)
    _, *space = data.shape
    batch_size = min(64, len(data))
    return Experiment(
        data=DataSettings(source=source),
        schedule=ScheduleSettings(name="cosine", options={"num_timesteps": 1000}),
        diffusion=DiffusionSettings(prediction=ModelMeanType.V),
        network=_unet(space) if space else NetworkSettings(name="mlp", options={"width": 128}),
        training=TrainingSettings(
            num_steps=20_000,
            batch_size=batch_size,
            learning_rate=2e-4 if space else 1e-3,
            warmup_steps=500,
            decay="cosine",
            ema_rates=(0.999,),
            label_dropout=0.1 if data.labels is not None else 0.0,
            save_interval=1_000,
            sample_interval=1_000,
        ),
        sampler=SamplerSettings(name="ddim", steps=50),
    )


def _unet(space: list[int]) -> NetworkSettings:
    """A U-Net with as many levels as the axes can be halved, and attention where a map has at most 256 places."""
    halvings, places = 0, math.prod(space)
    attention: list[int] = []
    while True:
        if places <= 256 and halvings > 0:
            attention.append(2**halvings)
        smaller = [size // 2 for size in space]
        if halvings == 3 or any(size % 2 for size in space) or min(smaller) < SMALLEST_MAP:
            break
        halvings, space, places = halvings + 1, smaller, math.prod(smaller)
    options: dict[str, Any] = {
        "model_channels": 32 if halvings < 2 else 64,
        "num_res_blocks": 2,
        "channel_mult": (1, 2, 2, 4)[: halvings + 1],
        "attention_resolutions": tuple(attention),
        "num_heads": 4,
        "dropout": 0.1,
    }
    return NetworkSettings(name="unet", options=options)
