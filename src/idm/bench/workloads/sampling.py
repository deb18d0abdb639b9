"""Whole chains from noise to samples, beside as many bare calls of our network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from idm.bench.entrant import Entrant
from idm.bench.harness import Contestant
from idm.bench.ours import OUR_FLOAT32
from idm.bench.sizes import MEDIUM, SMALL, TINY, Configuration
from idm.bench.table import Plan, Row, Scope, Table


@dataclass(frozen=True)
class Load:
    """How much is sampled: images at once, and steps of their chain, so few that a round takes seconds."""

    batch: int
    steps: int


LOADS = {TINY: Load(16, 20), SMALL: Load(16, 6), MEDIUM: Load(2, 3)}
FLOOR = "idm float32, bare calls"
Chain = Callable[[Entrant, Configuration, int, int], Contestant]
SAMPLERS: dict[str, Chain] = {
    "DDPM": lambda entrant, config, batch, steps: entrant.ddpm(config, batch, steps),
    "DDIM": lambda entrant, config, batch, steps: entrant.ddim(config, batch, steps),
}


def sampling(scope: Scope) -> list[Plan]:
    """DDPM and DDIM on few steps."""
    return [
        partial(_sampling, scope, config, name, chain)
        for config in scope.sizes
        if config in LOADS
        for name, chain in SAMPLERS.items()
    ]


def _sampling(scope: Scope, config: Configuration, name: str, chain: Chain) -> Table:
    batch, steps = LOADS[config].batch, LOADS[config].steps
    rows = {
        entrant.name: Row(
            chain(entrant, config, batch, steps), steps * batch * entrant.forward_flops(config), entrant.dtype
        )
        for entrant in scope.entrants
    }
    floor = _bare_calls(OUR_FLOAT32.forward(config, batch), steps)
    rows[FLOOR] = Row(floor, steps * batch * OUR_FLOAT32.forward_flops(config))
    title = f"{name} sampling, {steps} steps, {config.name}, batch {batch}"
    return Table("sampling", title, rows, images=batch)


def _bare_calls(call: Contestant, steps: int) -> Contestant:
    def calls() -> None:
        for _ in range(steps):
            call()

    return calls
