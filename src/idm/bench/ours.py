"""This project, in two number formats."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from idm.bench.entrant import CLIP_GRAD_NORM, LEARNING_RATE, NUM_TIMESTEPS, Entrant
from idm.bench.harness import Contestant
from idm.bench.own_step import own_step
from idm.bench.random_data import RandomData
from idm.bench.sizes import Configuration, our_unet
from idm.core.types import Network
from idm.data import Codec, Dataset
from idm.diffusion import GaussianDiffusion, LossType, ModelVarType
from idm.run.acceleration import in_precision
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule, spaced
from idm.training import TrainingSettings

DIFFUSION = GaussianDiffusion(
    cosine_schedule(NUM_TIMESTEPS), model_var_type=ModelVarType.LEARNED_RANGE, loss_type=LossType.RESCALED_MSE
)


def short_chain(steps: int) -> GaussianDiffusion:
    """Return the process that takes that number of the steps, evenly."""
    return DIFFUSION.respace(spaced(NUM_TIMESTEPS, steps))


@dataclass(frozen=True)
class Ours(Entrant):
    """This project: what ``idm train`` and ``idm sample`` do, without files, logs and pictures.

    Attributes:
        precision: number format, by its name in settings.
        checkpoint_stages: stages of the network that store no activations for the backward pass.
        compiled: whether torch.compile translates training steps.
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    checkpoint_stages: int = 0
    compiled: bool = False

    def checkpointed(self, stages: int) -> "Ours":
        """The same with another number of stages checkpointed."""
        return replace(self, checkpoint_stages=stages)

    def network(self, config: Configuration) -> nn.Module:
        """Build our U-Net."""
        return our_unet(config, checkpoint_stages=self.checkpoint_stages).to(self.device)

    def predictor(self, network: nn.Module) -> Callable[[Tensor, Tensor], object]:
        """Return the network in its number format."""
        return self.in_format(network)

    def in_format(self, network: nn.Module) -> Network:
        """Return the network in its number format."""
        return in_precision(network, self.precision)

    def training_step(self, config: Configuration, batch: int) -> Contestant:
        """Hybrid loss with a learned variance, as ``idm train`` does it."""
        source = RandomData.images(config)
        dataset = Dataset(source, Codec.fit(source), np.arange(len(source)))
        return own_step(self.network(config), DIFFUSION, self.settings(batch), dataset, self.device)

    def settings(self, batch: int) -> TrainingSettings:
        """Return the settings of training with batches of that size, and one average as the others have."""
        return TrainingSettings(
            batch_size=batch,
            learning_rate=LEARNING_RATE,
            clip_grad_norm=CLIP_GRAD_NORM,
            posthoc_sigma_rels=(),
            precision=self.precision,
            compile=self.compiled,
        )

    def ddpm(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """Ancestral sampling."""
        return self._chain(SamplerDDPM(short_chain(steps)), config, batch)

    def ddim(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """DDIM with eta = 0."""
        return self._chain(SamplerDDIM(short_chain(steps)), config, batch)

    def _chain(self, sampler: Sampler, config: Configuration, batch: int) -> Contestant:
        network = self.in_format(self.network(config).eval().requires_grad_(False))
        noise = self.data(config, batch)
        return lambda: sampler.sample(network, noise.shape, noise=noise)


OUR_FLOAT32 = Ours("idm float32")
OUR_BFLOAT16 = Ours("idm bfloat16", torch.bfloat16, precision="bfloat16")
OURS = (OUR_FLOAT32, OUR_BFLOAT16)
