"""Faster forms of the network appear where they are asked for, and nowhere else."""

import torch

from idm.experiment.acceleration import accelerated, accelerated_for_sampling
from idm.networks import MLP, Compiled, CudaGraph
from idm.training import TrainingSettings

NETWORK = MLP(in_channels=2, out_channels=2, width=8, num_layers=1)


def test_training_is_translated_only_where_its_settings_say_so():
    assert accelerated(NETWORK, TrainingSettings()) is NETWORK
    compiled = accelerated(NETWORK, TrainingSettings(compile=True))
    assert isinstance(compiled, Compiled)
    assert compiled.network is NETWORK


def test_sampling_is_replayed_on_a_cuda_device_only():
    assert isinstance(accelerated_for_sampling(NETWORK, torch.device("cpu")), Compiled)
    graph = accelerated_for_sampling(NETWORK, torch.device("cuda"))
    assert isinstance(graph, CudaGraph)
    assert isinstance(graph.network, Compiled)
