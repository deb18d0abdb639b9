"""A Gaussian random field, coarse to fine: draws of a trained network beside the exact conditional law.

    python benchmarks/conditional_field.py --out runs/fields
    python benchmarks/conditional_field.py --out runs/small --side 8 --channels 16 --steps 3000

Fields are stationary on a torus, their spectrum a power law; conditions are means over blocks of 4 x 4 places. So the
law of a field given its condition is known: its mean and covariance follow from those of all fields. Of conditions that
were not trained on 64 fields each are drawn. Their score (CRPS, in the data's units) is put beside that of the exact
law on the same truths, and the truths are ranked among the draws, along one random direction each; the chance of ranks
as uneven as theirs is that of Pearson's chi-square over 13 bins.

What is trained already under --out is not trained again. Two cores take about ten minutes for the first command.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.bench.machine import describe_machine
from idm.core.progress import SILENT
from idm.core.rng import Rng
from idm.diffusion import GaussianDiffusion
from idm.oracles import ConditionedFieldDenoiser, GaussianFieldDenoiser, power_law
from idm.restoration import chance_of_flat, crps, crps_of_gaussian
from idm.run import Run, load
from idm.schedules import cosine_schedule
from idm.tasks import make_experiment, train

FACTOR, DRAWS, BINS, EXPONENT = 4, 64, 13, 3.0
"""Places along a block's side; draws for each condition; bins of their ranks; of the spectrum."""


@dataclass(frozen=True)
class Fields:
    """Fields and their conditions.

    Attributes:
        fine: [n, 1, side, side], of unit variance.
        coarse: means over blocks [n, 1, side / 4, side / 4].
    """

    fine: NDArray[np.float32]
    coarse: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Law:
    """The law of fields on a torus.

    Attributes:
        spectrum: of the field.
        matrix: what makes a condition of a flattened field.
    """

    spectrum: Tensor
    matrix: Tensor

    @classmethod
    def of(cls, side: int) -> "Law":
        """Return the law of fields of that side."""
        along = torch.eye(side // FACTOR, dtype=torch.float64).repeat_interleave(FACTOR, 1) / FACTOR
        return cls(power_law((side, side), EXPONENT, 1.0)[None], torch.kron(along, along))

    def draw(self, num: int, seed: int) -> Fields:
        """Draw fields, and coarsen them."""
        _, side, _ = self.spectrum.shape
        white = Rng.from_seed(seed, num).normal("fields", 0, (1, side, side), torch.float64)
        fine = torch.fft.ifft2(self.spectrum.sqrt() * torch.fft.fft2(white)).real
        coarse = (fine.flatten(1) @ self.matrix.T).view(num, 1, side // FACTOR, side // FACTOR)
        return Fields(fine.float().numpy(), coarse.float().numpy())

    def given(self, coarse: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Return the exact mean of fields given conditions, [n, d], and the deviation of their values [d]."""
        oracle = ConditionedFieldDenoiser(GaussianDiffusion(cosine_schedule(10)), self.spectrum, self.matrix)
        return oracle.mean(torch.as_tensor(coarse)).flatten(1), oracle.covariance.diagonal().clamp(min=1e-12).sqrt()

    @property
    def deviation(self) -> Tensor:
        """Deviation of values of which no condition is known [d]."""
        field = GaussianFieldDenoiser(GaussianDiffusion(cosine_schedule(10)), self.spectrum)
        return field.covariance.diagonal().sqrt()


def trained(law: Law, wanted: argparse.Namespace) -> Run:
    """Train a run on fields and their conditions, or open it where that is done."""
    out = Path(wanted.out)
    out.mkdir(parents=True, exist_ok=True)
    fields = law.draw(wanted.fields, seed=1)
    np.save(out / "fine.npy", fields.fine)
    np.save(out / "coarse.npy", fields.coarse)
    settings = {
        "data.held_out": 256,
        "data.standardize": True,
        "data.condition.standardize": True,
        "training.num_steps": wanted.steps,
        "training.batch_size": wanted.batch,
        "training.sample_interval": 0,
        "training.bound_interval": 0,
        "network.model_channels": wanted.channels,
        **dict(text.split("=", 1) for text in wanted.set),
    }
    experiment = make_experiment(out / "fine.npy", condition=out / "coarse.npy", settings=settings)
    train(experiment, out / "run", device=wanted.device, listener=SILENT)
    return load(out / "run", device=wanted.device)


def ranks(truths: Tensor, draws: Tensor) -> Tensor:
    """Rank truths among draws, along one random direction for each case."""
    directions = Rng.from_seed(2, len(truths)).normal("directions", 0, truths.shape[1:], torch.float64)
    return ((draws * directions[:, None]).sum(2) < (truths * directions).sum(1)[:, None]).sum(1)


def main() -> None:
    """Train, draw and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of data and run")
    parser.add_argument("--side", type=int, default=16, help="places along the side of a field")
    parser.add_argument("--fields", type=int, default=20_000, help="fields to train on, 256 of them held out")
    parser.add_argument("--channels", type=int, default=24, help="width of the U-Net's first stage")
    parser.add_argument("--steps", type=int, default=6_000, help="optimiser steps")
    parser.add_argument("--batch", type=int, default=64, help="fields in a batch")
    parser.add_argument("--cases", type=int, default=195, help="conditions to draw for")
    parser.add_argument("--calls", type=int, default=20, help="steps of the sampler")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", nargs="*", default=[], help="further settings, PATH=VALUE")
    wanted = parser.parse_args()
    law, start = Law.of(wanted.side), time.monotonic()
    run = trained(law, wanted)
    ready = time.monotonic()
    cases = law.draw(wanted.cases, seed=10**6)
    sampler = run.sampler(name="multistep", steps=wanted.calls)
    drawn = run.sample(condition=cases.coarse.repeat(DRAWS, axis=0), sampler=sampler, batch_size=1024)
    draws = torch.as_tensor(np.asarray(drawn)).double().view(wanted.cases, DRAWS, -1)
    truths = torch.as_tensor(cases.fine).double().flatten(1)
    mean, deviation = law.given(cases.coarse)
    exact, found = crps_of_gaussian(truths, mean, deviation), crps(truths, draws)
    blind = crps_of_gaussian(truths, torch.zeros_like(mean), law.deviation)
    apart = found / exact.mean() - exact / exact.mean()
    print(", ".join(describe_machine().values()))
    print(f"trained in {ready - start:.0f} s, drawn in {time.monotonic() - ready:.0f} s")
    print(f"CRPS: draws {found.mean():.4f}, exact law {exact.mean():.4f}, without conditions {blind.mean():.4f}")
    print(f"above the exact law's by {100 * apart.mean():.1f} % (± {100 * apart.std() / wanted.cases**0.5:.1f})")
    centre, spread = draws.mean(1), draws.std(1)
    print(f"mean of draws off the exact mean by {(centre - mean).square().mean().sqrt():.3f} (root mean square)")
    print(f"deviation of draws {spread.mean():.3f}, of the exact law {deviation.mean():.3f}")
    print(f"chance of ranks as uneven: {chance_of_flat(ranks(truths, draws), DRAWS, BINS):.3f}")


if __name__ == "__main__":
    main()
