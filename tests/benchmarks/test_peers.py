"""Every implementation that is installed trains and samples, and has the operations that it should have."""

from dataclasses import replace

import pytest
import torch

from idm.bench.ours import OUR_FLOAT32, OURS
from idm.bench.sizes import SMALL, TINY
from idm.networks import num_parameters
from speed.peers import DIFFUSERS, LUCIDRAINS, PEERS, installed, versions

PRESENT, _ = installed()
EVERY = [*PEERS, *OURS]
every_entrant = pytest.mark.parametrize("entrant", PRESENT, ids=lambda entrant: entrant.name)


def needs(entrant):
    return pytest.mark.skipif(entrant not in PRESENT, reason=f"{entrant.name} is not installed")


def test_this_project_always_takes_part():
    assert OUR_FLOAT32 in PRESENT
    assert len({entrant.name for entrant in EVERY}) == len(EVERY)


@every_entrant
def test_an_entrant_can_be_called_any_number_of_times(entrant):
    for call in (
        entrant.forward(TINY, 2),
        entrant.training_step(TINY, 2),
        entrant.ddpm(TINY, 2, 3),
        entrant.ddim(TINY, 2, 3),
    ):
        call()
        call()


@every_entrant
def test_chains_return_finite_samples_of_the_whole_batch(entrant):
    for chain in (entrant.ddpm(TINY, 2, 3), entrant.ddim(TINY, 2, 3)):
        samples = chain()
        assert samples.shape == (2, 1, 16, 16)
        assert samples.isfinite().all()


@needs(DIFFUSERS)
def test_diffusers_trains_and_samples_under_autocast_where_it_shall():
    short = replace(DIFFUSERS, name="short", dtype=torch.bfloat16, fused=True)
    short.training_step(TINY, 2)()
    samples = short.ddpm(TINY, 2, 3)()
    assert samples.dtype == torch.float32
    assert not torch.equal(samples, DIFFUSERS.ddpm(TINY, 2, 3)())


@needs(DIFFUSERS)
@pytest.mark.parametrize("config", [TINY, SMALL], ids=lambda config: config.name)
def test_the_network_of_diffusers_has_our_parameters_and_operations(config):
    assert num_parameters(DIFFUSERS.network(config)) == num_parameters(OUR_FLOAT32.network(config))
    assert DIFFUSERS.forward_flops(config) == OUR_FLOAT32.forward_flops(config)


@needs(LUCIDRAINS)
def test_what_stood_in_for_missing_packages_is_gone_after_the_import():
    import sys

    LUCIDRAINS.require()
    for name in ("torchvision", "accelerate"):
        assert getattr(sys.modules.get(name), "__spec__", True) is not None


def test_a_peer_that_is_not_installed_is_left_out_with_the_command_that_installs_it(monkeypatch):
    def missing(self):
        raise ImportError("No module named 'x'")

    monkeypatch.setattr(type(DIFFUSERS), "require", missing)
    monkeypatch.setattr(type(LUCIDRAINS), "require", missing)
    present, lines = installed([DIFFUSERS, LUCIDRAINS], [OUR_FLOAT32])
    assert present == [OUR_FLOAT32]
    assert [line.rpartition(": ")[2] for line in lines] == [DIFFUSERS.install, LUCIDRAINS.install]


def test_versions_are_told_of_peers_that_are_installed():
    assert ("diffusers" in versions()) == (DIFFUSERS in PRESENT)
