"""What the examples share: their command, and bits of single samples, to compare a baseline on the same ones."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from idm import Run
from idm.run import open_data_to_score

Floats, Integers = npt.NDArray[np.float64], npt.NDArray[np.integer]


def told(about: str, data: str, out: str, num_steps: int) -> tuple[Path, Path, int]:
    """Read the command line of an example: its data, the folder for results, and the steps of training."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, required=True, help=data)
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--num-steps", type=int, default=num_steps)
    arguments = parser.parse_args()
    return arguments.data, arguments.out, arguments.num_steps


def for_minutes(num_steps: int, own: Mapping[str, object]) -> dict[str, object]:
    """Settings of a run of minutes: a small network, no looks at it on the way; and those of the data at hand."""
    shared: dict[str, object] = {
        "num_steps": num_steps,
        "network.num_res_blocks": 1,
        "learning_rate": 1e-3,
        "decay": "cosine",
        "bound_interval": 0,
        "sample_interval": 0,
    }
    return shared | dict(own)


def for_bits(lowest: float, highest: float) -> dict[str, object]:
    """Settings that spread training evenly over the log signal-to-noise ratio, as the bound adds up."""
    levels = {"timesteps.lowest": lowest, "timesteps.highest": highest}
    return {"prediction": "edm", "timesteps.name": "log_snr_uniform", **levels}


def in_words(values: Floats) -> str:
    """Mean and its standard error."""
    return f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}"


def bits_of(run: Run, data: Path | None, budget: int, num: int = 0) -> tuple[Floats, list[int]]:
    """Estimate the bound of samples, bits/dim, and tell their numbers in their data.

    Args:
        run: the trained model.
        data: what ``idm evaluate --data`` would read; the run's held-out samples where None.
        budget: calls of the network for each sample.
        num: how many of them, chosen as ``idm evaluate`` does; 0: all.
    """
    found = run.evaluate(data, budget=budget, num=num).scored
    assert found is not None
    bits = found.scores["bits_per_dim"].double().numpy()
    return bits, numbers_to_score(run, data)[: len(bits)]


def numbers_to_score(run: Run, data: Path | None = None) -> list[int]:
    """Numbers of all held-out samples, or of other data, in the order in which they are scored."""
    held_out = open_data_to_score(run, data).held_out
    return held_out.sources_of(np.arange(len(held_out)))[0]


def covariance_of(seen: Integers | Floats, shrink: float = 0.0) -> Floats:
    """Covariance of values that are rounded to whole numbers and then drawn evenly among all that are rounded so.

    Args:
        seen: [n, ...].
        shrink: share of what lies beside the diagonal that is left out, as helps where samples are few.
    """
    found = np.cov(seen.reshape(len(seen), -1).T)
    return (1 - shrink) * found + np.diag(shrink * np.diag(found) + 1 / 12)


def gaussian_bits(seen: Integers | Floats, scored: Integers | Floats, seed: int = 0, *, shrink: float = 0.0) -> Floats:
    """Bits/dim of whole numbers under a Gaussian of full covariance, fitted to those that were seen.

    A whole number stands for all values that are rounded to it. What is drawn evenly among them has mean and covariance
    of the numbers, and 1 / 12 more variance; the mean of -log2 of its density is no less than -log2 of the probability
    of the number (Theis, van den Oord & Bethge 2016, section 3.1), and hardly more where the density is wide.

    Args:
        seen: whole numbers [n, ...], or these less a guess that is known beside them.
        scored: others [m, ...].
        seed: of what is drawn.
        shrink: as of ``covariance_of``.
    """
    flat, others = (values.reshape(len(values), -1).astype(np.float64) for values in (seen, scored))
    drawn = others + np.random.default_rng(seed).uniform(-0.5, 0.5, others.shape)
    size = flat.shape[1]
    factor = np.linalg.cholesky(covariance_of(flat, shrink))
    whitened = np.linalg.solve(factor, (drawn - flat.mean(0)).T)
    nats = 0.5 * (whitened**2).sum(0) + np.log(np.diag(factor)).sum() + 0.5 * size * np.log(2 * np.pi)
    return nats / (np.log(2) * size)


def beside(bits: Floats, baselines: Mapping[str, Floats]) -> dict[str, object]:
    """The bound of samples, baselines on the same ones, and what the bound is less than each."""
    figures: dict[str, object] = {"diffusion": in_words(bits), "samples scored": len(bits)}
    for name, baseline in baselines.items():
        figures |= {name: in_words(baseline), f"diffusion less {name}": in_words(bits - baseline)}
    return figures


def write_figures(out: Path, figures: Mapping[str, object]) -> None:
    """Print figures, and write them beside the run."""
    (out / "figures.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        print(f"{name:<44} {figure}")
