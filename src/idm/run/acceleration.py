"""Faster forms of the network, where they are asked for: a shorter number format, translation, replay."""

import torch

from idm.core.registry import Registry
from idm.core.types import Network
from idm.networks import Autocast, Compiled, CudaGraph
from idm.training import TrainingSettings


def as_it_is(network: Network) -> Network:
    """Return the network."""
    return network


def _half(network: Network) -> Network:
    return Autocast(network, torch.float16)


PRECISIONS: Registry[Network] = Registry("precision", {"float32": as_it_is, "bfloat16": Autocast, "float16": _half})
"""Number formats inside the network; weights, losses and the chain stay float32."""


def in_precision(network: Network, precision: str) -> Network:
    """Return the network in a number format of its own.

    Raises:
        UnknownNameError: no such format.
    """
    return PRECISIONS[precision](network)


def for_training(network: Network, training: TrainingSettings) -> Network:
    """Return the network in the form that it is trained in, translated where ``training.compile`` says so.

    Sums then come out in another order, so that results differ in their last digits: a resumed run keeps the setting
    it was started with.
    """
    low = in_precision(network, training.precision)
    return Compiled(low) if training.compile else low


def for_sampling(network: Network, precision: str, device: torch.device, *, compile: bool) -> Network:
    """Return the network in a number format, if asked for translated and, on a CUDA device, replayed as a graph.

    That is worth its first minutes where thousands of batches of one shape are to be drawn.
    """
    low = in_precision(network, precision)
    if not compile:
        return low
    compiled = Compiled(low)
    return CudaGraph(compiled) if device.type == "cuda" else compiled
