"""Whether the device computes what the CPU computes in float64 with the same weights."""

import torch
from torch import Tensor, nn

from card.bench import Bench
from card.forms import MINIATURE
from idm.bench.check import largest, rms
from idm.bench.ours import DIFFUSION, short_chain
from idm.bench.sizes import SMALL, TINY, Configuration, our_unet
from idm.core.types import Network
from idm.likelihood import calc_bpd_loop
from idm.networks import Autocast, CudaGraph
from idm.networks.attention import attend
from idm.samplers import SamplerDDIM

BATCH, SHORT_CHAIN = 4, 8
PLACES, HEADS, WIDTH = 256, 4, 96


def agreement(bench: Bench, *, quick: bool) -> None:
    """Compare networks, losses, gradients, chains, bound terms and attention."""
    for config in (MINIATURE,) if quick else (TINY, SMALL):
        with torch.random.fork_rng(devices=[]):
            _agreement(bench, config)
    _attention(bench, torch.float32, 1e-5)
    _attention(bench, torch.bfloat16, 2e-2)


def _agreement(bench: Bench, config: Configuration) -> None:
    exact, network = our_unet(config).double().eval(), our_unet(config).to(bench.device).eval()
    x, name = config.data(BATCH).clamp(-1, 1), f"{config.name}, float32"
    wide, near, time = x.double(), x.to(bench.device), torch.full((BATCH,), 500)
    check = bench.report.check
    with torch.no_grad():
        wanted = exact(wide, time)
        plain, short = network(near, time.to(bench.device)), Autocast(network)(near, time.to(bench.device))
    check(f"{name}: forward", largest(plain, wanted), 2e-5)
    check(f"{config.name}, bfloat16: forward, rms", rms(short, wanted), 2e-2)
    loss, gradient = _gradient(exact, wide)
    own_loss, own_gradient = _gradient(network, near)
    check(f"{name}: losses", largest(own_loss, loss), 1e-5)
    check(f"{name}: gradient, by norm", rms(own_gradient, gradient), 1e-4)
    check(f"{name}: DDIM, {SHORT_CHAIN} steps, rms", rms(_chain(network, near), _chain(exact, wide)), 1e-3)
    check(f"{name}: bound terms", largest(_bound(network, near), _bound(exact, wide)), 1e-3)
    if bench.device.type == "cuda":
        _graph(bench, config, network, near)


def _graph(bench: Bench, config: Configuration, network: nn.Module, x: Tensor) -> None:
    """Replays for new data, for times that differ and for times that are one number, and once more."""
    graph, errors = CudaGraph(network), list[float]()
    one, several = torch.tensor(3, device=x.device), torch.arange(len(x), device=x.device)
    with torch.no_grad():
        for time in (one.expand(len(x)), several, (one + 4).expand(len(x)), several + 5):
            x = x.flip(0)
            errors.append(largest(graph(x, time), network(x, time)))
    bench.report.check(f"{config.name}, float32: graph beside plain calls", max(errors), 1e-5)


def _gradient(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Losses at steps from all over the chain, and the gradient of their mean as one vector."""
    t = torch.linspace(0, DIFFUSION.num_timesteps - 1, len(x)).long()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float32)
    losses = DIFFUSION.training_losses(network, x, t.to(x.device), noise=noise.to(x)).loss
    gradients = torch.autograd.grad(losses.mean(), list(network.parameters()))
    return losses.detach(), torch.cat([gradient.flatten() for gradient in gradients])


def _chain(network: Network, x: Tensor) -> Tensor:
    return SamplerDDIM(short_chain(SHORT_CHAIN)).sample(network, x.shape, noise=x)


def _bound(network: Network, x: Tensor) -> Tensor:
    return calc_bpd_loop(short_chain(SHORT_CHAIN), network, x).vb


def _attention(bench: Bench, dtype: torch.dtype, bar: float) -> None:
    generator = torch.Generator().manual_seed(3)
    query, key, value = torch.randn(3, 2, HEADS, PLACES, WIDTH, generator=generator).to(dtype)
    scores = query.double() @ key.double().mT * WIDTH**-0.5
    wanted = scores.softmax(-1) @ value.double()
    found = attend(*(part.to(bench.device) for part in (query, key, value)))
    bench.report.check(f"attention, {str(dtype).removeprefix('torch.')}, rms", rms(found, wanted), bar)
