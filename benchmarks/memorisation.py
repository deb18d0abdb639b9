"""When a small network begins to memorise: training sets of n, 2n, 4n, ... digits, all else the same.

    python benchmarks/memorisation.py --out runs/memorisation --figure docs/images/memorisation.png

Digits are points of 64 values, the network is a perceptron. Training is looked at by the clock of every run; the onset
is where its gap passes a share, between two looks on a straight line. Runs that are there are not trained again.
"""

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import idm
from idm.core.estimate import Estimate
from idm.data import Digits
from idm.report.colours import ACCENT, MUTED, PALETTE
from idm.report.figures import empty_figure, legend, png, style
from idm.training.memorisation import LEAST_SHARE

HELD_OUT = 400
"""Digits that no network sees."""

SETTINGS: dict[str, Any] = {
    "network.width": 256,
    "network.num_layers": 3,
    "schedule.num_timesteps": 1000,
    "training.batch_size": 64,
    "training.learning_rate": 5e-4,
    "training.decay": "constant",
    "training.warmup_steps": 0,
    "training.ema_rates": [0.98],
    "training.posthoc_sigma_rels": [],
    "training.sample_interval": 0,
    "training.bound_interval": 0,
}


@dataclass(frozen=True)
class Case:
    """One training: how many samples it has, its seed, and how many steps for each of them."""

    number: int
    seed: int
    steps_per_sample: int
    interval: int

    def rows(self, out: Path) -> list[dict[str, float]]:
        """Train, or find it trained, and return its lines of metrics that tell of memorisation."""
        folder = out / f"{self.number}-seed-{self.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        digits = Digits()
        chosen = np.random.default_rng(self.seed).permutation(len(digits))[: self.number + HELD_OUT]
        np.save(folder / "digits.npy", digits.read(np.sort(chosen)).reshape(-1, 64).astype(np.float32))
        steps = self.number * self.steps_per_sample
        length = {"training.num_steps": steps, "training.save_interval": steps, "training.log_interval": self.interval}
        clock = {"training.memorisation_interval": self.interval, "data.held_out": HELD_OUT, "seed": self.seed}
        experiment = idm.make_experiment(str(folder / "digits.npy"), settings=SETTINGS | length | clock)
        idm.train(experiment, folder / "run", device="cpu", listener=idm.SILENT)
        lines = (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [row for row in map(json.loads, lines) if "memorised" in row]


def onset(rows: list[dict[str, float]]) -> float:
    """Return the step at which the gap passes the share that counts as memorisation for good; nan if it never does."""
    step = float("nan")
    for before, after in pairwise(rows):
        low, high = before["memorised"], after["memorised"]
        if low < LEAST_SHARE <= high:
            step = before["step"] + (LEAST_SHARE - low) / (high - low) * (after["step"] - before["step"])
    return step


def draw(found: dict[int, list[list[dict[str, float]]]], onsets: dict[int, Estimate], file: Path) -> None:
    """Draw the gaps over training, and the onsets over the size of the training set."""
    figure, (gaps, of_size) = empty_figure(9.6, 3.8, panels=2)
    for (number, runs), colour in zip(found.items(), PALETTE, strict=False):
        for i, rows in enumerate(runs):
            label = f"{number:,} samples" if i == 0 else None
            line = [row["step"] for row in rows], [row["memorised"] for row in rows]
            gaps.plot(*line, color=colour, linewidth=1.1, alpha=0.8, label=label)
    gaps.axhline(LEAST_SHARE, color=MUTED, linewidth=0.8, linestyle="--")
    gaps.set_xscale("log")
    style(gaps, title="Training error below held-out", x="optimiser steps (log scale)", y="share")
    legend(gaps, loc="upper left")
    sizes, means = list(onsets), [one.mean for one in onsets.values()]
    errors = np.nan_to_num([one.standard_error for one in onsets.values()])
    of_size.errorbar(sizes, means, yerr=errors, color=ACCENT, marker="o", markersize=4, linewidth=1.4, label="measured")
    through = np.exp(np.mean(np.log(means)) - np.mean(np.log(sizes)))
    of_size.plot(sizes, [through * size for size in sizes], color=MUTED, linestyle="--", label="in proportion")
    for axis in (of_size.set_xscale, of_size.set_yscale):
        axis("log")
    of_size.set_xticks(sizes, [f"{size:,}" for size in sizes])
    of_size.minorticks_off()
    style(of_size, title="Onset of memorisation", x="training samples (log scale)", y="optimiser steps (log scale)")
    legend(of_size, loc="upper left")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(png(figure))


def main() -> None:
    """Train all, and print and draw when memorisation began."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--figure", type=Path, help="a PNG file to draw to")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 200, 400, 800], help="training samples")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps-per-sample", type=int, default=30)
    parser.add_argument("--interval", type=int, default=150, help="steps between two looks")
    asked = parser.parse_args()
    found: dict[int, list[list[dict[str, float]]]] = {}
    onsets: dict[int, Estimate] = {}
    for number in asked.sizes:
        cases = [Case(number, seed, asked.steps_per_sample, asked.interval) for seed in asked.seeds]
        found[number] = [case.rows(asked.out) for case in cases]
        steps = np.array([onset(rows) for rows in found[number]])
        error = float(steps.std(ddof=1) / len(steps) ** 0.5) if len(steps) > 1 else float("nan")
        onsets[number] = Estimate(float(steps.mean()), error)
        print(f"| {number:,} | {', '.join(f'{step:,.0f}' for step in steps)} | {steps.mean():,.0f} ± {error:,.0f} |")
    for (few, first), (many, second) in pairwise(onsets.items()):
        print(f"{many:,} beside {few:,}: {second.mean / first.mean:.2f} times as late")
    if asked.figure is not None:
        draw(found, onsets, asked.figure)


if __name__ == "__main__":
    main()
