"""Whether samples have the power of data at every spatial frequency: blur and grain show, whatever else is right."""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.errors import SettingsError
from idm.metrics.by_sample import Look
from idm.metrics.comparison import Comparison, Kind, Statistic
from idm.metrics.evidence import Evidence, Setup

SAMPLES_PER_CALL = 256
"""Samples that are looked at together."""

LEAST_POWER = 1e-12
"""Share of the largest power below which there is rounding alone."""


@final
@dataclass(frozen=True)
class Spectrum(Comparison):
    """Root mean square, over rings of frequencies, of the ratio of mean powers in decibels."""

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("spectrum", "difference of power over spatial frequencies, root mean square", unit="dB"),
    )
    sees: ClassVar[str] = "spectrum"
    look_reads_extremes: ClassVar[bool] = False

    def check(self, setup: Setup) -> None:
        """Refuse points."""
        super().check(setup)
        if len(setup.shape) < 2:
            raise SettingsError(
                "metrics=spectrum: samples with a spatial axis wanted, got points; leave it out of the metrics"
            )

    def look(self, evidence: Evidence) -> Look:
        """See the power of every ring."""
        return lambda of: radial_power(of.x)

    def prepare(self, pool: Float[Tensor, "N r"]) -> Statistic:
        """Compare mean powers."""
        total = pool.sum(0)
        least = max(LEAST_POWER * float(pool.mean(0).max()), torch.finfo(torch.float64).tiny)

        def compare(first: Tensor) -> list[float]:
            side, count = pool[first].sum(0), int(first.sum())
            powers = side / count, (total - side) / (len(pool) - count)
            ratio = torch.log10(powers[0].clamp(min=least) / powers[1].clamp(min=least))
            return [10.0 * float(ratio.square().mean().sqrt())]

        return compare


def radial_power(x: Float[Tensor, "n c *space"]) -> Float[Tensor, "n r"]:
    """Mean power |FFT|^2 / places of each sample over rings of frequencies, and over channels.

    Ring r has the frequencies whose distance from 0 is nearest to r, in periods along the shortest axis, up to half of
    its places; what is beyond them, in the corners, belongs to none. Ring 0 is the mean of the values.
    """
    shape = tuple(x.shape[2:])
    ring, number = _rings(shape)
    axes, places = tuple(range(2, x.ndim)), x[0, 0].numel()
    parts: list[Tensor] = []
    for part in x.to("cpu", torch.float64).split(SAMPLES_PER_CALL):
        power = (torch.fft.fftn(part, dim=axes).abs().square() / places).mean(1).flatten(1)
        sums = power.new_zeros(len(part), number).index_add_(1, ring, power)
        parts.append(sums[:, :-1] / torch.bincount(ring, minlength=number)[:-1])
    return torch.cat(parts)


def _rings(shape: tuple[int, ...]) -> tuple[Int[Tensor, " places"], int]:
    """Return the ring of every frequency, and how many there are with the one of the corners, which is the last."""
    shortest = min(shape)
    grids = torch.meshgrid(*[torch.fft.fftfreq(size, dtype=torch.float64) for size in shape], indexing="ij")
    radius = torch.stack([grid * shortest for grid in grids]).square().sum(0).sqrt()
    last = shortest // 2 + 1
    return radius.round().long().clamp(max=last).flatten(), last + 1
