"""The count of operations, against closed forms."""

import pytest
import torch
from torch import nn

from idm.bench.flops import forward_flops
from idm.bench.sizes import MEDIUM, SMALL, TINY, initial_unet


def unet_flops(config):
    """Operations of the U-Net on one image, from the architecture of the paper, term by term."""

    def convolution(inputs, outputs, size, kernel=3):
        return 2 * kernel**2 * inputs * outputs * size**2

    def linear(inputs, outputs):
        return 2 * inputs * outputs

    embedding = 4 * config.width

    def block(inputs, outputs, size):
        shortcut = 0 if inputs == outputs else convolution(inputs, outputs, size, kernel=1)
        film = linear(embedding, 2 * outputs)
        return convolution(inputs, outputs, size) + convolution(outputs, outputs, size) + film + shortcut

    def attention(channels, size):
        places = size**2
        products = 2 * 2 * places**2 * channels
        return places * (linear(channels, 3 * channels) + linear(channels, channels)) + products

    widths = [config.width * multiple for multiple in config.mult]
    sizes = [config.size // 2**stage for stage in range(len(widths))]
    total = linear(config.width, embedding) + linear(embedding, embedding)
    total += convolution(config.channels, widths[0], config.size)
    skips, channels = [widths[0]], widths[0]
    for stage, (width, size) in enumerate(zip(widths, sizes, strict=True)):
        for _ in range(config.num_res_blocks):
            total += block(channels, width, size)
            total += attention(width, size) if size in config.attention_sizes else 0
            channels = width
            skips.append(width)
        if stage < len(widths) - 1:
            total += convolution(width, width, size // 2)
            skips.append(width)
    total += 2 * block(channels, channels, sizes[-1]) + attention(channels, sizes[-1])
    for stage, (width, size) in reversed(list(enumerate(zip(widths, sizes, strict=True)))):
        for _ in range(config.num_res_blocks + 1):
            total += block(channels + skips.pop(), width, size)
            total += attention(width, size) if size in config.attention_sizes else 0
            channels = width
        if stage:
            total += convolution(width, width, size * 2)
    return total + convolution(widths[0], 2 * config.channels, config.size)


@pytest.mark.parametrize(
    ("config", "gigaflops"), [(TINY, 0.1324), (SMALL, 3.232), (MEDIUM, 79.47)], ids=["tiny", "small", "medium"]
)
def test_the_closed_form_gives_the_published_figures(config, gigaflops):
    assert unet_flops(config) / 1e9 == pytest.approx(gigaflops, rel=5e-4)


@pytest.mark.parametrize("config", [TINY, SMALL, MEDIUM], ids=lambda config: config.name)
def test_the_count_is_the_closed_form(config):
    with torch.device("meta"):
        network = initial_unet(config).eval()
    assert forward_flops(network, config.data(1), torch.zeros(1)) == unet_flops(config)


def test_two_images_take_twice_the_operations():
    network = initial_unet(TINY).eval()
    assert forward_flops(network, TINY.data(2), torch.zeros(2)) == 2 * unet_flops(TINY)


class Attention(nn.Module):
    """Attention by explicit products, or by torch's fused operator."""

    def __init__(self, *, fused):
        super().__init__()
        self.fused = fused

    def forward(self, x, time):
        if self.fused:
            return nn.functional.scaled_dot_product_attention(x, x, x)
        return (x @ x.transpose(-2, -1)).softmax(-1) @ x


def test_fused_attention_counts_as_much_as_explicit_products():
    x = torch.randn(2, 4, 16, 8)
    fused, explicit = (forward_flops(Attention(fused=fused), x, torch.zeros(2)) for fused in (True, False))
    assert fused == explicit == 2 * 2 * 2 * 4 * 16 * 16 * 8
