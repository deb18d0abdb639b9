"""Networks that predict from noisy samples; a new one is one file and one line in ``NETWORKS``."""

from torch import nn

from idm.core.registry import Registry
from idm.networks.compiled import Compiled
from idm.networks.cuda_graph import CudaGraph
from idm.networks.custom import custom_network
from idm.networks.embeddings import timestep_embedding
from idm.networks.mlp import MLP
from idm.networks.precision import Autocast
from idm.networks.size import num_parameters
from idm.networks.unet import UNet

NETWORKS: Registry[nn.Module] = Registry("network", {"unet": UNet, "mlp": MLP, "custom": custom_network})

OF_SPACE = {"unet": True, "mlp": False}
"""Whether networks take data with spatial axes; one that is not named here takes any."""

__all__ = [
    "MLP",
    "NETWORKS",
    "OF_SPACE",
    "Autocast",
    "Compiled",
    "CudaGraph",
    "UNet",
    "num_parameters",
    "timestep_embedding",
]
