"""Forward passes and training steps of U-Nets."""

from functools import partial

from idm.bench.sizes import MEDIUM, SMALL, TINY, Configuration
from idm.bench.table import Plan, Row, Scope, Table

FORWARD_BATCHES = {TINY: (16,), SMALL: (16,), MEDIUM: (2,)}
TRAINING_BATCHES = {TINY: (16, 128), SMALL: (16,), MEDIUM: (2,)}

BACKWARD_AND_FORWARD = 3
"""Number of forward passes that a training step counts as."""


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
    return Table("forward", f"forward pass, {config.name}, batch {batch}", rows, images=batch)


def _training(scope: Scope, config: Configuration, batch: int) -> Table:
    rows = {
        entrant.name: Row(
            entrant.training_step(config, batch),
            BACKWARD_AND_FORWARD * batch * entrant.forward_flops(config),
            entrant.dtype,
        )
        for entrant in scope.entrants
    }
    return Table("training", f"training step, {config.name}, batch {batch}", rows, images=batch)
