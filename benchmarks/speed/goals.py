"""What this project is held to, by the title of the table in which it is judged."""

from collections.abc import Mapping

from idm.bench.machine import has_native_bfloat16
from idm.bench.ours import OUR_BFLOAT16, OUR_FLOAT32
from speed.judging import Faster, Goal, Longer, PeakShare
from speed.peers import DIFFUSERS, LUCIDRAINS
from speed.workloads import likelihood, loop, start, updates

FLOAT32, BFLOAT16 = OUR_FLOAT32.name, OUR_BFLOAT16.name


def _native(*goals: Goal) -> tuple[Goal, ...]:
    """Return the goals, or none on processors that have no instructions for products of bfloat16."""
    return goals if has_native_bfloat16() else ()


SAMPLING_TINY = (Faster(FLOAT32, 2.5, LUCIDRAINS.name),)
SAMPLING_SMALL = (Faster(FLOAT32, 1.08, DIFFUSERS.name), *_native(Faster(BFLOAT16, 1.6, DIFFUSERS.name)))
UPDATES = (Faster(updates.OURS, 1.7, updates.LOOP),)
ONE_POINT = tuple(Longer(chain, 1.35, loop.BARE) for chain in (loop.DDPM, loop.DDIM))
MANY_POINTS = (
    *(Longer(chain, 1.3, loop.BARE) for chain in loop.ONE_CALL),
    *(Longer(chain, 1.3, loop.BARE_TWICE) for chain in loop.TWO_CALLS),
)

GOALS: Mapping[str, tuple[Goal, ...]] = {
    "forward pass, small, batch 16": (
        Faster(FLOAT32, 1.08, DIFFUSERS.name),
        PeakShare(FLOAT32, 0.70),
        *_native(PeakShare(BFLOAT16, 0.58)),
    ),
    "training step, tiny, batch 16": _native(Faster(BFLOAT16, 1.0, FLOAT32)),
    "training step, tiny, batch 128": _native(Faster(BFLOAT16, 1.3, FLOAT32)),
    "training step, small, batch 16": (
        Faster(FLOAT32, 1.10, DIFFUSERS.name),
        *_native(Faster(BFLOAT16, 1.7, DIFFUSERS.name), Faster(BFLOAT16, 1.0, FLOAT32)),
    ),
    "DDPM sampling, 20 steps, tiny, batch 16": SAMPLING_TINY,
    "DDIM sampling, 20 steps, tiny, batch 16": SAMPLING_TINY,
    "DDPM sampling, 6 steps, small, batch 16": SAMPLING_SMALL,
    "DDIM sampling, 6 steps, small, batch 16": SAMPLING_SMALL,
    "64 bound terms of one image, tiny": (Faster(likelihood.BATCHED, 5.0, likelihood.ONE_AT_A_TIME),),
    "64 bound terms of one image, small": (Faster(likelihood.BATCHED, 1.6, likelihood.ONE_AT_A_TIME),),
    "step of AdamW, tensors of small": UPDATES,
    "average of the weights, tensors of small": UPDATES,
    "norm of the gradient, tensors of small": UPDATES,
    "chain of 100 steps on points, fixed variance, batch 1": ONE_POINT,
    "chain of 100 steps on points, learned variance, batch 1": ONE_POINT,
    "chain of 100 steps on points, fixed variance, batch 512": MANY_POINTS,
    "chain of 100 steps on points, learned variance, batch 512": MANY_POINTS,
    "cold start: 16 digits, DDIM 25 steps, a process each": (Longer(start.OURS, 1.3, start.PLAIN),),
}
