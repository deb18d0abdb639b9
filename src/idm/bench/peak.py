"""The machine's own limit: the fastest convolutions and matrix products that torch does in this process."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)

from idm.bench.harness import Clock, undisturbed

FORMATS = (torch.float32, torch.bfloat16)
WARMUP_CALLS, TIMED_CALLS = 2, 5


@dataclass(frozen=True)
class Convolution:
    """A 3 x 3 convolution of a U-Net: images, channels kept, height and width."""

    batch: int
    channels: int
    size: int

    @property
    def flops(self) -> int:
        """Operations of a call, 2 per multiply-add, the zeros around the image counted like the rest."""
        return 2 * 9 * self.batch * (self.channels * self.size) ** 2


CONVOLUTIONS = (
    Convolution(16, 64, 32),
    Convolution(16, 128, 16),
    Convolution(16, 128, 8),
    Convolution(4, 128, 64),
    Convolution(4, 256, 32),
    Convolution(4, 384, 16),
    Convolution(4, 512, 8),
)
MATRICES = (1024, 2048)
"""Heights and widths of square matrices."""


@dataclass(frozen=True)
class Peak:
    """The most operations per second in one number format.

    Attributes:
        convolution: of 3 x 3 convolutions.
        convolution_at: the shape and layout that reached it.
        matmul: of square matrix products.
    """

    convolution: float
    convolution_at: str
    matmul: float


def measure_peak(
    dtype: torch.dtype,
    convolutions: Sequence[Convolution] = CONVOLUTIONS,
    matrices: Sequence[int] = MATRICES,
    clock: Clock | None = None,
) -> Peak:
    """Take the best over shapes of the median over calls, in operations per second."""
    clock = clock or Clock()
    rates = {
        f"{shape.channels} channels, {shape.size} x {shape.size}, batch {shape.batch}, {layout}": rate
        for shape in convolutions
        for layout, rate in _convolution_rates(shape, dtype, clock)
    }
    best = max(rates, key=lambda name: rates[name])
    return Peak(rates[best], best, max(_matmul_rate(size, dtype, clock) for size in matrices))


def _convolution_rates(shape: Convolution, dtype: torch.dtype, clock: Clock) -> Iterator[tuple[str, float]]:
    """Name each memory layout, with its operations per second."""
    x = torch.randn(shape.batch, shape.channels, shape.size, shape.size).to(dtype)
    weight = torch.randn(shape.channels, shape.channels, 3, 3).to(dtype)
    for name, layout in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
        inputs = x.contiguous(memory_format=layout), weight.contiguous(memory_format=layout)
        yield name, shape.flops / _seconds(lambda inputs=inputs: F.conv2d(*inputs, padding=1), clock)


def _matmul_rate(size: int, dtype: torch.dtype, clock: Clock) -> float:
    a, b = torch.randn(2, size, size).to(dtype)
    return 2 * size**3 / _seconds(lambda: a @ b, clock)


def _seconds(call: Callable[[], object], clock: Clock) -> float:
    """Median time of a call."""
    with torch.no_grad():
        for _ in range(WARMUP_CALLS):
            call()
        return statistics.median(undisturbed(call, clock)[0] for _ in range(TIMED_CALLS))


def measure_peaks(clock: Clock | None = None) -> dict[torch.dtype, Peak]:
    """Measure every number format that takes part."""
    return {dtype: measure_peak(dtype, clock=clock) for dtype in FORMATS}


def in_words(dtype: torch.dtype, peak: Peak) -> str:
    """Say what was measured in a line."""
    name = str(dtype).removeprefix("torch.")
    return (
        f"{name}: {peak.convolution / 1e9:,.0f} GFLOP/s in 3 x 3 convolutions ({peak.convolution_at}), "
        f"{peak.matmul / 1e9:,.0f} in matrix products"
    )
