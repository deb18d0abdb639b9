"""Terms of the variational bound of one image: all in one batch, and one step at a time."""

from functools import partial

from idm.bench.harness import Contestant
from idm.bench.ours import OUR_BFLOAT16, OUR_FLOAT32, Ours, short_chain
from idm.bench.sizes import SMALL, TINY, Configuration
from idm.bench.table import Plan, Row, Scope, Table
from idm.likelihood import calc_bpd_loop

NUM_TERMS = 64
SIZES = (TINY, SMALL)
ONE_AT_A_TIME, BATCHED, BATCHED_BFLOAT16 = "one step at a time", "batched over steps", "batched, bfloat16"


def likelihood(scope: Scope) -> list[Plan]:
    """Evaluate some terms of the bound of one image."""
    return [partial(_likelihood, config) for config in scope.sizes if config in SIZES]


def _likelihood(config: Configuration) -> Table:
    flops = NUM_TERMS * OUR_FLOAT32.forward_flops(config)
    rows = {
        ONE_AT_A_TIME: Row(_bound(OUR_FLOAT32, config, batch_size=1), flops),
        BATCHED: Row(_bound(OUR_FLOAT32, config, batch_size=NUM_TERMS), flops),
        BATCHED_BFLOAT16: Row(_bound(OUR_BFLOAT16, config, batch_size=NUM_TERMS), flops, OUR_BFLOAT16.dtype),
    }
    return Table("likelihood", f"{NUM_TERMS} bound terms of one image, {config.name}", rows)


def _bound(entrant: Ours, config: Configuration, *, batch_size: int) -> Contestant:
    network = entrant.in_format(entrant.network(config).eval().requires_grad_(False))
    chain, x = short_chain(NUM_TERMS), config.data(1).clamp(-1, 1)
    return lambda: calc_bpd_loop(chain, network, x, batch_size=batch_size)
