"""Our optimiser step as the trainer makes it, on random images; nothing is written, logged or shown."""

from itertools import count

import numpy as np
import torch
from torch import nn

from idm.bench.harness import Contestant
from idm.bench.sizes import Configuration
from idm.data import Dataset, Indices, Samples, Source
from idm.diffusion import GaussianDiffusion
from idm.run.acceleration import for_training
from idm.timesteps import UniformTimesteps
from idm.training import TrainingSettings, TrainStep
from idm.training.spread import Alone
from idm.training.state import TrainingState
from idm.training.update import optimiser_step

NUM_IMAGES = 256


class RandomImages(Source):
    """Images of random pixels, kept in memory."""

    def __init__(self, config: Configuration) -> None:
        """Draw the pixels from one seed."""
        self.shape, self.dtype = (config.channels, config.size, config.size), np.dtype(np.uint8)
        self.labels, self.class_names, self.levels, self.note = None, None, 256, "random pixels"
        self._pixels = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, *self.shape), dtype=np.uint8)

    def __len__(self) -> int:
        """Return the number of images."""
        return NUM_IMAGES

    def read(self, indices: Indices) -> Samples:
        """Return images [n, c, h, w]."""
        return self._pixels[indices]


def own_step(
    network: nn.Module,
    diffusion: GaussianDiffusion,
    settings: TrainingSettings,
    dataset: Dataset,
    device: torch.device,
) -> Contestant:
    """Return one step of training: batch, loss, gradients, clipping, guarded update, averages.

    Where memory is short it fails: unlike in a run, batches are not split, which would be other work.

    Args:
        network: what is trained, on the device.
        diffusion: the process.
        settings: how training goes.
        dataset: what is trained on.
        device: where it computes.
    """
    spread, numbers = Alone(network.train()), count()
    model, timesteps = for_training(spread.model, settings), UniformTimesteps(diffusion.num_timesteps)
    step = TrainStep(model, diffusion, timesteps, dataset, settings, seed=0, device=device)
    state = TrainingState.new(spread, step, settings)

    def update() -> None:
        optimiser_step(step, state, next(numbers))
        if state.guard.full:
            state.guard.read()  # as a run does, though it logs before that

    return update
