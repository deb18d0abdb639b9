"""What is timed is what training does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.bench.ours import DIFFUSION, OUR_BFLOAT16, OUR_FLOAT32
from idm.bench.own_step import own_step
from idm.bench.random_data import RandomData
from idm.bench.sizes import TINY
from idm.data import Codec, Dataset
from idm.timesteps import UniformTimesteps
from idm.training import Trainer, TrainStep
from idm.training.spread import Alone


@pytest.mark.parametrize("entrant", [OUR_FLOAT32, OUR_BFLOAT16], ids=lambda entrant: entrant.name)
def test_our_step_does_what_the_trainer_does(entrant, tmp_path):
    settings, source, device = replace(entrant.settings(4), num_steps=3), RandomData.images(TINY), torch.device("cpu")
    ours, trained = entrant.network(TINY), entrant.network(TINY)
    dataset = Dataset(source, Codec.fit(source), np.arange(len(source)))
    update = own_step(ours, DIFFUSION, settings, dataset, device)
    for _ in range(3):
        update()
    timesteps = UniformTimesteps(DIFFUSION.num_timesteps)
    step = TrainStep(entrant.in_format(trained), DIFFUSION, timesteps, dataset, settings, seed=0, device=device)
    Trainer(Alone(trained), step, tmp_path, describe=lambda averaged: {}).run()
    for name, value in trained.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name
