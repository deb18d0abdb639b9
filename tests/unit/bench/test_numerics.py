"""Right networks pass; networks with a fault in one number format, one layout or one batch size do not."""

import pytest
import torch

from idm.bench.check import Check, require
from idm.bench.numerics import check_numerics
from idm.bench.sizes import TINY, our_unet
from idm.core.errors import NumericalError


def broken(when, fault):
    """Build a network whose output is altered under some condition."""

    def build(config):
        network = our_unet(config)
        network.register_forward_hook(lambda module, inputs, output: fault(output) if when(inputs[0]) else output)
        return network

    return build


def failed(build=our_unet):
    return [check.name for check in check_numerics([TINY], build) if not check.passed]


def test_our_network_passes():
    checks = check_numerics([TINY])
    assert len(checks) == 6
    assert not failed()
    require(checks)


def test_a_fault_in_single_precision_is_found_in_results_losses_and_gradients():
    names = failed(broken(lambda x: x.dtype == torch.float32, lambda output: 1.001 * output))
    assert any("forward in float32" in name for name in names)
    assert any("loss" in name for name in names)
    assert any("gradient" in name for name in names)


def test_a_fault_under_autocast_is_found():
    (name,) = failed(broken(lambda x: torch.is_autocast_enabled("cpu"), lambda output: 1.1 * output))
    assert "bfloat16" in name


def test_a_fault_in_large_batches_is_found():
    (name,) = failed(broken(lambda x: len(x) > 2, lambda output: output.flip(0)))
    assert "bound terms" in name


def test_results_that_are_no_numbers_are_found_and_nothing_is_reported():
    checks = check_numerics([TINY], broken(lambda x: True, lambda output: output * float("nan")))
    assert not any(check.passed for check in checks)
    with pytest.raises(NumericalError, match="no speed is reported") as caught:
        require([Check("fine", 0.0, 1.0), *checks])
    assert len(caught.value.lines) == len(checks)
