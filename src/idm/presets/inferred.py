"""Settings for data nobody has described: inferred from shape, levels and number of samples."""

from dataclasses import replace

from idm.diffusion import ModelMeanType
from idm.experiment.data import open_source
from idm.experiment.held_out import split
from idm.experiment.settings import (
    DataSettings,
    DiffusionSettings,
    Experiment,
    SamplerSettings,
    ScheduleSettings,
)
from idm.presets.fitted import with_fitting_batches
from idm.presets.inferred_network import network_for
from idm.training import TrainingSettings

USUAL = TrainingSettings(
    num_steps=20_000,
    batch_size=64,
    warmup_steps=500,
    decay="cosine",
    ema_rates=(0.999,),
    save_interval=1_000,
    sample_interval=1_000,
)
"""How long an inferred experiment trains, with the settings that follow from that; ``fitted`` brings them to others."""


def inferred(settings: DataSettings, *, trust_code: bool = False) -> Experiment:
    """Choose a whole experiment for data.

    Args:
        settings: how they are opened and cropped, and whether their labels are used.
        trust_code: import and call what a custom source names.

    Raises:
        DataError: the data cannot be read.
        SettingsError: windows that do not fit into them.
    """
    data = open_source(settings, trust_code=trust_code)
    space = [settings.random_crop or size for size in data.shape[1:]]
    conditional = settings.class_conditional and data.labels is not None
    experiment = Experiment(
        data=settings,
        schedule=ScheduleSettings(name="cosine", options={"num_timesteps": 1000}),
        diffusion=DiffusionSettings(prediction=ModelMeanType.V),
        network=network_for(space, data.spacing),
        training=replace(USUAL, learning_rate=2e-4 if space else 1e-3, label_dropout=0.1 if conditional else 0.0),
        sampler=SamplerSettings(name="ddim", steps=50),
    )
    return with_fitting_batches(experiment, len(split(settings, data)[0]))
