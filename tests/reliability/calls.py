"""Calls of the library with values, shapes, types and devices that do not fit."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from idm import load
from idm.core.errors import IdmError
from idm.networks import MLP, UNet
from idm.run import draw, open_data
from idm.run.inputs import read_inputs
from idm.samplers import SAMPLERS
from idm.schedules import SCHEDULES, cosine_schedule, linear_schedule, space_timesteps
from idm.settings import Experiment, from_plain, resolve
from idm.settings.experiment import DataSettings, SourceSettings

from .checkpoints import make_runs
from .configs import POINTS
from .harness import Make
from .mutations import ODD, ODD_TEXT, changed

WHOLE = (-(2**40), -1, 0, 1, 2, 3, 10, 11, 1_000)
REAL = (-1.0, 0.0, 0.5, 1.0, 2.0, 1e30, float("nan"), float("inf"))


def make_calls(folder: Path) -> Make:
    """Return what makes calls; two models are trained for them."""
    make_runs(folder)
    runs = [load(folder / name, device="cpu") for name in ("points", "digits")]
    calls = [*CALLS]

    def make(rng: random.Random, place: Path) -> Callable[[], int]:
        call, run = rng.choice(calls), rng.choice(runs)
        return lambda: _code(lambda: call(run, rng))

    return make


def _code(call: Callable[[], Any]) -> int:
    """Exit code of an error of ours, told as the command line tells it."""
    import sys

    try:
        call()
    except IdmError as error:
        for line in error.lines:
            print(f"error[{error.code}]: {line}", file=sys.stderr)
        return error.exit_code
    return 0


def tensor(rng: random.Random, *shape: int) -> torch.Tensor:
    """A tensor that often has another shape, type or layout than that."""
    sizes = list(shape)
    match rng.randrange(6):
        case 0:
            sizes = sizes[:-1]
        case 1:
            sizes = [*sizes, 2]
        case 2 if sizes:
            sizes[rng.randrange(len(sizes))] = rng.choice([0, 1, 5])
        case _:
            pass
    value = torch.zeros(sizes, dtype=rng.choice([torch.float32] * 4 + [torch.float64, torch.int64]))
    return value.transpose(0, -1).contiguous().transpose(0, -1) if value.ndim > 1 and rng.random() < 0.3 else value


def sample(run, rng):
    labels = rng.choice([None, None, [], [0], [1, 2], [-1], [10**6]])
    seed = rng.choice([0, 1, -1, 2**40, 2**70, [0], [0, 1], []])
    draw(run, rng.choice(WHOLE[:5]), labels=labels, seed=seed, guidance=rng.choice(REAL), batch_size=rng.choice(WHOLE))


def sampler(run, rng):
    names = ("name", "steps", "eta", "spacing", "clip_denoised", "clipping", "nonsense")
    run.sampler(**{name: rng.choice(ODD + WHOLE) for name in rng.sample(names, rng.randint(1, 3))})


def labels(run, rng):
    run.label_kwargs(rng.choice([None, [], [0], [-1], [10], [2**70], [0, 1, 2]]), rng.choice(WHOLE[2:]))
    run.unlabelled_kwargs(rng.choice(WHOLE[2:]))


def form(run, rng):
    run.using(precision=rng.choice(["float32", "bfloat16", "float16", *ODD_TEXT]))


def decode(run, rng):
    run.spec.codec.decode(tensor(rng, 2, *run.spec.shape))


def encode(run, rng):
    kind = rng.choice([run.spec.codec.dtype, "uint8", "float64", "int32", "bool"])
    run.spec.codec.encode(tensor(rng, 2, *run.spec.shape).numpy().astype(kind))


def network(run, rng):
    count = rng.choice([1, 2])
    given = {"y": torch.full((count,), rng.choice([0, 1, 10, 11, -1, 10**6]))} if rng.random() < 0.6 else {}
    run.network(tensor(rng, count, *run.spec.shape), torch.zeros(count), **given)


def build_mlp(run, rng):
    MLP(in_channels=rng.choice((1, 2)), out_channels=2, width=rng.choice(WHOLE[:8]), num_layers=rng.choice(WHOLE[:8]))


def build_unet(run, rng):
    names = {"model_channels": WHOLE[:8], "num_res_blocks": WHOLE[:6], "num_heads": WHOLE[:8], "dropout": REAL}
    options = {name: rng.choice(values) for name, values in names.items()}
    options |= {"channel_mult": rng.choice([(), (1,), (0,), (-1,), (1, 2), (0.5,)])}
    options |= {"attention_resolutions": rng.choice([(), (1,), (0,), (-1,), (3,)])}
    UNet(in_channels=1, out_channels=1, dims=rng.choice([0, 1, 2, 3, 4, -1]), **options)


def schedule(run, rng):
    rng.choice([linear_schedule, cosine_schedule])(rng.choice(WHOLE)).with_noise_floor(rng.choice(REAL))


def registry(run, rng):
    family = rng.choice([SCHEDULES, SAMPLERS])
    family.build(
        rng.choice(["linear", "ddim", *ODD_TEXT]), {rng.choice(["num_timesteps", "eta", "ü"]): rng.choice(WHOLE)}
    )


def respace(run, rng):
    run.diffusion.respace(rng.choice([[], [0], [0, 0], [5, 3], [-1], [10**6], [0, 4, 9], range(10)]))


def steps(run, rng):
    space_timesteps(
        rng.choice(WHOLE), rng.choice(["", "ddim5", "ddim0", "ddimx", "5,5", "0", "-1", "a", "11", [3], [0], []])
    )


def settings(run, rng):
    from_plain(Experiment, changed(POINTS, rng))


def override(run, rng):
    resolve(
        Experiment(), overrides=[rng.choice(["seed", "sampler.steps", "", "a.b"]) + "=" + str(rng.choice(ODD))[:100]]
    )


def opening(run, rng):
    load(rng.choice([*ODD_TEXT[:8], "missing", "..", "/dev/null"]), device=rng.choice(["cpu", "", "nonsense", "meta"]))


def inputs(run, rng):
    path = Path("x.npy")
    np.save(path, tensor(rng, 2, *run.spec.shape).numpy())
    read_inputs(
        run, [rng.choice([str(path), "held-out:0", "held-out:-1", "held-out:999", "held-out:0-", "missing.png"])]
    )


def data(run, rng):
    np.save("x.npy", tensor(rng, 6, 2).numpy())
    held_out = rng.choice(REAL + WHOLE)
    crop = rng.choice(WHOLE)
    open_data(DataSettings(SourceSettings("arrays", {"path": "x.npy"}), held_out=held_out, random_crop=crop))


CALLS = (
    sample,
    sampler,
    labels,
    form,
    decode,
    encode,
    network,
    build_mlp,
    build_unet,
    schedule,
    registry,
    respace,
    steps,
    settings,
    override,
    opening,
    inputs,
    data,
)
