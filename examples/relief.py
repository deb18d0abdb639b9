"""Relief of the earth, coarse to fine: a NetCDF file in patches, each beside its means over blocks as a condition.

    tools/fetch_data.py data --only fields
    python examples/relief.py --data data/fields/etopo20.cdf --out runs/relief

docs/examples/relief.md says what came out, and how long it took.
"""

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from scored import (
    Floats,
    Integers,
    beside,
    bits_of,
    covariance_of,
    for_bits,
    for_minutes,
    gaussian_bits,
    in_words,
    told,
    write_figures,
)
from torch.nn.functional import interpolate

import idm
from idm.data import SOURCES
from idm.restoration import crps
from idm.run import Data, open_run_data

SIDE, STRIDE, BLOCK = 32, 8, 8
"""Places of a patch along both axes, 10.7 degrees; from one patch to the next; of a block, whose mean is told."""

STEP, LARGEST = 20.0, 475
"""What heights are rounded to, m; and the largest whole number that is allowed for."""

STEPS, DRAWS = 4_000, 16

SHRINKS = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Shares of covariances that baselines may leave out, whichever suits what is scored best."""


def read_relief(path: Path) -> npt.NDArray[np.int16]:
    """Heights in steps of 20 m [latitude, longitude], without two rows at each pole and what is there twice."""
    source = SOURCES.build("netcdf", {"path": str(path), "sample_axes": ()})
    return np.rint(source.read(np.array([0]))[0, 0, 2:-2, :-1] / STEP).astype(np.int16)


def coarse_of(fine: Integers) -> npt.NDArray[np.float32]:
    """Means over blocks of 8 x 8 places [..., y, x]."""
    *others, height, width = fine.shape
    blocks = fine.reshape(*others, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return blocks.mean((-3, -1), dtype=np.float32)


def settings(num_steps: int) -> dict[str, object]:
    """What differs from the settings that are inferred: patches, a mean first, levels where the bits are."""
    whole = {"samples": "whole", "channels": "none"}
    data = {f"{part}.{name}": value for part in ("data.source", "data.condition") for name, value in whole.items()}
    data |= {"data.patch_size": SIDE, "data.patch_stride": STRIDE, "data.held_out": 0.15}
    own = {"batch_size": 16, "model_channels": 16, "channel_mult": [1, 2, 4], "attention_resolutions": []}
    residual = {"mean_steps": num_steps // 4, "diffusion.sigma_data": 0.04, "data.range": [-LARGEST, LARGEST]}
    return for_minutes(num_steps, data | own | residual | for_bits(1.0, 13.5))


def train(relief: Integers, out: Path, num_steps: int) -> idm.Run:
    """Train on most blocks of the map."""
    out.mkdir(parents=True, exist_ok=True)
    for name, values in (("fine", relief), ("coarse", coarse_of(relief))):
        np.save(out / f"{name}.npy", values)
    told = idm.make_experiment(out / "fine.npy", condition=out / "coarse.npy", settings=settings(num_steps))
    return idm.train(told, out / "run")


@dataclass(frozen=True)
class Baseline:
    """A guess that is linear in the condition, and what it misses as a Gaussian of full covariance.

    Attributes:
        guess: of the patches that were seen and of those that are scored, each [n, side, side].
        fine: the same patches in whole numbers.
    """

    guess: tuple[Floats, Floats]
    fine: tuple[Integers, Integers]

    @property
    def missed(self) -> tuple[Floats, Floats]:
        """What the guess misses."""
        seen, scored = (fine - guess for fine, guess in zip(self.fine, self.guess, strict=True))
        return seen, scored

    @cached_property
    def _best(self) -> tuple[float, Floats]:
        """The share that is left out, of ``SHRINKS``, with the fewest bits of what is scored; and these."""
        tried = [(share, gaussian_bits(*self.missed, shrink=share)) for share in SHRINKS]
        return min(tried, key=lambda one: one[1].mean())

    @property
    def bits(self) -> Floats:
        """Bits/dim of the patches that are scored, by the covariance that suits these best."""
        return self._best[1]

    def draws(self, num: int) -> Floats:
        """Draw so many patches for each condition, in whole numbers [num, draws, side, side]."""
        seen, guess = self.missed[0].reshape(len(self.guess[0]), -1), self.guess[1][:num]
        factor = np.linalg.cholesky(covariance_of(seen, self._best[0]))
        noise = np.random.default_rng(1).normal(size=(num, DRAWS, seen.shape[1])) @ factor.T + seen.mean(0)
        return np.rint(guess[:, None] + noise.reshape(num, DRAWS, SIDE, SIDE))


def interpolated(coarse: npt.NDArray[np.float32]) -> Floats:
    """Bilinear interpolation."""
    enlarged = interpolate(torch.as_tensor(coarse)[:, None], size=(SIDE, SIDE), mode="bilinear")
    return enlarged[:, 0].double().numpy()


def baselines(seen: Integers, scored: Integers) -> dict[str, Baseline]:
    """Interpolation, and the regression on all means of a patch that leaves the least."""
    fine, coarse = (seen, scored), (coarse_of(seen), coarse_of(scored))
    first, then = (np.hstack([np.ones((len(some), 1)), some.reshape(len(some), -1)]) for some in coarse)
    weights = np.linalg.lstsq(first, seen.reshape(len(seen), -1).astype(np.float64), rcond=None)[0]
    regressed = ((first @ weights).reshape(seen.shape), (then @ weights).reshape(scored.shape))
    bilinear = (interpolated(coarse[0]), interpolated(coarse[1]))
    return {"interpolation": Baseline(bilinear, fine), "regression": Baseline(regressed, fine)}


def patches(data: Data) -> tuple[Integers, Integers]:
    """Patches that were trained on, and held-out ones in the order in which they are scored, in whole numbers."""
    parts = (part.sources_of(np.arange(len(part)))[0] for part in (data.train, data.held_out))
    seen, held_out = (data.train.source.read(np.array(numbers))[:, 0] for numbers in parts)
    return seen, held_out


def scores(fine: Integers, draws: Floats) -> dict[str, Floats]:
    """CRPS in metres, the error of the mean of draws and their spread, of each patch."""
    found = crps(torch.as_tensor(fine.astype(np.float64)), torch.as_tensor(draws)).numpy()
    error = np.sqrt(((draws.mean(1) - fine) ** 2).mean((1, 2)))
    spread = np.sqrt(draws.var(1, ddof=1).mean((1, 2)) * (1 + 1 / DRAWS))
    return {"CRPS, m": STEP * found, "error of the mean, m": STEP * error, "spread, m": STEP * spread}


def draw(fine: Integers, draws: Floats, path: Path) -> None:
    """Save a row for each patch: the condition, the truth, three draws, the mean of all and their spread."""
    figure = Figure(figsize=(12, 1.75 * len(fine)), layout="constrained")
    titles = ("condition", "truth", "draw", "draw", "draw", f"mean of {DRAWS}", "spread")
    for row, (truth, some) in enumerate(zip(STEP * fine, STEP * draws, strict=True)):
        shown = (coarse_of(truth), truth, *some[:3], some.mean(0))
        for place, (title, values) in enumerate(zip(titles, (*shown, some.std(0, ddof=1)), strict=True)):
            axes = figure.add_subplot(len(fine), len(titles), row * len(titles) + place + 1)
            is_relief = place < len(shown)
            low, high = (truth.min(), truth.max()) if is_relief else (None, None)
            image = axes.imshow(values, "gist_earth" if is_relief else "viridis", origin="lower", vmin=low, vmax=high)
            axes.set(title="" if row else title, xticks=[], yticks=[])
            if place >= len(shown) - 1:
                figure.colorbar(image, ax=axes, label="m" if place == len(shown) else "", shrink=0.8)
    figure.savefig(path, dpi=70)


def main(data: Path, out: Path, num_steps: int = STEPS, num: int = 160, shown: int = 48) -> None:
    relief, start = read_relief(data), time.process_time()
    run = train(relief, out, num_steps)
    minutes = (time.process_time() - start) / 60
    bits, _ = bits_of(run, None, 24, num)
    seen, held_out = patches(open_run_data(run))
    scored, simple = held_out[:num], baselines(seen, held_out[:num])
    told = coarse_of(scored[:shown]).repeat(DRAWS, 0)
    drawn = run.sample(condition=told, sampler=run.sampler(name="multistep", steps=20), seed=0)
    draws = np.asarray(drawn, np.float64).reshape(shown, DRAWS, SIDE, SIDE)
    figures = {"steps": num_steps, "core minutes of training": round(minutes, 1), "patches trained on": len(seen)}
    figures |= beside(bits, {name: baseline.bits for name, baseline in simple.items()})
    sets = {"diffusion": draws} | {name: baseline.draws(shown) for name, baseline in simple.items()}
    found = {name: scores(scored[:shown], some) for name, some in sets.items()}
    figures |= {f"{what}: {name}": in_words(of[what]) for name, of in found.items() for what in of}
    figures |= {
        f"CRPS of diffusion less {name}": in_words(found["diffusion"]["CRPS, m"] - found[name]["CRPS, m"])
        for name in simple
    }
    write_figures(out, figures)
    rough = np.argsort(scored[:shown].std((1, 2)))[[shown // 8, shown // 2, 3 * shown // 4, shown - 3]]
    draw(scored[rough], draws[rough], out / "relief.png")


if __name__ == "__main__":
    main(*told("Relief of the earth, coarse to fine: train, score, draw.", "etopo20.cdf", "runs/relief", STEPS))
