"""Faster forms of the network, where they are asked for."""

import torch

from idm.core.types import Network
from idm.networks import Compiled, CudaGraph
from idm.training import TrainingSettings


def accelerated(network: Network, training: TrainingSettings) -> Network:
    """Return the network in the form that it is trained in, translated where ``training.compile`` says so.

    Sums come out in another order, so results differ in their last digits: a resumed run keeps the setting it was
    started with. Put it around low precision, not inside: ``accelerated(in_precision(network, training), training)``.
    """
    return Compiled(network) if training.compile else network


def accelerated_for_sampling(network: Network, device: torch.device) -> Network:
    """Return the network translated and, on a CUDA device, replayed as a graph.

    Worth its first minutes where thousands of batches of one shape are to be drawn.
    """
    compiled = Compiled(network)
    return CudaGraph(compiled) if device.type == "cuda" else compiled
