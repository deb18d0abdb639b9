"""Flags of improved-diffusion become settings."""

import pytest

from idm.core.errors import SettingsError
from idm.diffusion import LossType, ModelMeanType, ModelVarType
from idm.schedules import space_timesteps, spaced
from idm.tasks.imported import experiment_from_flags, spec_from_flags


def test_flags_that_are_not_given_have_the_scripts_defaults():
    experiment = experiment_from_flags({})
    assert experiment.schedule.name == "linear"
    assert experiment.schedule.options.num_timesteps == 1000
    assert experiment.diffusion.rescale_timesteps
    assert experiment.diffusion.variance is ModelVarType.FIXED_LARGE
    assert experiment.diffusion.prediction is ModelMeanType.EPSILON
    assert experiment.diffusion.loss is LossType.RESCALED_MSE
    assert experiment.network.options.model_channels == 128
    assert (experiment.sampler.name, experiment.sampler.steps) == ("ddpm", 0)
    assert spec_from_flags({}).shape == (3, 64, 64)
    assert spec_from_flags({}).num_classes is None


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"learn_sigma": True}, ModelVarType.LEARNED_RANGE),
        ({"learn_sigma": True, "sigma_small": True}, ModelVarType.LEARNED_RANGE),
        ({"sigma_small": True}, ModelVarType.FIXED_SMALL),
        ({}, ModelVarType.FIXED_LARGE),
    ],
)
def test_variances(flags, expected):
    assert experiment_from_flags(flags).diffusion.variance is expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"use_kl": True}, LossType.RESCALED_KL),
        ({"use_kl": True, "rescale_learned_sigmas": False}, LossType.RESCALED_KL),
        ({"rescale_learned_sigmas": False}, LossType.MSE),
        ({}, LossType.RESCALED_MSE),
    ],
)
def test_losses(flags, expected):
    assert experiment_from_flags(flags).diffusion.loss is expected


def test_other_flags():
    assert experiment_from_flags({"predict_xstart": True}).diffusion.prediction is ModelMeanType.START_X
    assert not experiment_from_flags({"rescale_timesteps": "False"}).diffusion.rescale_timesteps
    conditional = {"class_cond": "True", "image_size": "32"}
    assert spec_from_flags(conditional).num_classes == 1000
    assert experiment_from_flags(conditional).data.class_conditional


@pytest.mark.parametrize("spec", ["ddim25", "ddim50", "ddim250", "7", "25", "250", "1000", "100"])
def test_respacing_takes_the_reference_s_steps_where_a_spacing_does(spec):
    sampler = experiment_from_flags({"timestep_respacing": spec}).sampler
    assert sampler.name == ("ddim" if spec.startswith("ddim") else "ddpm")
    assert spaced(1000, sampler.steps, sampler.spacing) == sorted(space_timesteps(1000, spec))


@pytest.mark.parametrize(("spec", "instead"), [("10,20,30", "60"), ("5,2", "7")])
def test_respacings_that_no_spacing_gives_are_refused_and_others_advised(spec, instead):
    with pytest.raises(SettingsError, match=f"flags.timestep_respacing: .*got '{spec}'; set it to '") as error:
        experiment_from_flags({"timestep_respacing": spec})
    (line,) = error.value.lines
    advised = line.partition("set it to '")[2].partition("'")[0]
    assert abs(int(advised) - int(instead)) <= 2
    assert experiment_from_flags({"timestep_respacing": advised}).sampler.steps == int(advised)


@pytest.mark.parametrize(
    ("flags", "pattern"),
    [
        ({"large_size": 256, "small_size": 64}, "super-resolution"),
        ({"image_size": 48}, "flags.image_size"),
        ({"noise_schedule": "cosin"}, "did you mean 'cosine'"),
        ({"timestep_respacing": "ddim999"}, "ddim999"),
        ({"diffusion_steps": "x"}, "flags.diffusion_steps"),
        (
            {"use_ddim": True},
            r"""flags\.use_ddim: .*leave it out, 'run\.sampler\(name="ddim"\)' sets it""",
        ),
    ],
)
def test_flags_that_make_no_model(flags, pattern):
    with pytest.raises(SettingsError, match=pattern):
        experiment_from_flags(flags)
