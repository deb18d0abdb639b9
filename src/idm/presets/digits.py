"""The handwritten digits that ship with scikit-learn: 8x8 pixels, 17 grey levels, ten classes."""

from idm.diffusion import ModelMeanType
from idm.settings.experiment import (
    DataSettings,
    DiffusionSettings,
    Experiment,
    NetworkSettings,
    SamplerSettings,
    ScheduleSettings,
    SourceSettings,
)
from idm.settings.options import CosineScheduleOptions, UNetOptions
from idm.training import TrainingSettings


def digits() -> Experiment:
    """Class-conditional digits; trains in two to five minutes on two cores."""
    return Experiment(
        data=DataSettings(source=SourceSettings(name="digits"), held_out=297),
        schedule=ScheduleSettings(name="cosine", noise_floor=0.06, options=CosineScheduleOptions(num_timesteps=1000)),
        diffusion=DiffusionSettings(prediction=ModelMeanType.V),
        network=NetworkSettings(
            name="unet",
            options=UNetOptions(
                model_channels=32,
                num_res_blocks=2,
                channel_mult=(1, 2),
                attention_resolutions=(2,),
                num_heads=4,
                dropout=0.1,
                use_scale_shift_norm=True,
            ),
        ),
        training=TrainingSettings(
            num_steps=1400,
            batch_size=64,
            learning_rate=2e-3,
            warmup_steps=100,
            decay="cosine",
            ema_rates=(0.992,),
            label_dropout=0.1,
            log_interval=50,
            save_interval=350,
            sample_interval=700,
            bound_interval=350,
            memorisation_interval=140,
            snapshot_interval=140,
        ),
        sampler=SamplerSettings(name="ddim", steps=25),
    )
