"""The preset 'digits' trained to predict noise and to predict v: bounds, and samples that a classifier recognises.

    python benchmarks/predictions.py --out runs/predictions
    python benchmarks/predictions.py --out runs/small --channels 16 --steps 300 1000 --seeds 0 1 2 --samplers ddim:25

Everything else is the same in both: data, split, seed, network, steps, the settings that follow from their number, and
the digits and noise that the bound is measured on, so that its difference has a smaller error than either. What is
found already under --out is not trained or measured again; a table of all that was asked for comes last. Two cores take
about ten minutes for each training of the first command, a good part of it for the 250 steps of DDPM.
"""

import argparse
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from idm.bench.machine import describe_machine
from idm.core.progress import SILENT
from idm.likelihood import Estimate
from idm.presets import PRESETS, fitted
from idm.run import Run, draw, held_out_bound, open_run_data, recognise
from idm.settings import resolve
from idm.tasks import train

PREDICTIONS = ("epsilon", "v")


@dataclass(frozen=True)
class Case:
    """One training but for its prediction."""

    channels: int
    steps: int
    seed: int

    def folder(self, out: Path, prediction: str) -> Path:
        """Where its run is."""
        return out / f"{self.channels}-channels-{self.steps}-steps" / f"{prediction}-seed-{self.seed}"

    def train(self, out: Path, prediction: str) -> Run:
        """Train it, or open it where that is done."""
        overrides = [
            f"seed={self.seed}",
            f"diffusion.prediction={prediction}",
            f"network.model_channels={self.channels}",
            f"training.num_steps={self.steps}",
            "training.sample_interval=0",
            "training.bound_interval=0",
        ]
        digits = PRESETS.build("digits", {})
        given = {text.partition("=")[0].rpartition(".")[2] for text in overrides}
        experiment = fitted(resolve(digits, overrides=overrides), digits.training, given)
        return train(experiment, self.folder(out, prediction), device="cpu", listener=SILENT)


@dataclass(frozen=True)
class Result:
    """What was measured: the bound of every held-out digit, bits/dim, and the share recognised of each sampler."""

    bpd: Tensor
    recognised: dict[str, Estimate]


def measure(run: Run, samplers: list[str], bound_steps: int, num: int) -> Result:
    """Measure a trained run; what ``measured.json`` in its folder holds already is taken from there."""
    file = run.folder / "measured.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    data = open_run_data(run)
    bound = f"bound:{bound_steps}"
    if bound not in known:
        known[bound] = held_out_bound(run, data, steps=bound_steps).vlb.total_bpd.tolist()
        file.write_text(json.dumps(known))
    for text in samplers:
        if f"{text}:{num}" not in known:
            name, _, steps = text.partition(":")
            samples = draw(run, num, sampler=run.sampler(name=name, steps=int(steps)))
            found = recognise(run, data, samples).samples
            known[f"{text}:{num}"] = [found.mean, found.standard_error]
            file.write_text(json.dumps(known))
    return Result(torch.tensor(known[bound]), {text: Estimate(*known[f"{text}:{num}"]) for text in samplers})


def row(name: str, bound: Estimate, recognised: list[str]) -> str:
    """Write a line of the table."""
    return f"| {' | '.join([name, f'{bound.mean:+.3f} ± {bound.standard_error:.3f}', *recognised])} |"


def table(results: dict[tuple[Case, str], Result], samplers: list[str]) -> str:
    """Write all results, and the difference between the two predictions where both were asked for."""
    lines = [f"| channels, steps, seed: prediction | bound, bits/dim | {' | '.join(samplers)} |"]
    lines.append("|---" * (2 + len(samplers)) + "|")
    for case in dict.fromkeys(case for case, _ in results):
        title = f"{case.channels}, {case.steps:,}, {case.seed}"
        both = [results[case, name] for name in PREDICTIONS if (case, name) in results]
        for name in PREDICTIONS:
            if result := results.get((case, name)):
                shares = [f"{100 * e.mean:.1f} ± {100 * e.standard_error:.1f} %" for e in result.recognised.values()]
                lines.append(row(f"{title}: {name}", Estimate.of(result.bpd), shares))
        if len(both) == len(PREDICTIONS):
            first, second = (list(result.recognised.values()) for result in both)
            more = [f"{100 * (b.mean - a.mean):+.1f} %" for a, b in zip(first, second, strict=True)]
            lines.append(row(f"{title}: v - epsilon", Estimate.of(both[1].bpd - both[0].bpd), more))
    return "\n".join(lines)


def main() -> None:
    """Train and measure everything that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of table.md")
    parser.add_argument("--predictions", nargs="+", choices=PREDICTIONS, default=PREDICTIONS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="seeds of training")
    parser.add_argument("--channels", nargs="+", type=int, default=[32], help="network.model_channels")
    parser.add_argument("--steps", nargs="+", type=int, default=[PRESETS.build("digits", {}).training.num_steps])
    parser.add_argument("--samplers", nargs="+", default=["ddim:10", "ddim:25", "ddpm:250"], help="names and steps")
    parser.add_argument("--samples", type=int, default=500, help="samples of each sampler")
    parser.add_argument("--bound-steps", type=int, default=250, help="steps of the chain that the bound is of")
    given = parser.parse_args()
    results: dict[tuple[Case, str], Result] = {}
    for channels, steps, seed, prediction in product(given.channels, given.steps, given.seeds, given.predictions):
        case = Case(channels, steps, seed)
        run = case.train(given.out, prediction)
        results[case, prediction] = measure(run, given.samplers, given.bound_steps, given.samples)
        print(case, prediction, "done", flush=True)
    machine = ", ".join(f"{name}: {value}" for name, value in describe_machine().items())
    text = f"{table(results, given.samplers)}\n\n{machine}\n"
    (given.out / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
