"""denoising-diffusion-pytorch: the nearest network that its constructor offers, its samplers and training recipe."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from idm.bench.entrant import CLIP_GRAD_NORM, LEARNING_RATE, NUM_TIMESTEPS
from idm.bench.harness import Contestant
from idm.bench.sizes import NUM_HEADS, Configuration, randomised
from speed.peers.base import Peer

UNUSED = {"torchvision": ("transforms", "utils"), "accelerate": ("Accelerator",)}
"""What it imports, by name, for its own loop over image files, which does not take part."""


@dataclass(frozen=True)
class Lucidrains(Peer):
    """The package of lucidrains; linear attention at sizes where the others have none, so another network."""

    def require(self) -> None:
        """Import it.

        Raises:
            ImportError: it is not installed.
        """
        _library()

    def network(self, config: Configuration) -> nn.Module:
        """Build its U-Net of the same widths, with full attention at the same sizes; it has two blocks per stage."""
        sizes = [config.size // 2**level for level in range(len(config.mult))]
        network: nn.Module = _library().Unet(
            config.width,
            dim_mults=config.mult,
            channels=config.channels,
            attn_heads=NUM_HEADS,
            full_attn=tuple(size in config.attention_sizes for size in sizes),
        )
        return randomised(network).to(self.device)

    def predictor(self, network: nn.Module) -> Callable[[Tensor, Tensor], object]:
        """Return the network."""
        return network

    def training_step(self, config: Configuration, batch: int) -> Contestant:
        """Its trainer's recipe: squared error, clipping, Adam, and an average that moves at every tenth step."""
        process = self._process(config, timesteps=NUM_TIMESTEPS).train()
        optimizer = torch.optim.Adam(process.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))
        ema: Any = import_module("ema_pytorch").EMA(process, beta=0.995, update_every=10)
        x = self.data(config, batch).clamp(-1, 1) / 2 + 0.5

        def update() -> None:
            process(x).backward()
            nn.utils.clip_grad_norm_(process.parameters(), CLIP_GRAD_NORM)
            optimizer.step()
            optimizer.zero_grad()
            ema.update()

        return update

    def ddpm(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """Ancestral sampling; it takes all steps of its chain, which is made as short as it shall be."""
        process: Any = self._process(config, timesteps=steps).eval()
        return lambda: process.sample(batch_size=batch)

    def ddim(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """DDIM with eta = 0."""
        process: Any = self._process(config, timesteps=NUM_TIMESTEPS, sampling_timesteps=steps).eval()
        return lambda: process.sample(batch_size=batch)

    def _process(self, config: Configuration, **options: int) -> nn.Module:
        process: nn.Module = _library().GaussianDiffusion(
            self.network(config), image_size=config.size, objective="pred_noise", beta_schedule="cosine", **options
        )
        return process.to(self.device)


def _library() -> Any:
    """Import the package without what its own loop over image files needs, and without its progress bars."""
    with _stand_ins():
        package: Any = import_module("denoising_diffusion_pytorch")
    module: Any = import_module("denoising_diffusion_pytorch.denoising_diffusion_pytorch")
    module.tqdm = partial(import_module("tqdm.auto").tqdm, disable=True)
    return package


@contextmanager
def _stand_ins() -> Generator[None]:
    """Let empty modules stand in for those that are not installed, while it is imported."""
    added: list[str] = []
    for name, attributes in UNUSED.items():
        try:
            import_module(name)
        except ImportError:
            module = ModuleType(name)
            module.__dict__.update(dict.fromkeys(attributes, object))
            sys.modules[name] = module
            added.append(name)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


LUCIDRAINS = Lucidrains(
    "denoising-diffusion-pytorch",
    install="pip install --no-deps denoising-diffusion-pytorch einops ema-pytorch tqdm",
)
