"""What a run writes down: losses by noise level, and a line of metrics.jsonl at every log interval."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idm.diffusion import LossTerms

NUM_QUARTILES = 4


class LossMeter:
    """Sums unweighted losses on the device, in all and by quartile of t; quartile 0 is the least noisy."""

    def __init__(self, num_timesteps: int, device: torch.device) -> None:
        """Start empty."""
        self.num_timesteps = num_timesteps
        self._device = device
        self._sums: dict[str, Tensor] = {}
        self._counts = torch.zeros(NUM_QUARTILES, device=device)

    def add(self, t: Tensor, terms: LossTerms) -> None:
        """Count the losses of a batch whose steps are ``t``."""
        quartile = t * NUM_QUARTILES // self.num_timesteps
        self._counts.index_add_(0, quartile, torch.ones_like(quartile, dtype=torch.float32))
        for name, values in (("loss", terms.loss), ("mse", terms.mse), ("vb", terms.vb)):
            if values is not None:
                sums = self._sums.setdefault(name, torch.zeros(NUM_QUARTILES, device=self._device))
                sums.index_add_(0, quartile, values.detach().float())

    def read(self) -> dict[str, float]:
        """Return the means since the last call and start anew; quartiles without samples are left out."""
        counts = self._counts.tolist()
        means: dict[str, float] = {}
        for name, tensor in self._sums.items():
            sums = tensor.tolist()
            means[name] = sum(sums) / max(sum(counts), 1.0)
            for i, (total, count) in enumerate(zip(sums, counts, strict=True)):
                if count:
                    means[f"{name}_q{i}"] = total / count
            tensor.zero_()
        self._counts.zero_()
        return means


class MetricsFile:
    """An append-only file of JSON lines; a resumed run first drops what came after its checkpoint."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """Open ``path`` and keep its first ``length`` bytes."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, min(length, path.stat().st_size))

    @property
    def length(self) -> int:
        """Size in bytes."""
        return self.path.stat().st_size

    def append(self, row: dict[str, Any]) -> None:
        """Write one line."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
