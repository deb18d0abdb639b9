"""Results of scoring: bounds and recognition, as values and as what JSON can hold."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.likelihood import VLB, Estimate, VarianceFractions
from idm.run.opened import Opened
from idm.samplers import Sampler


@dataclass(frozen=True, eq=False)
class HeldOutBound:
    """The variational bound of held-out data.

    Attributes:
        vlb: the bound and its terms, in bits/dim; of continuous data in the data's own units.
        timesteps: the number that each step had in the schedule it was first defined in, or its time on another path,
            increasing.
        histogram: bits/dim of histograms of each pixel by class; None for continuous data.
        fractions: what the network learned of the variance, beside the best; None where it learned none, or the best is
            not known.
    """

    vlb: VLB
    timesteps: list[int] | list[float]
    histogram: Estimate | None
    fractions: VarianceFractions | None = None

    @property
    def total(self) -> Estimate:
        """The bound, bits/dim, with its standard error over samples."""
        return Estimate.of(self.vlb.total_bpd)


@dataclass(frozen=True)
class Recognition:
    """What a classifier of real data makes of samples.

    Attributes:
        samples: share of samples recognised as the class they were drawn for.
        real: share of held-out data recognised.
        num: number of samples.
    """

    samples: Estimate
    real: Estimate
    num: int


@dataclass(frozen=True, eq=False)
class Scores:
    """The variational bound of samples, one by one.

    Attributes:
        bits_per_dim: of each sample [n]; of continuous data in the data's own units.
        vlb: the same with its terms.
    """

    bits_per_dim: NDArray[np.float64]
    vlb: VLB

    def __repr__(self) -> str:
        """How many, and their mean."""
        return f"Scores({self.mean} bits/dim, mean of {len(self.bits_per_dim):,})"

    @property
    def mean(self) -> Estimate:
        """Mean over the samples, with its standard error."""
        return Estimate.of(self.vlb.total_bpd)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a run was found to be worth.

    Attributes:
        bound: the bound of the data that were scored.
        recognition: what a classifier makes of samples; None where none were drawn.
        about: which run was asked what: checkpoint, step, seed, data, levels, grid.
        sampler: what drew the samples that were recognised; None where none were drawn.
    """

    bound: HeldOutBound
    recognition: Recognition | None
    about: dict[str, Any]
    sampler: Sampler | None = None

    def __repr__(self) -> str:
        """Bits/dim and the share recognised in a line."""
        total = self.bound.total
        found = [f"{total.mean:.4f} ± {total.standard_error:.4f} bits/dim of {len(self.bound.vlb.total_bpd):,} samples"]
        if self.recognition is not None:
            share = self.recognition.samples
            found.append(f"{share.mean:.1%} ± {share.standard_error:.1%} of {self.recognition.num:,} recognised")
        return f"Evaluation({', '.join(found)})"

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, as ``idm evaluate`` writes them; numbers that are not finite among them."""
        plain = self.about | self._bound_to_plain()
        if self.recognition is not None and self.sampler is not None:
            plain["classifier"] = {
                "sampler": type(self.sampler).__name__,
                "sampler_steps": self.sampler.diffusion.num_timesteps,
                "sampler_calls": self.sampler.num_calls,
                "num": self.recognition.num,
                "samples": _pair(self.recognition.samples),
                "held_out": _pair(self.recognition.real),
            }
        return plain

    def _bound_to_plain(self) -> dict[str, Any]:
        bound = self.bound
        vlb = bound.vlb
        terms = [Estimate.of(column) for column in vlb.vb.T]
        return {
            "num": vlb.total_bpd.numel(),
            "steps": len(bound.timesteps),
            "bits_per_dim": {
                "total": _pair(bound.total),
                "prior": _pair(Estimate.of(vlb.prior_bpd)),
                "steps": _pair(Estimate.of(vlb.vb[:, 1:].sum(1))),
                "decoder": _pair(Estimate.of(vlb.vb[:, 0])),
                "histogram": None if bound.histogram is None else _pair(bound.histogram),
            },
            "terms": {
                "timesteps": bound.timesteps,
                "mean": [term.mean for term in terms],
                "standard_error": [term.standard_error for term in terms],
                "xstart_mse": vlb.xstart_mse.mean(0).tolist(),
                "eps_mse": vlb.mse.mean(0).tolist(),
            },
            "variance_fractions": None if bound.fractions is None else asdict(bound.fractions),
        }


def about(run: Opened, seed: int, data: str | None, plan: str | None = None, guidance: float = 1.0) -> dict[str, Any]:
    """Return what ``Evaluation.about`` tells.

    Args:
        run: what was asked.
        seed: seed of noise and samples.
        data: where other data than the run's lie; None for its own.
        plan: what chose the levels of the bound; None: they lie evenly.
        guidance: scale of that of the samples; the bound is without any.
    """
    codec = run.spec.codec
    return {
        "checkpoint": str(run.name),
        "step": run.step,
        "seed": seed,
        "data": data,
        "levels": codec.levels,
        "grid": codec.grid,
        "variance": run.variance,
        "plan": plan,
        "guidance": guidance,
    }


def _pair(estimate: Estimate) -> dict[str, float]:
    return {"mean": estimate.mean, "standard_error": estimate.standard_error}
