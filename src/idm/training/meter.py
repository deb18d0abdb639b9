"""The losses of the steps between two lines of metrics.jsonl, in all and by noise level."""

import torch
from torch import Tensor

from idm.core.ranks import Ranks
from idm.diffusion import LossTerms

NUM_QUARTILES = 4

ALONE = Ranks()

SUMS = ({"sums/loss"}, {"sums/loss", "sums/mse"}, {"sums/loss", "sums/vb"}, {"sums/loss", "sums/mse", "sums/vb"})
"""Losses that are counted together."""


class LossMeter:
    """Sums unweighted losses on the device, in all and by quartile of t; quartile 0 is the least noisy.

    Every process counts its own samples; what is read or saved is the sum, so all of them must call that.
    """

    def __init__(self, num_timesteps: int, device: torch.device) -> None:
        """Start empty."""
        self.num_timesteps, self._device = num_timesteps, device
        self._sums: dict[str, Tensor] = {}
        self._counts = torch.zeros(NUM_QUARTILES, device=device)

    def add(self, t: Tensor, terms: LossTerms) -> None:
        """Count the losses of a batch whose steps are ``t``; samples whose loss is not finite are left out."""
        quartile = t * NUM_QUARTILES // self.num_timesteps
        finite = torch.isfinite(terms.loss)
        self._counts.index_add_(0, quartile, finite.float())
        for name, values in (("loss", terms.loss), ("mse", terms.mse), ("vb", terms.vb)):
            if values is not None:
                sums = self._sums.setdefault(name, torch.zeros(NUM_QUARTILES, device=self._device))
                sums.index_add_(0, quartile, values.detach().float().where(finite, 0.0))

    def read(self, ranks: Ranks = ALONE) -> dict[str, float]:
        """Return the means since the last call and start anew; quartiles without samples are left out."""
        rows = self._totals(ranks)
        counts = rows.pop("counts").tolist()
        means: dict[str, float] = {}
        for name, tensor in rows.items():
            sums = tensor.tolist()
            means[name] = sum(sums) / max(sum(counts), 1.0)
            for i, (total, count) in enumerate(zip(sums, counts, strict=True)):
                if count:
                    means[f"{name}_q{i}"] = total / count
        for tensor in (self._counts, *self._sums.values()):
            tensor.zero_()
        return means

    def state(self, ranks: Ranks = ALONE) -> dict[str, Tensor]:
        """Return the sums since the last ``read``, as a checkpoint holds them."""
        totals = self._totals(ranks)
        return {"counts": totals.pop("counts"), **{f"sums/{name}": tensor for name, tensor in totals.items()}}

    def load_state(self, state: dict[str, Tensor], ranks: Ranks = ALONE) -> None:
        """Restore what ``state`` returned.

        Raises:
            ValueError: sums of another kind.
        """
        if state.keys() not in ({"counts"}, *({"counts", *names} for names in SUMS)) or any(
            value.shape != self._counts.shape for value in state.values()
        ):
            raise ValueError(f"meter: sums by quartile wanted, got {', '.join(state)}")
        own = 1.0 if ranks.is_main else 0.0  # the sum over all processes is what was saved
        self._counts = state["counts"].to(self._device, copy=True).mul_(own)
        sums = {name.removeprefix("sums/"): tensor for name, tensor in state.items() if name != "counts"}
        self._sums = {name: tensor.to(self._device, copy=True).mul_(own) for name, tensor in sums.items()}

    def _totals(self, ranks: Ranks) -> dict[str, Tensor]:
        rows = ranks.sum(torch.stack([self._counts, *self._sums.values()]))
        return dict(zip(("counts", *self._sums), rows, strict=True))
