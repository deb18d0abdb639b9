"""Every implementation that is installed trains and samples, and has the operations that it should have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.bench.entrants import DIFFUSERS, ENTRANTS, LUCIDRAINS, OUR_BFLOAT16, OUR_FLOAT32, installed
from idm.bench.entrants.ours import DIFFUSION
from idm.bench.entrants.own_step import RandomImages, own_step
from idm.bench.sizes import SMALL, TINY
from idm.data import Codec, Dataset
from idm.networks import num_parameters
from idm.timesteps import UniformTimesteps
from idm.training import Trainer, TrainStep
from idm.training.spread import Alone

PRESENT, _ = installed()
every_entrant = pytest.mark.parametrize("entrant", PRESENT, ids=lambda entrant: entrant.name)


def needs(entrant):
    return pytest.mark.skipif(entrant not in PRESENT, reason=f"{entrant.name} is not installed")


def test_this_project_always_takes_part():
    assert OUR_FLOAT32 in PRESENT
    assert len({entrant.name for entrant in ENTRANTS}) == len(ENTRANTS)


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


@pytest.mark.parametrize("entrant", [OUR_FLOAT32, OUR_BFLOAT16], ids=lambda entrant: entrant.name)
def test_our_step_does_what_the_trainer_does(entrant, tmp_path):
    settings, source, device = replace(entrant.settings(4), num_steps=3), RandomImages(TINY), torch.device("cpu")
    ours, trained = entrant.network(TINY), entrant.network(TINY)
    dataset = Dataset(source, Codec.fit(source), np.arange(len(source)))
    update = own_step(ours, DIFFUSION, settings, dataset, device)
    for _ in range(3):
        update()
    timesteps = UniformTimesteps(DIFFUSION.num_timesteps)
    step = TrainStep(entrant.model(trained), DIFFUSION, timesteps, dataset, settings, seed=0, device=device)
    Trainer(Alone(trained), step, tmp_path, describe=lambda averaged: {}).run()
    for name, value in trained.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


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
