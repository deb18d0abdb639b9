"""Results of scoring: bounds and recognition, as values and as what JSON can hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idm.likelihood import VLB, Estimate, FlowLikelihood, SampledBound
from idm.metrics import FeatureExtractor, Figure, LevelScores, Values, worse_than_chance
from idm.metrics.recognition import OF_HELD_OUT, RECOGNISED
from idm.run.continuous import continuous_to_plain
from idm.run.flows import flow_to_plain
from idm.run.held_out_bounds import HeldOutBound, ScoredBound, pair
from idm.run.levels import levels_to_plain
from idm.run.opened import Opened
from idm.samplers import Sampler


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
        maps: of every value of each sample, in the order of axes of the data, with a mean that is its score; None where
            they were not asked for.
    """

    bits_per_dim: NDArray[np.float64]
    vlb: VLB
    maps: NDArray[np.float32] | None = None

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
        scored: the bound of the data that were scored, term by term or estimated; None where no metric needs it.
        figures: what each metric found.
        about: which run was asked what: checkpoint, step, seed, data, levels, grid.
        sampler: what drew the samples; None where none were drawn.
        num_samples: how many were drawn.
        features: what was compared of samples.
        flow: likelihoods by the probability flow; None where no metric needs them.
        levels: errors over noise levels; None where no metric needs them.
        continuous: the bound in continuous time; None where no metric needs it.
    """

    scored: ScoredBound | None
    figures: Mapping[str, Sequence[Figure]]
    about: dict[str, Any]
    sampler: Sampler | None = None
    num_samples: int = 0
    features: FeatureExtractor = field(default_factory=Values)
    flow: FlowLikelihood | None = None
    levels: LevelScores | None = None
    continuous: SampledBound | None = None

    @property
    def scores(self) -> dict[str, Tensor]:
        """What is known of each sample that was scored [n], by name."""
        flow = {} if self.flow is None else {"flow_bits_per_dim": self.flow.bits_per_dim}
        endless = {} if self.continuous is None else {"continuous_bits_per_dim": self.continuous.bits_per_dim}
        return ({} if self.scored is None else self.scored.scores) | endless | flow

    @property
    def bound(self) -> HeldOutBound | None:
        """The bound with all of its terms; None where there is none, or where it was estimated."""
        return None if self.scored is None else self.scored.whole

    @property
    def maps(self) -> NDArray[np.float32] | None:
        """Bits/dim of every value of each held-out sample, as of ``Scores``; None where they were not asked for."""
        return None if self.bound is None else self.bound.maps

    def __getitem__(self, name: str) -> Figure:
        """Return the figure of that name, such as "total" or "recognised".

        Raises:
            KeyError: no metric that was measured has it.
        """
        return self._by_name[name]

    def __repr__(self) -> str:
        """First figure of each metric in a line."""
        return (
            f"Evaluation({'; '.join(f'{rows[0].name} {rows[0].in_words()}' for rows in self.figures.values() if rows)})"
        )

    @property
    def _by_name(self) -> dict[str, Figure]:
        return {figure.name: figure for figures in self.figures.values() for figure in figures}

    @property
    def worse_than_chance(self) -> list[str] | None:
        """Names of figures that are worse than real data have them, see there; None where no figure has a null."""
        compared = [figure for figure in self._by_name.values() if figure.null is not None]
        return [figure.name for figure in worse_than_chance(compared)] if compared else None

    @property
    def recognition(self) -> Recognition | None:
        """What a classifier makes of samples; None where it was not asked."""
        if RECOGNISED not in (known := self._by_name):
            return None
        samples, real = (Estimate(known[name].value, known[name].standard_error) for name in (RECOGNISED, OF_HELD_OUT))
        return Recognition(samples, real, self.num_samples)

    @property
    def in_words(self) -> dict[str, str]:
        """Every figure in a line, by name; and those that are worse than chance, where there are nulls."""
        rows = {figure.name: figure.in_words() for figures in self.figures.values() for figure in figures}
        if (worse := self.worse_than_chance) is not None:
            rows["worse"] = f"than chance explains, by all figures together: {', '.join(worse) or 'none'}"
        return rows

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, as ``idm evaluate`` writes them; numbers that are not finite among them."""
        plain = self.about | ({} if self.scored is None else self.scored.to_plain())
        if self.flow is not None:
            plain["flow"] = flow_to_plain(self.flow)
        if self.continuous is not None:
            plain["continuous"] = continuous_to_plain(self.continuous)
        if self.levels is not None:
            plain["levels_of_noise"] = levels_to_plain(self.levels)
        found, sampler = self.recognition, self.sampler
        if sampler is not None:
            how: dict[str, Any] = {"sampler": type(sampler).__name__}
            how |= {"sampler_steps": sampler.diffusion.num_timesteps, "sampler_calls": sampler.num_calls}
            if found is not None:
                shares = {"samples": pair(found.samples), "held_out": pair(found.real)}
                plain["classifier"] = how | {"num": found.num} | shares
            told = {"name": self.features.name, "version": self.features.version, "sha256": self.features.sha256}
            plain |= {"samples": how | {"num": self.num_samples}, "features": told}
        rows = {name: [figure.to_plain() for figure in figures] for name, figures in self.figures.items()}
        return plain | {"metrics": rows, "worse_than_chance": self.worse_than_chance}


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
