"""Correctness and speed on a CUDA card, in one command that takes under nine minutes.

    python benchmarks/gpu.py --out benchmarks/results/gpu.json

Needs this source tree, torch and numpy; rows of diffusers appear where it is installed. Every part has a share of the
time; what fails or does not fit is left out with its reason, and the table comes last. The exit status is 1 if
the card computed something else than the CPU did. ``--device cpu --quick`` goes through the motions anywhere.
"""

import argparse
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from card import STAND_INS
from card.agreement import agreement
from card.bench import Bench
from card.budget import Budget
from card.forms import CIFAR_10, IMAGENET_64, KNOWN_FLOPS, MINIATURE, Forms
from card.report import Report
from card.roofline import roofline
from card.sampling import EVERYTHING, GRAPH, PLAIN, QUICKLY_MADE, chain, forward, same_results
from card.training import memory, training
from idm.bench.machine import describe_machine
from speed.peers import versions

MINUTES = 8.5
FLOPS_BAR = 5e-3
CHAIN_STEPS = 250
SLACK_SECONDS = 10.0
"""Seconds that a part may overrun, so that what it measured last is not lost."""


@dataclass(frozen=True)
class Section:
    """A part of the whole, and the most seconds it may take."""

    name: str
    seconds: float
    run: Callable[[], object]


def sections(bench: Bench, steps: int) -> list[Section]:
    """Everything, the more important first; batches fill the card without filling its memory."""
    large, small = Forms(IMAGENET_64, bench.device), Forms(CIFAR_10, bench.device)
    return [
        Section("limits of the card", 20, partial(roofline, bench, quick=False)),
        Section("agreement with the CPU", 45, partial(agreement, bench, quick=False)),
        Section("ImageNet-64, forward and sampling", 220, lambda: _calls(bench, large, 128, steps, (160, 45))),
        Section("ImageNet-64, training", 110, partial(training, bench, large, 64, seconds=100)),
        Section("memory", 25, lambda: (memory(bench, IMAGENET_64, 64), memory(bench, CIFAR_10, 128))),
        Section("CIFAR-10, forward and sampling", 110, lambda: _calls(bench, small, 256, steps, (70, 25))),
        Section("CIFAR-10, training", 90, partial(training, bench, small, 128, seconds=300)),
        Section("ImageNet-64, other batches", 25, lambda: _batches(bench, large, (64, 256))),
        Section("CIFAR-10, other batches", 25, lambda: _batches(bench, small, (64, 128))),
    ]


def quick_sections(bench: Bench) -> list[Section]:
    """The same parts in miniature."""
    forms = Forms(MINIATURE, bench.device)
    return [
        Section("limits", 40, partial(roofline, bench, quick=True)),
        Section("agreement", 40, partial(agreement, bench, quick=True)),
        Section("forward", 40, partial(forward, bench, forms, 2, seconds=30, names=QUICKLY_MADE)),
        Section("sampling", 40, partial(chain, bench, forms, 2, steps=2, of=4, seconds=30, names=QUICKLY_MADE)),
        Section("training", 40, partial(training, bench, forms, 2, seconds=30)),
        Section("memory", 40, partial(memory, bench, MINIATURE, 2)),
    ]


def _calls(bench: Bench, forms: Forms, batch: int, steps: int, seconds: tuple[float, float]) -> None:
    """Time calls of the network, then the same contestants in a chain, so that nothing is translated twice."""
    known = KNOWN_FLOPS[forms.config]
    bench.report.check(f"{forms.config.name}: operations per image", abs(forms.flops / known - 1), FLOPS_BAR)
    names = forward(bench, forms, batch, seconds=seconds[0], names=EVERYTHING)
    same_results(bench, forms, batch, names)
    chain(bench, forms, batch, steps=steps, of=CHAIN_STEPS, seconds=seconds[1], names=names)


def _batches(bench: Bench, forms: Forms, batches: tuple[int, ...]) -> None:
    for batch in batches:
        forward(bench, forms, batch, seconds=12, names=(PLAIN, GRAPH))


def run(bench: Bench, parts: list[Section], out: Path | None) -> None:
    """Go through the parts; one that fails leaves the others alone. The JSON file is kept up to date."""
    for part in parts:
        began = bench.budget.spent
        print(f"\n{part.name} ({began:.0f} s)", flush=True)
        with bench.trying(part.name, part.seconds + SLACK_SECONDS):
            part.run()
        bench.report.seconds[part.name] = bench.budget.spent - began
        if out is not None:
            bench.report.save(out)
        gc.collect()
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--device", default="cuda", help="where to measure")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="time for everything")
    parser.add_argument("--quick", action="store_true", help="a miniature of everything, to try the script itself")
    parser.add_argument("--steps", type=int, default=10, help=f"steps of a chain of {CHAIN_STEPS} that are timed")
    parser.add_argument("--only", default="", metavar="WORD", help="only the parts with this word in their name")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA card here; --device cpu --quick tries the script without one")
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = True, False
    about = {"stand-ins": " ".join(STAND_INS) or "none", "command": " ".join(sys.argv)}
    report = Report(describe_machine() | versions() | about)
    bench = Bench(device, Budget(60 * options.minutes), report, compiles=not options.quick)
    parts = quick_sections(bench) if options.quick else sections(bench, options.steps)
    run(bench, [part for part in parts if options.only in part.name], options.out)
    report.print_table()
    return 0 if all(check.passed for check in report.checks) else 1


if __name__ == "__main__":
    sys.exit(main())
