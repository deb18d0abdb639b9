"""Few steps of a trained run, bounds and samples: the tables of docs/samplers.md, and how its variances compare.

    python benchmarks/few_steps.py RUN --out DIR
    python benchmarks/few_steps.py RUN --out DIR --only bounds --full
    python benchmarks/few_steps.py RUN --out DIR --only samples --most 10

Bounds are of all held-out samples, with the same noise everywhere: the network is called once for each sample and
level, and every variance scores what it found, so that all differences are paired. "Steps" of a difference leave out
the last one, the decoder, so that variances with other decoders are told apart by their reverse steps alone. "As
published" is the learned variance in every term, the decoder's too, as improved-diffusion scores it. The run needs
``idm calibrate RUN`` first, and ``--head npr`` where heads are to be compared.

Samples have the same noise in all rows; "error" is the root mean square distance from 64 steps of ``multistep``. A
solver is fitted to the run where none was. What is measured is kept under --out, and not measured again. On one core
the demo's network takes about ten minutes for all but --full, which takes fifteen more.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import idm
from idm.diffusion import Denoised, Denoiser, GaussianDiffusion
from idm.diffusion.variances import CalibratedDecoder, FixedSmall, ReverseVariance
from idm.likelihood import Estimate, evaluate_bound
from idm.run import Run, draw, open_run_data
from idm.run.judging import Judge, deviation
from idm.run.scoring import chain_of
from idm.samplers import Sampler
from idm.schedules import Level

BUDGETS = (5, 10, 25, 100)
GRIDS: Mapping[str, str | None] = {"linspace": None, "planned": "analytic", "planned by position": "analytic_position"}
"""Levels of the bound, and the variance whose curves they are planned by."""

MEASURED = ("analytic", "analytic_position", "npr")
PUBLISHED, LEARNED = "as published", "learned"
REFERENCE_STEPS = 64

Bounds = dict[str, tuple[Tensor, Tensor]]
"""Of every held-out sample, by variance: the bound, and the decoder's part of it; bits/dim."""


@dataclass
class Remembered:
    """A denoiser whose answers are kept, and given again in the same order without a call of the network."""

    inner: Denoiser
    kept: list[Denoised] = field(default_factory=list[Denoised])
    places: Iterator[int] = field(default_factory=count)

    def again(self) -> "Remembered":
        """Begin anew with what is kept."""
        return Remembered(self.inner, self.kept)

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        """Answer as before, or as the denoiser does."""
        place = next(self.places)
        if place == len(self.kept):
            self.kept.append(self.inner(x, at))
        return self.kept[place]

    def select(self, rows: Tensor, /) -> "Remembered":
        """Answer for some samples; what is kept is the same list."""
        return Remembered(self.inner.select(rows), self.kept, self.places)


def variances_of(run: Run) -> dict[str, ReverseVariance]:
    """Return the run's variances, by name: its own, fixed ones, and those that its curves and heads give."""
    own = run.diffusion.variance
    fixed = CalibratedDecoder.of(FixedSmall(), own.curve) if isinstance(own, CalibratedDecoder) else FixedSmall()
    found: dict[str, ReverseVariance] = {LEARNED: own, "fixed_small": fixed}
    if isinstance(own, CalibratedDecoder):
        found[PUBLISHED] = own.inner
    for name in MEASURED:
        if name != "npr" or (run.folder / "fits" / "head-npr.safetensors").exists():
            found[name] = run.using(variance=name).diffusion.variance
    return found


def bounds_on(run: Run, chain: GaussianDiffusion, variances: Mapping[str, ReverseVariance], at_once: int) -> Bounds:
    """Score all held-out samples by every variance; sample i has the noise of seed i."""
    data, parts = open_run_data(run), {name: list[tuple[Tensor, Tensor]]() for name in variances}
    for first in range(0, len(data.held_out), at_once):
        numbers = np.arange(first, min(first + at_once, len(data.held_out)))
        x, y = data.held_out.batch(numbers)
        given = {} if y is None else {"y": y.to(run.device)}
        known = Remembered(run.denoiser(chain, given, clip=run.spec.codec.bounded))
        for name, variance in variances.items():
            scored = chain.replace(model_var_type=variance)
            vlb = evaluate_bound(scored, known.again(), x.to(run.device), seed=first, batch_size=512)
            parts[name].append((vlb.total_bpd.double().cpu(), vlb.vb[:, 0].double().cpu()))
    return {name: (torch.cat([t for t, _ in of]), torch.cat([d for _, d in of])) for name, of in parts.items()}


def measured_bounds(run: Run, out: Path, most: int, full: bool) -> dict[str, Bounds]:
    """Measure the bounds of all budgets up to one and all levels, and of the whole chain; by a name each."""
    variances = variances_of(run)
    chains: dict[str, Callable[[], GaussianDiffusion]] = {}
    for steps in [steps for steps in BUDGETS if steps <= most]:
        for name, planner in GRIDS.items():
            plan, planned = (None, run) if planner is None else ("likelihood", run.using(variance=planner))
            chains[f"{steps}, {name}"] = lambda p=plan, r=planned, k=steps: chain_of(r, k, p)
    if full:
        chains[f"{run.diffusion.num_timesteps}, all"] = lambda: run.diffusion
    found: dict[str, Bounds] = {}
    for name, chain in chains.items():
        file = out / f"bounds-{name.replace(', ', '-').replace(' ', '-')}.pt"
        if not file.exists():
            torch.save(bounds_on(run, run.diffusion.on(chain().grid), variances, at_once=100), file)
        found[name] = torch.load(file, weights_only=True)
        print("\n".join(rows_of_bounds(name, found[name])), flush=True)
    return found


def rows_of_bounds(name: str, found: Bounds) -> list[str]:
    """Write a table's rows: the bound of every variance, and its difference to the learned one, in all and of steps."""
    total, decoder = found[LEARNED]
    return [
        f"| {name} | {variance} | {Estimate.of(t)} | {signed(t - total)} | {signed(t - d - total + decoder)} |"
        for variance, (t, d) in found.items()
    ]


def signed(difference: Tensor) -> str:
    """Write a paired difference."""
    found = Estimate.of(difference)
    return f"{found.mean:+.4f} ± {found.standard_error:.4f}"


def beside_the_full_chain(run: Run, found: Mapping[str, Bounds]) -> list[str]:
    """Write how planned steps compare with all of them: with the scalar curve, learned, and as published."""
    whole = found[f"{run.diffusion.num_timesteps}, all"]
    lines = ["| steps | variance | - all, `analytic` | - all, learned | - all, as published |", "|---|---|---|---|---|"]
    for steps in [steps for steps in BUDGETS if f"{steps}, planned" in found]:
        for grid, variance in (("planned", "analytic"), ("planned by position", "analytic_position")):
            total = found[f"{steps}, {grid}"][variance][0]
            beside = [signed(total - whole[name][0]) for name in ("analytic", LEARNED, PUBLISHED) if name in whole]
            lines.append(f"| {steps} | {variance} | {' | '.join(beside)} |")
    return lines


@dataclass(frozen=True)
class Row:
    """Samples that are compared.

    Attributes:
        name: of the sampler.
        spacing: its levels; "": its own.
        steps: how many.
        plan: levels in place of a spacing.
    """

    name: str
    spacing: str
    steps: int
    plan: str | None = None

    def sampler(self, run: Run) -> Sampler:
        """Build it, and fit it where it is to be fitted."""
        if self.name == "fitted":
            if not (run.folder / "fits" / f"solver-{self.steps}.json").exists():
                run.fit_solver(self.steps)
            return run.sampler(name="fitted", steps=self.steps)
        spaced: dict[str, Any] = {"spacing": self.spacing} if self.spacing else {}
        return run.sampler(name=self.name, steps=self.steps, plan=self.plan, **spaced)

    def __str__(self) -> str:
        """As a title."""
        return ":".join(filter(None, (self.name, self.spacing, self.plan)))


ROWS = (
    *(Row("multistep", "log_snr", steps) for steps in (3, 4, 5, 8, 10, 20)),
    Row("multistep", "", 4, "trajectory"),
    *(Row("fitted", "", steps) for steps in (3, 4, 5)),
    *(Row("ddim", "linspace", steps) for steps in (5, 10, 25)),
    Row("ddpm", "linspace", 25),
    Row("multistep", "log_snr", REFERENCE_STEPS),
)


def measured_samples(run: Run, out: Path, most: int, num: int) -> list[str]:
    """Draw the samples of every row up to some steps; compare them with data, with more steps, with one another."""
    judge, features = Judge(run, open_run_data(run), num), dict[str, Tensor]()

    def drawn(row: Row) -> tuple[Tensor, Sampler]:
        sampler, file = row.sampler(run), out / f"samples-{num}-{str(row).replace(':', '-')}-{row.steps}.pt"
        if not file.exists():
            torch.save(run.spec.codec.rounded(draw(run, num, sampler=sampler)), file)
        return torch.load(file, weights_only=True), sampler

    rows = [row for row in ROWS if row.steps <= most]
    reference = drawn(ROWS[-1])[0] if ROWS[-1] in rows else None
    lines = ["| sampler | steps | calls | Fréchet distance | error | recognised |", "|---|---|---|---|---|---|"]
    for row in rows:
        samples, sampler = drawn(row)
        features[f"{row} {row.steps}"] = judge.features(samples)
        lines.append(described(row, sampler, samples, reference, judge))
        print(lines[-1], flush=True)
    pairs = (("fitted 4", "multistep:log_snr 8"), ("multistep:log_snr 5", "multistep:log_snr 10"))
    lines += ["", *(paired(judge, features, *pair) for pair in pairs if features.keys() >= set(pair))]
    held_out, recognised = judge.held_out()
    return [*lines, f"training data drawn again {judge.again()}, held-out data {held_out}, recognised {recognised}"]


def described(row: Row, sampler: Sampler, samples: Tensor, reference: Tensor | None, judge: Judge) -> str:
    """Write a row of the table."""
    of = judge.features(samples)
    distance = Estimate(judge.distance(of), deviation(judge.distances(of)))
    error = "" if reference is None else f"{float((samples - reference).square().mean().sqrt()):.3f}"
    known = judge.recognised(samples)
    share = "" if known is None else f"{known.mean:.1%} ± {known.standard_error:.1%}"
    return f"| {row} | {row.steps} | {sampler.num_calls} | {distance} | {error} | {share} |"


def paired(judge: Judge, features: Mapping[str, Tensor], first: str, second: str) -> str:
    """Write the difference of two distances, over the same samples drawn again."""
    a, b = features[first], features[second]
    found = Estimate(judge.distance(a) - judge.distance(b), deviation(judge.distances(a) - judge.distances(b)))
    return f"{first} - {second}: {found.mean:+.3f} ± {found.standard_error:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=("bounds", "samples"))
    parser.add_argument("--most", type=int, default=1000, help="leave out what has more steps")
    parser.add_argument("--full", action="store_true", help="bounds of all steps of the chain, too")
    parser.add_argument("--num", type=int, default=1000, help="samples of each row")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    run, lines = idm.load(given.run), dict[str, list[str]]()
    if given.only != "samples":
        found = measured_bounds(run, given.out, given.most, given.full)
        head = ["| steps, levels | variance | bits/dim | - learned | - learned, steps |", "|---|---|---|---|---|"]
        lines["bounds"] = head + [row for name, of in found.items() for row in rows_of_bounds(name, of)]
        if given.full:
            lines["bounds"] += ["", *beside_the_full_chain(run, found)]
    if given.only != "bounds":
        lines["samples"] = measured_samples(run, given.out, given.most, given.num)
    for name, of in lines.items():
        (given.out / f"{name}.md").write_text("\n".join(of) + "\n", encoding="utf-8")
        print("\n".join(of))


if __name__ == "__main__":
    main()
