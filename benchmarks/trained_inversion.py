"""Round trips and paths of trained networks: the tables of docs/inversion.md that are not of oracles.

    python benchmarks/trained_inversion.py runs/demo --out runs/inversion
    python benchmarks/trained_inversion.py runs/demo --out runs/inversion --only patches

RUN is a run of the digits, such as that of ``make demo``. Patches of 8 x 8 pixels are cut out of the two photographs
that scikit-learn ships, and a small network is trained on some of them under --out, once: two minutes of one core. The
rest takes five minutes. Everything is in float32, as ``idm encode`` has it; errors are in the model's range, which is 2
wide.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor

import idm
from idm.core.terminal import TERMINAL
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing import INVERSIONS, slerp
from idm.editing.interpolation import interpolate
from idm.run import Run, open_run_data
from idm.run.inversions import InversionChoice, choose_inversion

STEPS, BATCH = 25, 250
GRIDS = ("log_snr", "linspace")
DIGITS, PATCHES, PAIRS = 100, 1_000, 30
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
ROW = "| {} |".format


def there_and_back(run: Run, choice: InversionChoice, x: Tensor, y: Tensor | None) -> str:
    """Encode and decode data under their classes: share of values back, largest error, variance of the codes."""
    codes: list[Tensor] = []
    backs: list[Tensor] = []
    for rows in torch.arange(len(x)).split(BATCH):
        kwargs = {} if y is None else {"y": y[rows].to(run.device)}
        denoise = run.denoiser(choice.inversion.diffusion, kwargs)
        states = choice.inversion.encode(denoise, (x[rows].to(run.device),))
        codes.append(states[0].cpu())
        backs.append(choice.inversion.decode(denoise, states)[0].cpu())
    back, code = torch.cat(backs), torch.cat(codes)
    equal = run.spec.codec.decode(back) == run.spec.codec.decode(x)
    error = float((back - x).abs().max())
    return f"{100 * equal.mean():.4g} % of {equal.size:,} | {error:.0e} | {float(code.var()):.2f}"


def round_trips(run: Run) -> None:
    """Print the table of all methods on held-out digits; then the default on all of them."""
    x, y = open_run_data(run).held_out.first(DIGITS)
    print(f"\n{len(x)} held-out digits, {STEPS} steps\n")
    print(ROW(" | ".join(["Method", *(f"{grid}: values back | largest error | variance" for grid in GRIDS)])))
    for name in INVERSIONS:
        ways = [choose_inversion(run.diffusion, name, STEPS, grid) for grid in GRIDS]
        if ways[0].inversion.follows_flow:
            print(ROW(" | ".join([f"`{name}`", *(there_and_back(run, way, x, y) for way in ways)])), flush=True)
    x, y = open_run_data(run).held_out.first(10_000)
    print(f"\nall {len(x)}, bdia: {there_and_back(run, choose_inversion(run.diffusion, steps=STEPS), x, y)}")


def paths(run: Run) -> None:
    """Print the mean standard deviation of images on the way between two digits of one class."""
    x, y = open_run_data(run).held_out.first(10_000)
    assert y is not None
    pairs = pairs_of_one_class(y.tolist())[:PAIRS]
    ends = x[torch.tensor(pairs)]
    real = float(ends.flatten(2).std(2).mean())
    print(f"\n{len(pairs)} pairs of held-out digits of one class; the real ones: {real:.3f}\n")
    print(ROW(" | ".join(["Weight", *map(str, WEIGHTS)])))
    for grid in GRIDS:
        for name, walk in (("x_T alone", alone), ("both states mixed", mixed)):
            found = [
                walk(run, grid, pair, int(y[row])).flatten(1).std(1) for pair, (row, _) in zip(ends, pairs, strict=True)
            ]
            spread = torch.stack(found).mean(0)
            print(ROW(" | ".join([f"`{grid}`, {name}", *(f"{value:.3f}" for value in spread)])), flush=True)


def alone(run: Run, grid: str, pair: Tensor, label: int) -> Tensor:
    """Walk as ``run.interpolate`` does: x_T alone between the ends."""
    inversion, given = choose_inversion(run.diffusion, steps=STEPS, spacing=grid).inversion, denoisers(run, label)
    process, one, other = inversion.diffusion, *pair.split(1)
    return interpolate(
        process,
        given(inversion.diffusion, 2),
        one,
        other,
        WEIGHTS,
        path=given(process, len(WEIGHTS)),
        inversion=inversion,
    )


def mixed(run: Run, grid: str, pair: Tensor, label: int) -> Tensor:
    """Walk with both states mixed."""
    inversion, given = choose_inversion(run.diffusion, steps=STEPS, spacing=grid).inversion, denoisers(run, label)
    states, places = inversion.encode(given(inversion.diffusion, 2), (pair,)), torch.tensor(WEIGHTS)
    ends = [[end.expand(len(places), *end.shape[1:]) for end in state.split(1)] for state in states]
    on_way = [slerp(start, end, places) for start, end in ends]
    return inversion.decode(given(inversion.diffusion, len(places)), on_way)[0]


def denoisers(run: Run, label: int) -> Callable[[GaussianDiffusion, int], Denoiser]:
    """Return what makes denoisers of a number of samples of a class."""

    def make(process: GaussianDiffusion, count: int) -> Denoiser:
        return run.denoiser(process, {"y": torch.full((count,), label)})

    return make


def pairs_of_one_class(labels: list[int]) -> list[tuple[int, int]]:
    """Pair each sample with the next one of its class."""
    waiting: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    for row, label in enumerate(labels):
        if label in waiting:
            found.append((waiting.pop(label), row))
        else:
            waiting[label] = row
    return found


def patches(out: Path) -> None:
    """Train on patches of photographs, unless that is done, and print the round trip of others."""
    run = run_of_patches(out)
    x, _ = open_run_data(run).held_out.first(PATCHES)
    size = sum(parameter.numel() for parameter in run.network.parameters())
    told = there_and_back(run, choose_inversion(run.diffusion, steps=STEPS), x, None)
    print(
        f"\n{len(x):,} patches, {run.spec.codec.levels} levels, {size:,} parameters, {run.step} steps\n\nbdia: {told}"
    )


def run_of_patches(out: Path) -> Run:
    """Cut 4,600 patches of 8 x 8 out of the two photographs, train on 3,600 of them, or open the run that did."""
    photographs = np.stack(load_sample_images().images)
    two, high, wide = (size // step for size, step in zip(photographs.shape[:3], (1, 8, 8), strict=True))
    tiles = photographs[:, : 8 * high, : 8 * wide].reshape(two, high, 8, wide, 8, 3).swapaxes(2, 3)
    chosen = np.random.default_rng(0).permutation(two * high * wide)[:4_600]
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "patches.npy", tiles.reshape(-1, 8, 8, 3)[chosen])
    settings = {
        "num_steps": 400,
        "network.model_channels": 16,
        "data.held_out": PATCHES / len(chosen),
        "training.sample_interval": 0,
        "training.bound_interval": 0,
    }
    experiment = idm.make_experiment(out / "patches.npy", settings=settings)
    return idm.train(experiment, out / "patches", device="cpu", listener=TERMINAL)


def main() -> None:
    """Print all that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=["digits", "paths", "patches"])
    asked = parser.parse_args()
    run = idm.load(asked.run, device="cpu")
    parts = {"digits": lambda: round_trips(run), "paths": lambda: paths(run), "patches": lambda: patches(asked.out)}
    for name, part in parts.items():
        if asked.only in (None, name):
            part()


if __name__ == "__main__":
    main()
