"""How often metrics call real data worse than chance, and how often they find a planted defect, at 300 samples.

    python benchmarks/false_alarms.py --out runs/false_alarms --figure docs/images/false-alarms.png

The digits are split anew for every repeat: 300 take the place of samples, 600 others are what these are compared with;
principal components are fitted to 600 more. An alarm is any figure that `worse_than_chance` returns, of all metrics
together. The first splits are looked at with every defect, too. Repeats that are found under --out are not measured
again, unless sizes, metrics or their code are others. Of each features a core takes about half an hour.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

import idm.metrics
from idm.core.rng import derive_seed
from idm.data import SOURCES
from idm.metrics import METRICS, Comparison, Evidence, Figure, Labelled, worse_than_chance
from idm.metrics.comparison import in_own_order
from idm.metrics.features import find_features
from idm.metrics.p_values import null_of
from idm.report.colours import ACCENT, MUTED
from idm.report.figures import empty_figure, png, style

OF_FEATURES = (
    "frechet",
    "kid",
    "precision_recall",
    "density_coverage",
    "diversity",
    "modes",
    "two_sample",
    "sliced_wasserstein",
)
FAMILIES = {"pca": (*OF_FEATURES, "spectrum", "values"), "values": OF_FEATURES, "random": OF_FEATURES}
"""Metrics by what features they are measured on."""

NUM_SAMPLES, NUM_REAL, NUM_FITTED, LEVELS = 300, 600, 600, 17
USUAL_REPEATS, USUAL_DEFECTIVE = 400, 100
DROPPED = 3
"""Class that is left out."""

Digits = tuple[Tensor, Tensor]
"""Pixels in [-1, 1], and classes."""

Row = dict[str, list[str]]
"""Of one repeat: the figures that raised the alarm, by what is in the place of samples."""


def blurred(x: Tensor, y: Tensor) -> Tensor:
    """Take the mean of 3 x 3 pixels, in levels."""
    mean = sum(x.roll((i, j), (2, 3)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9.0
    return torch.as_tensor(mean * 8.0).round() / 8.0


def brighter(x: Tensor, y: Tensor) -> Tensor:
    """Raise every pixel by 2 of 16 levels."""
    return (x + 0.25).clamp(max=1.0)


def without_a_class(x: Tensor, y: Tensor) -> Tensor:
    """Put others in the place of one class; more samples are given than are wanted."""
    return x[y != DROPPED][:NUM_SAMPLES]


def twice(x: Tensor, y: Tensor) -> Tensor:
    """Take half of the samples twice."""
    half = x[: NUM_SAMPLES // 2]
    return torch.cat([half, half])


CASES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "real data": lambda x, y: x[:NUM_SAMPLES],
    "blur of 3 x 3 pixels": lambda x, y: blurred(x[:NUM_SAMPLES], y),
    "a class of ten is missing": without_a_class,
    "half of the samples, twice": twice,
    "brighter by 2 of 16 levels": lambda x, y: brighter(x[:NUM_SAMPLES], y),
}
"""What stands in the place of samples, by name; the first one is no defect."""

HARMLESS = next(iter(CASES))


@dataclass(frozen=True, eq=False)
class Split:
    """Digits that were dealt anew.

    Attributes:
        x: all of them in an order of no meaning: samples first, then real ones.
        y: their classes.
        features: name of the features.
    """

    x: Tensor
    y: Tensor
    features: str

    @classmethod
    def of(cls, digits: Digits, features: str, seed: int) -> "Split":
        """Deal them."""
        turn = torch.from_numpy(np.random.default_rng(derive_seed(seed, "false alarms")).permutation(len(digits[1])))
        return cls(digits[0][turn], digits[1][turn], features)

    @cached_property
    def evidence(self) -> Evidence:
        """The real side; the last digits are what features are fitted to."""
        real = self.x[-(NUM_REAL + NUM_FITTED) : -NUM_FITTED]
        found = find_features(self.features, self.x[-NUM_FITTED:])
        return Evidence(compared=Labelled(real), features=found, levels=LEVELS)

    def alarms(self, metrics: Mapping[str, Comparison], cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the figures that are worse than chance, for everything that takes the place of samples."""
        found: dict[str, list[Figure]] = {name: [] for name in cases}
        for metric in metrics.values():
            look = metric.look(self.evidence)
            real = in_own_order(look(self.evidence.real).float(), NUM_REAL, "real")
            for name in cases:
                rows = look(
                    Labelled(CASES[name](self.x[: NUM_SAMPLES * 3 // 2], self.y[: NUM_SAMPLES * 3 // 2]))
                ).float()
                found[name] += figures(metric, in_own_order(rows, NUM_SAMPLES, "samples"), real[NUM_SAMPLES:])
        return {name: [figure.name for figure in worse_than_chance(each)] for name, each in found.items()}


def figures(metric: Comparison, rows: Tensor, others: Tensor) -> list[Figure]:
    """Return the figures of samples with their p-values."""
    values, exchanged = metric.exchange(rows, others)
    return [
        Figure(kind.name, value, better=kind.better, null=null_of(kind.better, value, exchanged[:, i], exchanged[:, i]))
        for i, (kind, value) in enumerate(zip(metric.kinds, values, strict=True))
    ]


def comparisons(names: tuple[str, ...]) -> dict[str, Comparison]:
    """Return metrics by name."""
    made = {name: METRICS.build(name, {}) for name in names}
    return {name: metric for name, metric in made.items() if isinstance(metric, Comparison)}


def asked_of(features: str, metrics: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return what tells rows of one measurement from those of another: sizes, metrics, and the code of both."""
    code = [Path(__file__), *sorted(Path(idm.metrics.__file__).parent.rglob("*.py"))]
    return {
        "features": features,
        "metrics": {name: repr(metric) for name, metric in metrics.items()},
        "sizes": [NUM_SAMPLES, NUM_REAL, NUM_FITTED, LEVELS],
        "dropped": DROPPED,
        "code": hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest(),
    }


def kept(place: Path, asked: Mapping[str, Any]) -> list[Row]:
    """Return the rows that are stored of what is asked; none where they are of something else."""
    found: object = json.loads(place.read_text()) if place.exists() else {}
    return found["rows"] if isinstance(found, dict) and found.get("asked") == asked else []


def measured(digits: Digits, features: str, repeats: int, defective: int, place: Path) -> list[Row]:
    """Return what every repeat found, the first with defects; goes on from what is known of the same."""
    metrics = comparisons(FAMILIES[features])
    asked = asked_of(features, metrics) | {"defective": defective}
    known = kept(place, asked)
    for seed in range(len(known), repeats):
        cases = list(CASES) if seed < defective else [HARMLESS]
        known.append(Split.of(digits, features, seed).alarms(metrics, cases))
        if seed % 10 == 9 or seed == repeats - 1:
            place.write_text(json.dumps({"asked": asked, "rows": known}))
            print(f"{features}: {seed + 1} of {repeats}", flush=True)
    return known[:repeats]


def table(found: Mapping[str, list[Row]]) -> str:
    """Return the share of repeats with any alarm, by what is in the place of samples and by features, in Markdown."""
    lines = [f"| In the place of samples | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for case in CASES:
        shares = [share_in_words([bool(one[case]) for one in rows if case in one]) for rows in found.values()]
        lines.append(f"| {case} | {' | '.join(shares)} |")
    return "\n".join(lines)


def share_in_words(alarms: Sequence[bool]) -> str:
    """Write a share with its binomial interval and of how many it is."""
    lower, upper = binomtest(sum(alarms), len(alarms)).proportion_ci()
    return f"{np.mean(alarms):.1%} ({lower:.1%} to {upper:.1%}) of {len(alarms)}"


def by_figure(found: Mapping[str, list[Row]]) -> str:
    """Return how often each figure was among those named, after Holm over all, of the first features, in Markdown."""
    rows = next(iter(found.values()))
    names = list(dict.fromkeys(name for one in rows for case in one for name in one[case]))
    lines = [f"| Figure | {' | '.join(CASES)} |", f"|---|{'---|' * len(CASES)}"]
    for name in names:
        shares = [f"{np.mean([name in one[case] for one in rows if case in one]):.0%}" for case in CASES]
        lines.append(f"| `{name}` | {' | '.join(shares)} |")
    return "\n".join(lines)


def drawn(found: Mapping[str, list[Row]]) -> bytes:
    """Draw the shares of repeats with an alarm, of the first features, as bars."""
    rows = next(iter(found.values()))
    figure, (axes,) = empty_figure(7.0, 2.6)
    shares = [float(np.mean([bool(one[case]) for one in rows if case in one])) for case in CASES]
    axes.barh(range(len(CASES)), shares, color=[MUTED, *[ACCENT] * (len(CASES) - 1)], height=0.6)
    axes.axvline(0.05, color=MUTED, linewidth=1.0)
    axes.set_yticks(range(len(CASES)), list(CASES))
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.0)
    style(axes, title="Alarms at 300 samples", x="share of repeats; the line is at 5 %", y="")
    return png(figure)


def main() -> None:
    """Measure, and write tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--repeats", type=int, default=USUAL_REPEATS, help="splits with real data")
    parser.add_argument("--defective", type=int, default=USUAL_DEFECTIVE, help="of these, with every defect, too")
    parser.add_argument("--features", default=",".join(FAMILIES))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    source = SOURCES.build("digits", {})
    order = np.arange(len(source))
    assert source.labels is not None, "digits have classes"
    digits = torch.from_numpy(np.asarray(source.read(order))).float() / 8.0 - 1.0, torch.from_numpy(source.labels)
    names = asked.features.split(",")
    sizes = asked.repeats, asked.defective
    found = {name: measured(digits, name, *sizes, asked.out / f"{name}.json") for name in names}
    print(table(found), by_figure(found), sep="\n\n")
    (asked.out / "tables.md").write_text(f"{table(found)}\n\n{by_figure(found)}\n")
    if asked.figure is not None:
        asked.figure.write_bytes(drawn(found))


if __name__ == "__main__":
    main()
