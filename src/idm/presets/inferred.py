"""Settings for data nobody has described: inferred from shape, levels and number of samples."""

import math
from collections.abc import Sequence
from dataclasses import replace

from idm.data.reading.looks import without_a_look_at_values
from idm.data.sizes import along_axes
from idm.diffusion import ModelMeanType
from idm.presets.inferred_network import network_for
from idm.presets.located import NOTHING, Told, without_source
from idm.run.data import tells_classes
from idm.run.held_out import split
from idm.run.opened_source import open_source
from idm.settings.experiment import (
    DataSettings,
    DiffusionSettings,
    Experiment,
    SamplerSettings,
    ScheduleSettings,
)
from idm.settings.fitted import with_fitting_batches
from idm.settings.options import CosineScheduleOptions
from idm.settings.validate import lay
from idm.training import TrainingSettings

USUAL = TrainingSettings(
    num_steps=20_000,
    batch_size=64,
    warmup_steps=500,
    decay="cosine",
    ema_rates=(0.999,),
    save_interval=1_000,
    sample_interval=1_000,
    memorisation_interval=1_000,
)
"""How long an inferred experiment trains, with the settings that follow from that; ``fitted`` brings them to others."""

POINTS_AT_ONCE = 512
"""Points cost so little that the time of a step hardly depends on their number, and its noise does."""

USUAL_PLACES, SMALLEST_BATCH = 32 * 32, 8
"""Most places of samples that come in batches of the usual size, and fewest samples of a batch. Larger samples come in
smaller batches, down to that: time and memory of a step stay about the same."""

LOWEST_RATE, HIGHEST_RATE, RATE_OF_POINTS = 2e-4, 1e-3, 3e-3
"""Learning rates: of a U-Net in a run of the usual length and in a short one, and of a network of points."""

SAMPLER_STEPS = 50
"""Steps to sample in; all of a chain of less than twice as many, which may be shorter than its schedule."""


def inferred(settings: DataSettings, told: Told = NOTHING, *, trust_code: bool = False) -> Experiment:
    """Choose a whole experiment for data.

    Args:
        settings: how they are opened and cropped, and whether their labels are used.
        told: what will be laid over the experiment; what is chosen of network and sampler follows it.
        trust_code: import and call what a custom source names.

    Raises:
        DataError: the data cannot be read; values that are no numbers are found when they are trained on.
        SettingsError: windows that do not fit into them, or wrong values.
    """
    with without_a_look_at_values():  # which whoever trains on them takes
        data = open_source(settings, trust_code=trust_code)
    crop, whole = settings.random_crop, data.shape[1:]
    space = list(along_axes(crop, whole) if crop else whole)
    conditional = bool(settings.attributes) or (tells_classes(settings) and data.labels is not None)
    experiment = Experiment(
        data=settings,
        schedule=ScheduleSettings(name="cosine", options=CosineScheduleOptions(num_timesteps=1000)),
        diffusion=DiffusionSettings(prediction=ModelMeanType.V),
        network=network_for(space, data.spacing),
        training=replace(
            USUAL,
            batch_size=_batch_size_for(space) if space else POINTS_AT_ONCE,
            label_dropout=0.1 if conditional else 0.0,
        ),
        sampler=SamplerSettings(name="ddim", steps=SAMPLER_STEPS),
    )
    experiment = _following(experiment, told, space, data.spacing)
    return with_fitting_batches(experiment, len(split(settings, data).train))


def _following(
    experiment: Experiment, told: Told, space: Sequence[int], spacing: tuple[float, ...] | None
) -> Experiment:
    """Choose network, learning rate and steps of samples again, to suit what will be laid over an experiment."""
    said = lay(experiment, without_source(told.file), told.overrides)
    given = {
        name: value
        for name, value in vars(said.network.options).items()
        if any(name in layer.get("network", {}) for layer in (told.file, told.overrides))
    }
    is_short = (said.schedule.get("num_timesteps") or math.inf) < 2 * SAMPLER_STEPS
    rate = _rate_for(said.training.num_steps) if space else RATE_OF_POINTS
    return replace(
        experiment,
        network=network_for(space, spacing, given),
        training=replace(experiment.training, learning_rate=rate),
        sampler=replace(experiment.sampler, steps=0 if is_short else SAMPLER_STEPS),
    )


def _batch_size_for(space: Sequence[int]) -> int:
    """Samples in a batch: as many as have the places of a usual one together, rounded down to a power of two."""
    share = USUAL_PLACES / max(USUAL_PLACES, math.prod(space))
    return max(SMALLEST_BATCH, 2 ** math.floor(math.log2(USUAL.batch_size * share)))


def _rate_for(num_steps: int) -> float:
    """Learning rate of a run of some length: higher where it is short, with the root of how much shorter it is.

    After 300 steps on signals of twelve leads the loss is 0.07 at 0.001 and 0.30 at 0.0002 (docs/first-results.md).
    """
    rate = LOWEST_RATE * math.sqrt(max(1.0, USUAL.num_steps / num_steps))
    return float(f"{min(HIGHEST_RATE, rate):.2g}")
