"""Faster forms of the network appear where they are asked for, and nowhere else."""

import pytest
import torch

from idm.core.errors import UnknownNameError
from idm.networks import MLP, Autocast, Compiled, CudaGraph
from idm.run.acceleration import for_sampling, for_training, in_precision
from idm.training import TrainingSettings

NETWORK = MLP(in_channels=2, out_channels=2, width=8, num_layers=1)


def test_training_is_translated_only_where_its_settings_say_so() -> None:
    assert for_training(NETWORK, TrainingSettings()) is NETWORK
    compiled = for_training(NETWORK, TrainingSettings(compile=True))
    assert isinstance(compiled, Compiled)
    assert compiled.network is NETWORK


def test_low_precision_is_inside_of_the_translation() -> None:
    compiled = for_training(NETWORK, TrainingSettings(precision="bfloat16", compile=True))
    assert isinstance(compiled, Compiled)
    assert isinstance(compiled.network, Autocast)
    assert compiled.network.network is NETWORK


def test_sampling_is_plain_unless_asked_otherwise() -> None:
    assert for_sampling(NETWORK, "float32", torch.device("cpu"), compile=False) is NETWORK
    assert isinstance(for_sampling(NETWORK, "bfloat16", torch.device("cpu"), compile=False), Autocast)


def test_sampling_is_replayed_on_a_cuda_device_only() -> None:
    assert isinstance(for_sampling(NETWORK, "float32", torch.device("cpu"), compile=True), Compiled)
    graph = for_sampling(NETWORK, "float32", torch.device("cuda"), compile=True)
    assert isinstance(graph, CudaGraph)
    assert isinstance(graph.network, Compiled)


def test_an_unknown_number_format_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"precision.*'bfloat16'"):
        in_precision(NETWORK, "bfloat61")
