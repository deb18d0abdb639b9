"""The learning rate as a function of the step."""

import math
from collections.abc import Callable

from idm.training.settings import TrainingSettings

DECAYS: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
"""Share of the peak rate left when a share ``done`` of the steps after the warm-up is done."""


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Rate of the update that completes ``step`` + 1 updates: linear warm-up, then the decay."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    after = max(1, settings.num_steps - settings.warmup_steps)
    return settings.learning_rate * DECAYS[settings.decay](min(1.0, (step - settings.warmup_steps) / after))
