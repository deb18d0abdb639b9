"""A network of a few numbers, and everything that a step needs around it."""

import numpy as np
import pytest
import torch
from torch import nn

from idm.data import Codec, Dataset, Source
from idm.diffusion import GaussianDiffusion
from idm.schedules import cosine_schedule
from idm.timesteps import UniformTimesteps
from idm.training import TrainingSettings, TrainStep


class Small(nn.Module):
    """A linear map of x, time and label."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(4, 3)
        self.label_emb = nn.Embedding(3, 3)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x, time, /, y=None):
        output = self.map(torch.cat([x, time[:, None] / 1000], dim=1))
        return output if y is None else output + self.label_emb(y)


class Numbers(Source):
    """Twenty points of three coordinates, two classes."""

    def __init__(self):
        self.data = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(np.float32)
        self.shape, self.dtype, self.levels, self.note = (3,), self.data.dtype, None, "numbers"
        self.labels, self.class_names = np.arange(20) % 2, ("a", "b")

    def __len__(self):
        return 20

    def read(self, indices):
        return self.data[indices]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Small()


@pytest.fixture
def make_step(network):
    """Make a training step; keyword arguments are training settings."""

    def make(
        null_label=None,
        timesteps=None,
        net=network,
        *,
        ranks=None,
        dtype=torch.float32,
        seeded_dropout=False,
        **changes,
    ):
        settings = TrainingSettings(**{"num_steps": 6, "batch_size": 8, "clip_grad_norm": 0.0} | changes)
        source = Numbers()
        dataset = Dataset(source, Codec.fit(source), np.arange(20), labels=source.labels)
        diffusion = GaussianDiffusion(cosine_schedule(10))
        times = UniformTimesteps(10) if timesteps is None else timesteps
        return TrainStep(
            net,
            diffusion,
            times,
            dataset,
            settings,
            seed=3,
            device=torch.device("cpu"),
            without=None if null_label is None else lambda y: torch.full_like(y, null_label),
            ranks=ranks,
            dtype=dtype,
            seeded_dropout=seeded_dropout,
        )

    return make
