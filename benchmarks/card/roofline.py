"""The card's own limits, measured in this process: matrix products, 3x3 convolutions, copies."""

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)

from card.bench import Bench

CALLS, ROUNDS = 10, 5
LARGE_MATRIX, SMALL_MATRIX = 8192, 256
LARGE_COPY, SMALL_COPY = 2**32, 2**22
"""Bytes."""
LARGE_MAPS = ((128, 128, 64), (128, 256, 32), (128, 384, 16), (128, 512, 8), (256, 512, 16))
SMALL_MAPS = ((2, 32, 16),)
"""Batch, channels, height and width."""


def roofline(bench: Bench, *, quick: bool) -> None:
    """Measure each limit as the best of several rounds of several calls, on random data."""
    limits = bench.report.limits
    n = SMALL_MATRIX if quick else LARGE_MATRIX
    a, b = (torch.randn(n, n, device=bench.device).bfloat16() for _ in range(2))
    limits["matrix product, bfloat16, FLOP/s"] = 2 * n**3 / best_seconds(bench, lambda: a @ b)
    maps = SMALL_MAPS if quick else LARGE_MAPS
    limits["3x3 convolution, bfloat16, channels_last, FLOP/s"] = max(_convolution(bench, *shape) for shape in maps)
    source = torch.ones(SMALL_COPY if quick else LARGE_COPY, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    limits["copy, bytes read and written per second"] = (
        2 * source.numel() / best_seconds(bench, lambda: target.copy_(source))
    )
    for name, value in limits.items():
        print(f"  {name}: {value / 1e12:.3g} T", flush=True)


def _convolution(bench: Bench, batch: int, channels: int, size: int) -> float:
    like: Any = {"device": bench.device, "dtype": torch.bfloat16}
    x = torch.randn(batch, channels, size, size, **like).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, 3, **like).contiguous(memory_format=torch.channels_last)
    seconds = best_seconds(bench, lambda: F.conv2d(x, weight, padding=1))
    return 2 * 9 * channels**2 * batch * size**2 / seconds


@torch.no_grad()
def best_seconds(bench: Bench, call: Callable[[], object]) -> float:
    """Seconds per call in the fastest round."""
    best = float("inf")
    for _ in range(ROUNDS + 1):
        bench.synchronize()
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        bench.synchronize()
        best = min(best, (time.perf_counter() - began) / CALLS)
    return best
