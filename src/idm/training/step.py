"""One optimiser step, as a function of (seed, step) and the state of network and optimiser."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from idm.core.rng import Rng, derive_seed
from idm.core.types import Network
from idm.data import Batch, Dataset, batch_indices, with_epochs
from idm.diffusion import GaussianDiffusion
from idm.timesteps import TimestepSampler
from idm.training.meter import LossMeter
from idm.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class BatchLoss:
    """What a step is judged by.

    Attributes:
        loss: weighted mean loss of the batch, on the device, without gradient [].
        t: steps of the chain that the batch was trained on [b].
    """

    loss: Tensor
    t: Tensor


class TrainStep:
    """Draws a batch, accumulates its gradients, and tells the timestep sampler and the meter.

    Image j of step s is drawn at position p = s * batch_size + j; its t, noise and label dropout are
    functions of (seed, p), whatever the micro-batches are.
    """

    def __init__(
        self,
        network: Network,
        diffusion: GaussianDiffusion,
        timesteps: TimestepSampler,
        dataset: Dataset,
        settings: TrainingSettings,
        *,
        seed: int,
        device: torch.device,
        null_label: int | None = None,
    ) -> None:
        """Hold what every step needs; ``null_label`` stands for no class where labels are dropped."""
        self.network, self.diffusion, self.timesteps, self.dataset = network, diffusion, timesteps, dataset
        self.settings, self.seed, self.device, self.null_label = settings, seed, device, null_label
        self._base = derive_seed(seed, "training")
        self._batches: Iterator[Batch] = iter(())
        self._next_step = -1

    def accumulate_gradients(self, step: int, meter: LossMeter) -> BatchLoss:
        """Add the gradient of the mean weighted loss of the batch of ``step`` to the parameters' gradients."""
        size = self.settings.batch_size
        seeds = self._base + torch.arange(step * size, (step + 1) * size)
        rng = Rng(self._on_device(seeds))
        x_start, labels = self._batch(step, rng)
        host_t, importance = self.timesteps.draw(Rng(seeds), 0)  # on the host, where histories of losses are kept
        t, importance = self._on_device(host_t), self._on_device(importance)
        noise = rng.normal("noise", 0, x_start.shape[1:])
        torch.manual_seed(derive_seed(self.seed, "dropout", step))
        micro = self.settings.micro_batch_size or size
        total = torch.zeros((), device=self.device)
        for first in range(0, size, micro):
            part = slice(first, first + micro)
            kwargs = {} if labels is None else {"y": labels[part]}
            terms = self.diffusion.training_losses(
                self.network, x_start[part], t[part], noise=noise[part], model_kwargs=kwargs
            )
            loss = (terms.loss * importance[part]).sum() / size
            loss.backward()
            total += loss.detach()
            self.timesteps.update(host_t[part], terms.loss)
            meter.add(t[part], terms)
        return BatchLoss(total, t)

    def samples(self, step: int) -> list[int]:
        """Return the numbers, among the training samples, of the batch of ``step``."""
        return batch_indices(self.seed, step, self.settings.batch_size, len(self.dataset)).tolist()

    def _batch(self, step: int, rng: Rng) -> tuple[Tensor, Tensor | None]:
        if step != self._next_step:
            size, total = self.settings.batch_size, len(self.dataset)
            order = (with_epochs(batch_indices(self.seed, s, size, total), s, total) for s in count(step))
            self._batches = self.dataset.batches(order)
        x_start, labels = next(self._batches)
        self._next_step = step + 1
        x_start = self._on_device(x_start)
        if labels is None:
            return x_start, None
        labels = self._on_device(labels)
        if self.null_label is not None:
            dropped = rng.uniform("label dropout").flatten() < self.settings.label_dropout
            labels = torch.where(dropped, self.null_label, labels)
        return x_start, labels

    def _on_device(self, x: Tensor) -> Tensor:
        """Copy from the host without waiting for the device, which takes pinned memory."""
        return (x.pin_memory() if self.device.type == "cuda" else x).to(self.device, non_blocking=True)


def gradient_norm(parameters: Sequence[Tensor], largest: float) -> Tensor:
    """Norm of the whole gradient; scale the gradient down to ``largest`` where that is above 0 and exceeded."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    vectors, others = [g for g in gradients if g.ndim <= 1], [g for g in gradients if g.ndim > 1]
    if vectors:  # the many small ones as one: on a CPU every norm has a cost of its own
        others.append(torch.cat([vector.flatten() for vector in vectors]))
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(others)))  # pyright: ignore[reportPrivateImportUsage]
    if largest > 0:
        nn.utils.clip_grads_with_norm_(parameters, largest, norm)
    return norm
