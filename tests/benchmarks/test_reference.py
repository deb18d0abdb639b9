"""Network and loss are held to the published implementation's numbers, which lie beside the benchmarks."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from idm.bench.run import Bench
from idm.bench.sizes import TINY, our_unet
from idm.core.errors import NumericalError
from speed import reference
from speed.reference import check_reference, stored
from speed.run import check, compare

DATA = Path(__file__).parents[1] / "data"


def failed(build=our_unet):
    return [check.name for check in check_reference(build) if not check.passed]


def shifted(config):
    """A network that is a little off wherever it is called."""
    network = our_unet(config)
    network.register_forward_hook(lambda module, inputs, output: output + 1e-3)
    return network


def test_our_network_and_loss_have_the_references_numbers():
    assert len(check_reference()) == 2
    assert not failed()


def test_the_numbers_are_those_that_the_tests_hold():
    network, core = np.load(DATA / "reference_unet.npz"), np.load(DATA / "reference_core.npz")
    held = {f"network/{name}": network[f"iddpm_cifar_like/{name}"] for name in "xty"}
    held |= {"loss/x_start": core["in/x0"], "loss/noise": core["in/noise"], "loss/t": core["in/t"]}
    held["loss/loss"] = core["loss/linear/EPSILON/LEARNED_RANGE/RESCALED_MSE/loss"]
    found = stored()
    assert found.keys() == held.keys()
    for name, values in held.items():
        assert np.array_equal(found[name], values)


def test_another_output_is_found():
    (name,) = failed(shifted)
    assert "forward" in name


def test_another_loss_is_found(monkeypatch):
    monkeypatch.setattr(reference, "PROCESS", reference.PROCESS.replace(rescale_timesteps=True))
    (name,) = failed()
    assert "loss" in name


def test_a_network_that_is_not_the_references_gets_no_speed(tmp_path):
    with pytest.raises(NumericalError, match="against the reference"):
        compare(Bench(lambda what: None, check=partial(check, build=shifted)), tmp_path, ["updates"], [TINY])
    assert not list(tmp_path.iterdir())
