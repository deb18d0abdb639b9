"""Whole chains from noise to samples, beside as many bare calls of our network."""

from collections.abc import Callable
from functools import partial

from idm.bench.entrants import DIFFUSERS, LUCIDRAINS, OUR_BFLOAT16, OUR_FLOAT32, Entrant
from idm.bench.goals import Faster, Goal, where_bfloat16_is_native
from idm.bench.harness import Contestant
from idm.bench.sizes import SMALL, TINY, Configuration
from idm.bench.table import Plan, Row, Scope, Table

BATCH = 16
STEPS = {TINY: 20, SMALL: 6}
FLOOR = "idm float32, bare calls"
GOALS: dict[Configuration, tuple[Goal, ...]] = {
    TINY: (Faster(OUR_FLOAT32.name, 2.5, LUCIDRAINS.name),),
    SMALL: (
        Faster(OUR_FLOAT32.name, 1.08, DIFFUSERS.name),
        *where_bfloat16_is_native(Faster(OUR_BFLOAT16.name, 1.6, DIFFUSERS.name)),
    ),
}
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
        if config in STEPS
        for name, chain in SAMPLERS.items()
    ]


def _sampling(scope: Scope, config: Configuration, name: str, chain: Chain) -> Table:
    steps = STEPS[config]
    rows = {
        entrant.name: Row(
            chain(entrant, config, BATCH, steps), steps * BATCH * entrant.forward_flops(config), entrant.dtype
        )
        for entrant in scope.entrants
    }
    floor = _bare_calls(OUR_FLOAT32.forward(config, BATCH), steps)
    rows[FLOOR] = Row(floor, steps * BATCH * OUR_FLOAT32.forward_flops(config))
    title = f"{name} sampling, {steps} steps, {config.name}, batch {BATCH}"
    return Table("sampling", title, rows, GOALS[config], images=BATCH)


def _bare_calls(call: Contestant, steps: int) -> Contestant:
    def calls() -> None:
        for _ in range(steps):
            call()

    return calls
