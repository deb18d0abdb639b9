"""This project, in two number formats."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from idm.bench.entrants.base import NUM_TIMESTEPS, Entrant
from idm.bench.harness import Contestant
from idm.bench.sizes import Configuration, our_unet
from idm.core.types import Network
from idm.data import Codec, Dataset, Indices, Samples, Source
from idm.diffusion import GaussianDiffusion, LossType, ModelVarType
from idm.experiment.acceleration import in_precision
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule, spaced
from idm.timesteps import UniformTimesteps
from idm.training import TrainingSettings, TrainStep
from idm.training.ema import Averages, ConstantRate
from idm.training.gradients import gradient_norm
from idm.training.meter import LossMeter
from idm.training.optimizer import make_optimizer

DIFFUSION = GaussianDiffusion(
    cosine_schedule(NUM_TIMESTEPS), model_var_type=ModelVarType.LEARNED_RANGE, loss_type=LossType.RESCALED_MSE
)
NUM_IMAGES = 256


def short_chain(steps: int) -> GaussianDiffusion:
    """Return the process that takes so many of the steps."""
    return DIFFUSION.respace(spaced(NUM_TIMESTEPS, steps))


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


@dataclass(frozen=True)
class Ours(Entrant):
    """This project: what ``idm train`` and ``idm sample`` do, without files, logs and pictures.

    Attributes:
        precision: number format, by its name in settings.
        checkpoint_levels: levels of the network that store no activations for the backward pass.
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    checkpoint_levels: int = 0

    def checkpointed(self, levels: int) -> "Ours":
        """The same with so many levels checkpointed."""
        return replace(self, checkpoint_levels=levels)

    def require(self) -> None:
        """Need nothing."""

    def network(self, config: Configuration) -> nn.Module:
        """Build our U-Net."""
        return our_unet(config, checkpoint_levels=self.checkpoint_levels)

    def predictor(self, network: nn.Module) -> Callable[[Tensor, Tensor], object]:
        """Return the network in its number format."""
        return self.model(network)

    def model(self, network: nn.Module) -> Network:
        """Return the network in its number format."""
        return in_precision(network, self.precision)

    def training_step(self, config: Configuration, batch: int) -> Contestant:
        """Hybrid loss with a learned variance; fused AdamW."""
        network, numbers, device = self.network(config).train(), count(), torch.device("cpu")
        settings = self.settings(batch)
        images = RandomImages(config)
        dataset = Dataset(images, Codec.fit(images), np.arange(NUM_IMAGES))
        timesteps, meter = UniformTimesteps(NUM_TIMESTEPS), LossMeter(NUM_TIMESTEPS, device)
        step = TrainStep(self.model(network), DIFFUSION, timesteps, dataset, settings, seed=0, device=device)
        optimizer = make_optimizer(network.parameters(), settings)
        ema = Averages(network.state_dict(keep_vars=True), [ConstantRate(rate) for rate in settings.ema_rates])

        def update() -> None:
            step.accumulate_gradients(next(numbers), meter)
            gradient_norm(optimizer.param_groups[0]["params"], settings.clip_grad_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            ema.update()

        return update

    def settings(self, batch: int) -> TrainingSettings:
        """Return the settings of training with batches of that size."""
        return TrainingSettings(batch_size=batch, precision=self.precision)

    def ddpm(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """Ancestral sampling."""
        return self._chain(SamplerDDPM(short_chain(steps)), config, batch)

    def ddim(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """DDIM with eta = 0."""
        return self._chain(SamplerDDIM(short_chain(steps)), config, batch)

    def _chain(self, sampler: Sampler, config: Configuration, batch: int) -> Contestant:
        model = self.model(our_unet(config).eval().requires_grad_(False))
        noise = config.data(batch)
        return lambda: sampler.sample(model, noise.shape, noise=noise)


OUR_FLOAT32 = Ours("idm float32")
OUR_BFLOAT16 = Ours("idm bfloat16", torch.bfloat16, precision="bfloat16")
