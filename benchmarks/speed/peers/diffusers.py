"""diffusers: its UNet2DModel of the same architecture and number of parameters, its schedulers and training recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from idm.bench.entrant import CLIP_GRAD_NORM, LEARNING_RATE, NUM_TIMESTEPS
from idm.bench.harness import Contestant
from idm.bench.sizes import NUM_HEADS, Configuration, initial_unet, randomised
from idm.core.errors import NumericalError
from idm.core.types import Network
from idm.networks import Autocast, num_parameters
from speed.peers.base import Peer

SCHEDULE = "squaredcos_cap_v2"
"""Its name of the cosine schedule."""


@dataclass(frozen=True)
class Diffusers(Peer):
    """The library of Hugging Face; in a shorter number format it computes under autocast, as ours does.

    Attributes:
        fused: whether its AdamW is the fused one, which ours is; None: as torch has it by default.
    """

    fused: bool | None = None

    def require(self) -> None:
        """Import it.

        Raises:
            ImportError: it is not installed.
        """
        import_module("diffusers")

    def network(self, config: Configuration) -> nn.Module:
        """Build its U-Net, and check that it has as many parameters as ours."""
        sizes = [config.size // 2**level for level in range(len(config.mult))]
        attends = [size in config.attention_sizes for size in sizes]
        network: nn.Module = _library().UNet2DModel(
            sample_size=config.size,
            in_channels=config.channels,
            out_channels=2 * config.channels,
            layers_per_block=config.num_res_blocks,
            block_out_channels=tuple(config.width * multiple for multiple in config.mult),
            down_block_types=tuple("AttnDownBlock2D" if here else "DownBlock2D" for here in attends),
            up_block_types=tuple("AttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attends)),
            resnet_time_scale_shift="scale_shift",
            attention_head_dim=config.width * config.mult[-1] // NUM_HEADS,
            attn_norm_num_groups=32,
            norm_eps=1e-5,
        )
        with torch.device("meta"):
            own = num_parameters(initial_unet(config))
        theirs = num_parameters(network)
        if theirs != own:
            raise NumericalError(f"{config.name}: {theirs:,} parameters in diffusers' network, {own:,} in ours")
        return randomised(network).to(self.device)

    def predictor(self, network: nn.Module) -> Callable[[Tensor, Tensor], object]:
        """Return the network in its number format."""
        return self.in_format(network)

    def in_format(self, network: nn.Module) -> Network:
        """Return the network in its number format; its own result is wrapped."""

        def unwrapped(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
            return network(x, time, **conditioning).sample

        return unwrapped if self.dtype is torch.float32 else Autocast(unwrapped, self.dtype)

    def training_step(self, config: Configuration, batch: int) -> Contestant:
        """Its recipe for unconditional images: squared error, clipping, AdamW, EMAModel; weights stay float32."""
        network = self.network(config).train()
        formatted = self.in_format(network)
        parameters = list(network.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0, fused=self.fused)
        ema = _training_utils().EMAModel(parameters)
        scheduler = _library().DDPMScheduler(NUM_TIMESTEPS, beta_schedule=SCHEDULE)
        x = self.data(config, batch).clamp(-1, 1)

        def update() -> None:
            t, noise = torch.randint(NUM_TIMESTEPS, (batch,), device=self.device), torch.randn_like(x)
            output = formatted(scheduler.add_noise(x, noise, t), t)[:, : config.channels]
            nn.functional.mse_loss(output, noise).backward()
            nn.utils.clip_grad_norm_(parameters, CLIP_GRAD_NORM)
            optimizer.step()
            optimizer.zero_grad()
            ema.step(parameters)

        return update

    def ddpm(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """Ancestral sampling with the learned variance."""
        scheduler = _library().DDPMScheduler(NUM_TIMESTEPS, beta_schedule=SCHEDULE, variance_type="learned_range")
        return self._chain(scheduler, config, batch, steps, channels=2 * config.channels)

    def ddim(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """DDIM with eta = 0."""
        scheduler = _library().DDIMScheduler(NUM_TIMESTEPS, beta_schedule=SCHEDULE)
        return self._chain(scheduler, config, batch, steps, channels=config.channels)

    def _chain(self, scheduler: Any, config: Configuration, batch: int, steps: int, *, channels: int) -> Contestant:
        """Sampling as in its pipelines; ``channels`` of the network's output are for the scheduler."""
        formatted, noise = self.in_format(self.network(config).eval()), self.data(config, batch)

        @torch.no_grad()
        def chain() -> Tensor:
            scheduler.set_timesteps(steps, device=self.device)
            x = noise
            for t in scheduler.timesteps:
                x = scheduler.step(formatted(x, t)[:, :channels], t, x).prev_sample
            return x

        return chain


def _library() -> Any:
    return import_module("diffusers")


def _training_utils() -> Any:
    return import_module("diffusers.training_utils")


DIFFUSERS = Diffusers("diffusers float32", install="pip install diffusers")
