"""One optimiser step's gradient, as a function of (seed, step) and the state of network and timestep sampler."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from idm.core.ranks import Ranks
from idm.core.rng import Rng, derive_seed
from idm.core.signals import at_once
from idm.core.tensors import append_dims
from idm.core.types import Network
from idm.data import Dataset, Indices, batch_indices, with_epochs
from idm.data.reading.loader import Batches
from idm.diffusion import GaussianDiffusion, LossTerms
from idm.networks.needs import CONDITION, MeanOf
from idm.schedules import Level
from idm.timesteps import Drawn, LevelSampler
from idm.training.loss_scale import UNSCALED, LossScale
from idm.training.memory import MicroBatches, is_out_of_memory
from idm.training.meter import LossMeter
from idm.training.settings import TrainingSettings
from idm.training.spread import Spread
from idm.training.told import Given, as_labels


@dataclass(frozen=True, eq=False)
class BatchLoss:
    """What a step is judged by.

    Attributes:
        loss: weighted mean loss of the whole batch, on the device, without gradient [].
        t: steps of the chain that the whole batch was trained on, or the nearest ones, on the host [b].
    """

    loss: Tensor
    t: Tensor


@dataclass(frozen=True, eq=False)
class _Share:
    """This process's share of a batch, on the device."""

    x_start: Tensor
    labels: Tensor | None
    at: Level
    t: Tensor
    importance: Tensor
    noise: Tensor
    seeds: Tensor
    given: Given

    def level(self, part: slice) -> Level:
        """Return the levels of some of the samples."""
        return self.at.map(lambda values: values[part])

    def kwargs(self, part: slice, *, dropout: bool) -> dict[str, Tensor]:
        """Return the conditioning of some of the samples."""
        labels = {} if self.labels is None else self.given(self.labels[part])
        return {**labels, **({"dropout_seeds": self.seeds[part]} if dropout else {})}


class TrainStep:
    """Draws a batch, accumulates its gradients, and tells the timestep sampler and the meter.

    Image j of step s is drawn at position p = s * batch_size + j; its t, noise, label dropout and dropout are
    functions of (seed, p), whatever the micro-batches and processes are. A process trains on its share of every batch.
    """

    def __init__(
        self,
        network: Network,
        diffusion: GaussianDiffusion,
        timesteps: LevelSampler,
        dataset: Dataset,
        settings: TrainingSettings,
        *,
        seed: int,
        device: torch.device,
        without: Callable[[Tensor], Tensor] | None = None,
        given: Given = as_labels,
        mean: MeanOf | None = None,
        ranks: Ranks | None = None,
        dtype: torch.dtype = torch.float32,
        seeded_dropout: bool = False,
    ) -> None:
        """Hold what every step needs.

        Args:
            network: what is called.
            diffusion: the process.
            timesteps: which levels to train on.
            dataset: the training samples.
            settings: how training goes.
            seed: seed of every draw.
            device: where the network is.
            without: returns what the network is told of the same samples where labels are dropped; None: none are.
            given: arguments of the network for labels, or conditions, of the samples.
            mean: finds the mean of samples given their conditions, which is taken off them; None: nothing is.
            ranks: the processes, which share every batch out; None: there is one.
            dtype: format of data, noise and losses.
            seeded_dropout: give the network a seed per sample, ``dropout_seeds``; otherwise what it drops, if anything,
                depends on how batches are split.
        """
        self.network, self.diffusion, self.timesteps, self.dataset = network, diffusion, timesteps, dataset
        self.settings, self.seed, self.device, self._without = settings, seed, device, without
        self.ranks, self.dtype, self.seeded_dropout = ranks or Ranks(), dtype, seeded_dropout
        self._given, self._mean = given, mean
        self.micro_batches = MicroBatches(settings.batch_size, settings.micro_batch_size, self.ranks.size)
        self._base = derive_seed(seed, "training")
        # The same places of every batch: what an image is given depends on its place, not on who trains on it.
        self._mine = self.ranks.share(settings.batch_size)
        self._batches: Batches | None = None
        self._next_step, self._waited = -1, 0.0

    def accumulate_gradients(
        self, step: int, spread: Spread, meter: LossMeter, scale: LossScale = UNSCALED
    ) -> BatchLoss:
        """Add the gradient of the mean weighted loss of the batch of ``step``, scaled, to the parameters' gradients.

        Args:
            step: whose data are drawn.
            spread: the network whose gradients they are.
            meter: is told the losses.
            scale: what the loss is multiplied by.

        Raises:
            ProcessError: out of memory at a single image, in a run; elsewhere, out of memory is torch's own error.
        """
        size = self.settings.batch_size
        seeds = self._base + torch.arange(step * size, (step + 1) * size)
        # On the host, where histories of losses are kept.
        drawn = self.timesteps.draw_levels(Rng(seeds), 0, self.diffusion.grid)
        share = self._share(step, seeds, drawn)
        terms, total = self._fitting_backward(step, share, spread, scale)
        meter.add(share.t, terms)
        # Every process has the whole history of losses, so that all of them draw the same levels.
        if self.timesteps.learns:
            losses = torch.zeros(size, device=self.device, dtype=terms.loss.dtype)
            losses[self._mine] = terms.loss
            self.timesteps.update(drawn, self.ranks.sum(losses))
        return BatchLoss(self.ranks.sum(total), drawn.t)

    def samples(self, step: int) -> list[int]:
        """Return the numbers, among the training samples, of the batch of ``step``."""
        return batch_indices(self.seed, step, self.settings.batch_size, len(self.dataset)).tolist()

    def seconds_waited(self) -> float:
        """Return for how many seconds data were not there when they were wanted, since the last call."""
        waited, self._waited = self._waited, 0.0
        return waited + (0.0 if self._batches is None else self._batches.seconds_waited())

    def _fitting_backward(self, step: int, share: _Share, spread: Spread, scale: LossScale) -> tuple[LossTerms, Tensor]:
        """Go back and forth, with smaller micro-batches where memory is short."""
        while True:
            try:
                return self._backward(step, share, spread, scale)
            except RuntimeError as error:
                if not self.micro_batches.may_shrink or not is_out_of_memory(error):
                    raise
                self.micro_batches.shrink(self.ranks)
            spread.drop_gradients()  # outside of the handler, whose traceback holds tensors

    def _backward(self, step: int, share: _Share, spread: Spread, scale: LossScale) -> tuple[LossTerms, Tensor]:
        """Go back and forth through the network, one micro-batch after the other."""
        # Of the step alone, so that a retry drops what the first try dropped.
        self._seed_dropout(derive_seed(self.seed, "dropout", step))
        found: list[LossTerms] = []
        total = torch.zeros((), device=self.device, dtype=self.dtype)
        parts = self.micro_batches.parts(len(share.t))
        for i, part in enumerate(parts, start=1):
            with spread.accumulating(last=i == len(parts)):
                kwargs, at = share.kwargs(part, dropout=self.seeded_dropout), share.level(part)
                terms = self.diffusion.training_losses(
                    self.network, self._seen(share, part), at, noise=share.noise[part], model_kwargs=kwargs
                )
                # The mean over the whole batch, of which this is a part: parts add up to it, whatever their sizes are.
                loss = (terms.loss * share.importance[part]).sum() / self.settings.batch_size
                scale.scaled(loss * self.ranks.size).backward()  # gradients are averaged over the processes
            total += loss.detach()
            found.append(terms)
        return LossTerms.concatenate(found), total

    def _seed_dropout(self, seed: int) -> None:
        """Seed what layers draw from that are given no seeds; of other devices only where training is on one.

        ``torch.manual_seed`` notes where it was called for a CUDA that never comes, which takes milliseconds.
        """
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _share(self, step: int, seeds: Tensor, drawn: Drawn) -> _Share:
        # All levels were drawn, which costs nothing; from here on only this process's samples are looked at.
        rng = Rng(self._on_device(seeds[self._mine]))
        x_start, labels = self._batch(step, rng)
        if self.diffusion.needs_steps:
            self.diffusion.grid.places_of(drawn.at.time)  # refuses what lies between, here where the host can see it
        alpha, sigma = (values.to(self.dtype) for values in (drawn.at.alpha, drawn.at.sigma))
        at = Level(alpha, sigma, drawn.at.time).map(
            lambda values: append_dims(self._on_device(values[self._mine]), x_start.ndim)
        )
        t, importance = self._on_device(drawn.t[self._mine]), self._on_device(drawn.importance[self._mine])
        noise = rng.normal("noise", 0, x_start.shape[1:], self.dtype)
        return _Share(x_start, labels, at, t, importance, noise, rng.seeds, self._given)

    def _batch(self, step: int, rng: Rng) -> tuple[Tensor, Tensor | None]:
        with at_once() if self.ranks.size == 1 else nullcontext():  # of several, all stop after the same step
            x_start, labels = next(self._batches_from(step))
        self._next_step = step + 1
        x_start = self._on_device(x_start).to(self.dtype)
        if labels is None:
            return x_start, None
        labels = self._on_device(labels)
        # Not told the class now and then, the network learns to do without, which guidance needs.
        if self._without is not None:
            dropped = rng.uniform("label dropout").flatten() < self.settings.label_dropout
            labels = torch.where(append_dims(dropped, labels.ndim), self._without(labels), labels)
        return x_start, labels

    def _seen(self, share: _Share, part: slice) -> Tensor:
        """Return some of the samples as the network sees them: without the mean that is known of them."""
        x_start = share.x_start[part]
        if self._mean is None or share.labels is None:
            return x_start
        return x_start - self._mean(self._given(share.labels[part])[CONDITION], self.dataset.shape)

    def _batches_from(self, step: int) -> Batches:
        if self._batches is not None and step == self._next_step:
            return self._batches
        # Another order than was read ahead, as after going back: the reader starts anew, and its waiting still counts.
        self._waited = self.seconds_waited()
        if self._batches is not None:
            self._batches.close()
        self._batches = self.dataset.batches(self._order(s) for s in count(step))
        return self._batches

    def _order(self, step: int) -> Indices:
        # With the epoch beside the number, on which random crops depend.
        size, total = self.settings.batch_size, len(self.dataset)
        return with_epochs(batch_indices(self.seed, step, size, total), step, total)[self._mine]

    def _on_device(self, x: Tensor) -> Tensor:
        """Copy from the host without waiting for the device, which takes pinned memory."""
        return (x.pin_memory() if self.device.type == "cuda" else x).to(self.device, non_blocking=True)
