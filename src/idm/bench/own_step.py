"""Our optimiser step as the trainer makes it; nothing is written, logged or shown."""

from itertools import count

import torch
from torch import nn

from idm.bench.harness import Contestant
from idm.data import Dataset
from idm.diffusion import GaussianDiffusion
from idm.networks.needs import mean_of_network
from idm.run.acceleration import for_training
from idm.timesteps import UniformTimesteps
from idm.training import TrainingSettings, TrainStep
from idm.training.spread import Alone
from idm.training.state import TrainingState
from idm.training.told import Given, as_labels
from idm.training.update import optimiser_step


def own_step(
    network: nn.Module,
    diffusion: GaussianDiffusion,
    settings: TrainingSettings,
    dataset: Dataset,
    device: torch.device,
    given: Given = as_labels,
) -> Contestant:
    """Return one step of training: batch, loss, gradients, clipping, guarded update, averages.

    Where memory is short it fails: unlike in a run, batches are not split, which would be other work.

    Args:
        network: what is trained, on the device.
        diffusion: the process.
        settings: how training goes.
        dataset: what is trained on.
        device: where it computes.
        given: as of ``TrainStep``.
    """
    spread, numbers, mean = Alone(network.train()), count(), mean_of_network(network)
    in_training, timesteps = for_training(spread.training_network, settings), UniformTimesteps(diffusion.num_timesteps)
    step = TrainStep(
        in_training, diffusion, timesteps, dataset, settings, seed=0, device=device, given=given, mean=mean
    )
    state = TrainingState.new(spread, step, settings)

    def update() -> None:
        optimiser_step(step, state, next(numbers))
        if state.guard.full:
            state.guard.read()  # as a run does, though it logs before that

    return update
