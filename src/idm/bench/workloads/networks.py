"""Forward passes and training steps of U-Nets."""

from functools import partial

from idm.bench.entrants import DIFFUSERS, OUR_BFLOAT16, OUR_FLOAT32
from idm.bench.goals import Faster, Goal, PeakShare, where_bfloat16_is_native
from idm.bench.sizes import MEDIUM, SMALL, TINY, Configuration
from idm.bench.table import Plan, Row, Scope, Table

FORWARD_BATCHES = {TINY: (16,), SMALL: (16,), MEDIUM: (2,)}
TRAINING_BATCHES = {TINY: (16, 128), SMALL: (16,), MEDIUM: (2,)}

FORWARD_GOALS: dict[Configuration, tuple[Goal, ...]] = {
    SMALL: (
        Faster(OUR_FLOAT32.name, 1.08, DIFFUSERS.name),
        PeakShare(OUR_FLOAT32.name, 0.70),
        *where_bfloat16_is_native(PeakShare(OUR_BFLOAT16.name, 0.58)),
    ),
}
TRAINING_GOALS: dict[tuple[Configuration, int], tuple[Goal, ...]] = {
    (SMALL, 16): (
        Faster(OUR_FLOAT32.name, 1.10, DIFFUSERS.name),
        *where_bfloat16_is_native(
            Faster(OUR_BFLOAT16.name, 1.7, DIFFUSERS.name), Faster(OUR_BFLOAT16.name, 1.0, OUR_FLOAT32.name)
        ),
    ),
    (TINY, 16): where_bfloat16_is_native(Faster(OUR_BFLOAT16.name, 1.0, OUR_FLOAT32.name)),
    (TINY, 128): where_bfloat16_is_native(Faster(OUR_BFLOAT16.name, 1.3, OUR_FLOAT32.name)),
}
BACKWARD_AND_FORWARD = 3
"""A training step counts as so many forward passes."""


def forward(scope: Scope) -> list[Plan]:
    """One call of the network without gradients."""
    return [
        partial(_forward, scope, config, batch) for config in scope.sizes for batch in FORWARD_BATCHES.get(config, ())
    ]


def training(scope: Scope) -> list[Plan]:
    """One optimiser step of each implementation's own recipe."""
    return [
        partial(_training, scope, config, batch) for config in scope.sizes for batch in TRAINING_BATCHES.get(config, ())
    ]


def _forward(scope: Scope, config: Configuration, batch: int) -> Table:
    rows = {
        entrant.name: Row(entrant.forward(config, batch), batch * entrant.forward_flops(config), entrant.dtype)
        for entrant in scope.entrants
    }
    goals = FORWARD_GOALS.get(config, ())
    return Table("forward", f"forward pass, {config.name}, batch {batch}", rows, goals, images=batch)


def _training(scope: Scope, config: Configuration, batch: int) -> Table:
    rows = {
        entrant.name: Row(
            entrant.training_step(config, batch),
            BACKWARD_AND_FORWARD * batch * entrant.forward_flops(config),
            entrant.dtype,
        )
        for entrant in scope.entrants
    }
    goals = TRAINING_GOALS.get((config, batch), ())
    return Table("training", f"training step, {config.name}, batch {batch}", rows, goals, images=batch)
