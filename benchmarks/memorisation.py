"""When a small network begins to memorise: training sets of n and 2n points, all else the same.

    python benchmarks/memorisation.py --out runs/memorisation --figure docs/images/memorisation.png

Points of 16 Gaussian coordinates leave nothing to be learned but their variance, which takes a perceptron less than a
hundred steps: by what its error on the training set falls after that is memorisation. The gap is measured as the clock
of a run does it, on all training points and 1,000 others, and the onset is where it passes a tenth for the first time.
What is found already under --out is not measured again. A core takes a few minutes.
"""

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from idm.core.estimate import Estimate
from idm.core.level_errors import LevelErrors, memorised
from idm.diffusion import GaussianDiffusion, ModelMeanType
from idm.likelihood import x_start_errors
from idm.likelihood.levels import kappas_of
from idm.networks import MLP
from idm.report.colours import ACCENT, MUTED, PALETTE
from idm.report.figures import empty_figure, legend, png, style
from idm.run.clock import places_of_clock
from idm.schedules import cosine_schedule
from idm.training.memorisation import LEAST_SHARE

COORDINATES, DEVIATION, NUM_HELD_OUT = 16, 0.5, 1000
WIDTH, LAYERS, BATCH, LEARNING_RATE = 256, 2, 512, 3e-4
LOOKS_PER_SAMPLE, ENOUGH = 0.4, 1.3
"""Steps between two looks, for each training point; gap at which a training ends, in shares of the onset's."""

MOST_STEPS_PER_SAMPLE = 40
Gaps = list[tuple[int, float]]
"""Steps, and the gap after each."""


@dataclass(frozen=True)
class Case:
    """A training."""

    number: int
    seed: int

    def gaps(self) -> Gaps:
        """Train, and return the gap at every look until it is well above the onset's."""
        draw = torch.Generator().manual_seed(self.seed)
        own, others = (DEVIATION * torch.randn(n, COORDINATES, generator=draw) for n in (self.number, NUM_HELD_OUT))
        torch.manual_seed(self.seed)
        diffusion = GaussianDiffusion(cosine_schedule(1000), model_mean_type=ModelMeanType.V)
        network = MLP(in_channels=COORDINATES, out_channels=COORDINATES, width=WIDTH, num_layers=LAYERS)
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
        found: Gaps = []
        for step in range(MOST_STEPS_PER_SAMPLE * self.number + 1):
            if step % round(LOOKS_PER_SAMPLE * self.number) == 0:
                found.append((step, gap(diffusion, network, own, others)))
                if found[-1][1] > ENOUGH * LEAST_SHARE:
                    break
            rows, t = (torch.randint(most, (BATCH,), generator=draw) for most in (self.number, 1000))
            noise = torch.randn(BATCH, COORDINATES, generator=draw)
            loss = diffusion.training_losses(network, own[rows], t, noise=noise).loss.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return found

    def known_gaps(self, out: Path) -> Gaps:
        """Return the gaps that are in a file, or measure them."""
        file = out / f"{self.number}-seed-{self.seed}.json"
        if not file.exists():
            file.write_text(json.dumps(self.gaps()), encoding="utf-8")
        return [(step, share) for step, share in json.loads(file.read_text(encoding="utf-8"))]


def gap(diffusion: GaussianDiffusion, network: MLP, own: Tensor, others: Tensor) -> float:
    """Return by which share errors on the training points are below those on others."""
    denoise, places = diffusion.denoiser(network, clip=False), places_of_clock(diffusion.grid)
    kappa = kappas_of(diffusion, places)
    errors = (LevelErrors(kappa, x_start_errors(diffusion, denoise, x, places)) for x in (own, others))
    return memorised(*errors).share.mean


def onset(gaps: Gaps) -> float:
    """Return the step at which the gap first passes a tenth, between two looks on a straight line; nan if never."""
    for (before, low), (after, high) in pairwise(gaps):
        if low < LEAST_SHARE <= high:
            return before + (LEAST_SHARE - low) / (high - low) * (after - before)
    return float("nan")


def draw(found: dict[int, list[Gaps]], onsets: dict[int, Estimate], file: Path) -> None:
    """Draw the gaps over training, and the onsets over the size of the training set."""
    figure, (curves, of_size) = empty_figure(9.6, 3.8, panels=2)
    for (number, every), colour in zip(found.items(), PALETTE, strict=False):
        for i, gaps in enumerate(every):
            label = f"{number:,} points" if i == 0 else None
            curves.plot(*zip(*gaps, strict=True), color=colour, linewidth=1.0, alpha=0.8, label=label)
    curves.axhline(LEAST_SHARE, color=MUTED, linewidth=0.8, linestyle="--")
    curves.xaxis.set_major_formatter("{x:,.0f}")
    style(curves, title="Training error below held-out", x="optimiser steps", y="share")
    legend(curves, loc="lower right")
    sizes, means = list(onsets), [one.mean for one in onsets.values()]
    errors = np.nan_to_num([one.standard_error for one in onsets.values()])
    of_size.errorbar(sizes, means, yerr=errors, color=ACCENT, marker="o", markersize=4, linewidth=1.4, label="measured")
    through = np.exp(np.mean(np.log(means)) - np.mean(np.log(sizes)))
    of_size.plot(sizes, [through * size for size in sizes], color=MUTED, linestyle="--", label="in proportion")
    for axis in (of_size.set_xscale, of_size.set_yscale):
        axis("log")
    for ticks, values in ((of_size.set_xticks, sizes), (of_size.set_yticks, means)):
        ticks(values, [f"{value:,.0f}" for value in values])
    of_size.minorticks_off()
    style(of_size, title="Onset of memorisation", x="training points (log scale)", y="optimiser steps (log scale)")
    legend(of_size, loc="upper left")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(png(figure))


def main() -> None:
    """Train all, and print and draw when memorisation began."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of what is measured")
    parser.add_argument("--figure", type=Path, help="a PNG file to draw to")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 200], help="training points")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each size")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    found: dict[int, list[Gaps]] = {}
    onsets: dict[int, Estimate] = {}
    for number in asked.sizes:
        found[number] = [Case(number, seed).known_gaps(asked.out) for seed in range(asked.seeds)]
        steps = [onset(gaps) for gaps in found[number]]
        onsets[number] = Estimate.of(torch.tensor(steps))
        mean, error = onsets[number].mean, onsets[number].standard_error
        print(
            f"| {number:,} | {', '.join(f'{step:,.0f}' for step in steps)} | {mean:,.0f} ± {error:,.0f} |", flush=True
        )
    for (few, first), (many, second) in pairwise(onsets.items()):
        print(f"{many:,} beside {few:,}: {second.mean / first.mean:.2f} times as late")
    if asked.figure is not None:
        draw(found, onsets, asked.figure)


if __name__ == "__main__":
    main()
