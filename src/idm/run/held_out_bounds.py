"""The bound of held-out data: every term of it, or an estimate from a few."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idm.core.text import counted
from idm.data import Codec
from idm.likelihood import VLB, Estimate, SampledBound, VarianceFractions
from idm.metrics import BoundParts


class ScoredBound(ABC):
    """The variational bound of held-out data, in bits/dim; of continuous data in the data's own units.

    Attributes:
        histogram: bits/dim of histograms of each pixel by class; None for continuous data.
    """

    histogram: Estimate | None

    @property
    @abstractmethod
    def scores(self) -> dict[str, Tensor]:
        """What is known of each sample [n], by name; ``bits_per_dim`` is the bound."""

    @property
    @abstractmethod
    def pieces(self) -> tuple[Tensor, Tensor, Tensor]:
        """Parts of the bound of each sample [n]: prior, steps, decoder."""

    @property
    @abstractmethod
    def about(self) -> str:
        """Which bound it is, in words."""

    @property
    @abstractmethod
    def whole(self) -> "HeldOutBound | None":
        """The bound with all of its terms; None where it was estimated."""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, numbers that are not finite among them."""

    @property
    def total(self) -> Estimate:
        """The bound, bits/dim, with its standard error over samples."""
        return Estimate.of(self.scores["bits_per_dim"])

    def parts(self, codec: Codec, *, own: bool) -> BoundParts:
        """Return what metrics read of it.

        Args:
            codec: of the data.
            own: whether they are the run's own held-out samples.
        """
        total, kind = self.scores["bits_per_dim"], "held-out sample" if own else "sample"
        grid = "densities in the data's own units" if codec.levels is None else f"probabilities of {codec.grid}"
        about = f"{counted(total.numel(), kind)}, {self.about}; {grid}"
        return BoundParts(total, *self.pieces, self.histogram, about)

    def _means(self) -> dict[str, Any]:
        """Return the bound and its parts for JSON."""
        names = ("prior", "steps", "decoder")
        parts = {name: pair(Estimate.of(part)) for name, part in zip(names, self.pieces, strict=True)}
        histogram = None if self.histogram is None else pair(self.histogram)
        return {
            "num": self.scores["bits_per_dim"].numel(),
            "bits_per_dim": {"total": pair(self.total), **parts, "histogram": histogram},
        }


@final
@dataclass(frozen=True, eq=False)
class HeldOutBound(ScoredBound):
    """Every term of it.

    Attributes:
        vlb: the bound and its terms.
        timesteps: the number that each step had in the schedule it was first defined in, or its time on another path,
            increasing.
        histogram: as of ``ScoredBound``.
        fractions: what the network learned of the variance, beside the best; None where it learned none, or the best is
            not known.
        maps: bits/dim of every value of each sample; None where they were not asked for.
    """

    vlb: VLB
    timesteps: list[int] | list[float]
    histogram: Estimate | None
    fractions: VarianceFractions | None = None
    maps: NDArray[np.float32] | None = None

    @property
    def scores(self) -> dict[str, Tensor]:
        """The bound."""
        return {"bits_per_dim": self.vlb.total_bpd}

    @property
    def pieces(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sums of terms."""
        return self.vlb.prior_bpd, self.vlb.vb[:, 1:].sum(1), self.vlb.vb[:, 0]

    @property
    def about(self) -> str:
        """How long the chain is."""
        return f"bound of {counted(len(self.timesteps), 'step')}"

    @property
    def whole(self) -> "HeldOutBound":
        """Itself."""
        return self

    def to_plain(self) -> dict[str, Any]:
        """Return all terms, too."""
        vlb, terms = self.vlb, [Estimate.of(column) for column in self.vlb.vb.T]
        return self._means() | {
            "steps": len(self.timesteps),
            "terms": {
                "timesteps": self.timesteps,
                "mean": [term.mean for term in terms],
                "standard_error": [term.standard_error for term in terms],
                "xstart_mse": vlb.xstart_mse.mean(0).tolist(),
                "eps_mse": vlb.mse.mean(0).tolist(),
            },
            "variance_fractions": None if self.fractions is None else asdict(self.fractions),
        }


@final
@dataclass(frozen=True, eq=False)
class EstimatedBound(ScoredBound):
    """An estimate from a few calls of the network for each sample, without bias.

    Attributes:
        found: estimates and their variances.
        steps: of the chain whose bound it is.
        histogram: as of ``ScoredBound``.
    """

    found: SampledBound
    steps: int
    histogram: Estimate | None

    @property
    def scores(self) -> dict[str, Tensor]:
        """The bound, and the standard error that steps and noise leave."""
        return {"bits_per_dim": self.found.bits_per_dim, "standard_error": self.found.variance.sqrt()}

    @property
    def pieces(self) -> tuple[Tensor, Tensor, Tensor]:
        """Estimates of them; that of the prior is exact."""
        found = self.found
        return found.prior, found.bits_per_dim - found.prior - found.decoder, found.decoder

    @property
    def about(self) -> str:
        """How long the chain is, how many calls were made, and how far the mean of these samples is off."""
        return f"bound of {counted(self.steps, 'step')}, estimated from {self.found.cost}"

    @property
    def whole(self) -> None:
        """Nothing: most terms were not evaluated."""
        return

    def to_plain(self) -> dict[str, Any]:
        """Return the estimate of these very samples, too."""
        these = self.found.of_these
        estimate = {"calls": self.found.calls, **pair(these), "interval": list(self.found.interval(these))}
        return self._means() | {"steps": self.steps, "estimate": estimate}


def pair(estimate: Estimate) -> dict[str, float]:
    """Return an estimate for JSON."""
    return {"mean": estimate.mean, "standard_error": estimate.standard_error}
