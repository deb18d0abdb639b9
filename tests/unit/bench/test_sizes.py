"""The sizes of network, and what a machine is described by."""

import pytest
import torch

from idm.bench.machine import describe_machine
from idm.bench.peak import Convolution, in_words, measure_peak
from idm.bench.sizes import MEDIUM, SMALL, TINY, initial_unet, our_unet
from idm.networks import num_parameters


@pytest.mark.parametrize(
    ("config", "number"), [(TINY, 755_298), (SMALL, 7_282_438), (MEDIUM, 121_063_942)], ids=["tiny", "small", "medium"]
)
def test_networks_have_the_published_numbers_of_parameters(config, number):
    with torch.device("meta"):
        assert num_parameters(initial_unet(config)) == number


def test_weights_and_data_come_from_one_seed_and_no_branch_is_zero():
    first, second = our_unet(TINY), our_unet(TINY)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.abs().max() > 0
    assert torch.equal(TINY.data(3), TINY.data(3))


def test_the_machine_is_described_by_processor_and_versions():
    found = describe_machine()
    assert found["torch"] == torch.__version__
    assert found["threads"] == str(torch.get_num_threads())
    assert all(isinstance(value, str) and value for value in found.values())


def test_peaks_are_positive_and_name_their_shape():
    peak = measure_peak(torch.float32, [Convolution(4, 16, 8)], [32])
    assert peak.convolution > 0
    assert peak.matmul > 0
    assert "16 channels, 8 x 8, batch 4" in in_words(torch.float32, peak)


def test_a_convolution_counts_its_products():
    assert Convolution(4, 16, 8).flops == 2 * 4 * 8 * 8 * 16 * 16 * 9
