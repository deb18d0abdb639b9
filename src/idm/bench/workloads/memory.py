"""Memory of training steps, without and with activations that are computed twice, and what that costs in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from idm.bench.entrant import Entrant
from idm.bench.memory import step_memory
from idm.bench.ours import OURS
from idm.bench.sizes import MEDIUM, SMALL, TINY, Configuration
from idm.bench.table import Plan, Row, Scope, Table


@dataclass(frozen=True)
class Load:
    """How a configuration is trained.

    Attributes:
        batch: samples in a step.
        timed: whether steps are timed too: side by side, those of large networks take too much memory.
    """

    batch: int
    timed: bool = True


LOADS = {TINY: Load(128), SMALL: Load(16), MEDIUM: Load(2, timed=False)}


def memory(scope: Scope, peers: Sequence[Entrant] = ()) -> list[Plan]:
    """Training steps of ours with no, one and all stages checkpointed, then those of peers with the same network."""
    return [partial(_memory, scope, peers, config, LOADS[config]) for config in scope.sizes if config in LOADS]


def _memory(scope: Scope, peers: Sequence[Entrant], config: Configuration, load: Load) -> Table:
    entrants = _checkpointed(scope, config) | {peer.name: peer for peer in peers}
    steps = {name: partial(entrant.training_step, config, load.batch) for name, entrant in entrants.items()}
    rows = {name: Row(build()) for name, build in steps.items()} if load.timed else {}
    memory = {name: partial(step_memory, build, entrants[name].device) for name, build in steps.items()}
    title = f"memory of a training step, {config.name}, batch {load.batch}"
    return Table("memory", title, rows, memory=memory)


def _checkpointed(scope: Scope, config: Configuration) -> dict[str, Entrant]:
    found: dict[str, Entrant] = {}
    for ours in (entrant for entrant in OURS if entrant in scope.entrants):
        found[ours.name] = ours
        found[f"{ours.name}, 1 stage checkpointed"] = ours.checkpointed(1)
        found[f"{ours.name}, all stages"] = ours.checkpointed(len(config.mult))
    return found
