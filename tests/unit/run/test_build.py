"""Objects are what the settings say."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.core.errors import DataError, SettingsError
from idm.data import Codec
from idm.diffusion import EDM, Preconditioned
from idm.run import DataSpec, build_diffusion, build_network, build_sampler, build_schedule, open_data
from idm.run.build import null_label
from idm.settings.experiment import SamplerSettings, ScheduleSettings

SPEC = DataSpec((1, 8, 8), Codec.quantized("uint8", 17), tuple("0123456789"), 1500, 297)


def test_the_noise_floor_is_half_a_bin_unless_it_is_set():
    for levels in (17, 256, 65_536):
        schedule = build_schedule(ScheduleSettings(), levels)
        assert np.sqrt(1 - schedule.alphas_cumprod[0]) >= 1 / (levels - 1)
    assert build_schedule(ScheduleSettings(), 65_536).num_timesteps == 1000
    assert build_schedule(ScheduleSettings(), None).num_timesteps == 1000
    assert build_schedule(ScheduleSettings(noise_floor=0.0), 17).num_timesteps == 1000
    assert build_schedule(ScheduleSettings(noise_floor=0.5), 17).num_timesteps < 900


def test_the_automatic_floor_leaves_fine_steps_to_binary_data():
    schedule = build_schedule(ScheduleSettings(), 2)
    assert 0.1 <= np.sqrt(1 - schedule.alphas_cumprod[0]) < 0.11


@pytest.mark.parametrize(
    "options", [{"name": "linear", "options": {"num_timesteps": 10}}, {"name": "linear", "noise_floor": 0.999999}]
)
def test_impossible_schedules_are_refused_with_their_path(options):
    with pytest.raises(SettingsError, match=r"^schedule\."):
        build_schedule(ScheduleSettings(**options), 17)


def test_a_learned_variance_doubles_the_output(experiment):
    assert build_diffusion(experiment(), SPEC).out_channels(1) == 2
    assert build_diffusion(experiment(diffusion={"variance": "fixed_small"}), SPEC).out_channels(1) == 1


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(experiment):
    first, again, other = (build_network(experiment(seed=seed), SPEC, 2) for seed in (3, 3, 4))
    states = [network.state_dict() for network in (first, again, other)]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0].values(), states[2].values(), strict=True))


def test_label_dropout_adds_a_label_that_stands_for_no_class(experiment):
    with_dropout, without = experiment(), experiment(training__label_dropout=0.0)
    assert null_label(with_dropout, SPEC) == 10
    assert null_label(without, SPEC) is None
    assert build_network(with_dropout, SPEC, 2).label_emb.weight.shape[0] == 11
    assert build_network(without, SPEC, 2).label_emb.weight.shape[0] == 10


def test_networks_for_other_data_are_refused(experiment):
    points = DataSpec((2,), Codec.quantized("uint8", 17), None, 9, 1)
    with pytest.raises(SettingsError, match=r"set network\.name=mlp"):
        build_network(experiment(), points, 4)
    with pytest.raises(SettingsError, match=r"set network\.name=unet"):
        build_network(experiment(network={"name": "mlp"}), SPEC, 2)


def test_attention_at_no_stage_is_refused_by_the_path_of_the_setting(experiment):
    with pytest.raises(
        SettingsError, match=r"^network\.attention_resolutions: .* wanted \(1, 2\), each once, got 16, 8;"
    ):
        build_network(experiment(network__channel_mult=[1, 1], network__attention_resolutions=[16, 8]), SPEC, 2)
    with pytest.raises(SettingsError, match=r"^network\.num_heads: a divisor of the 8 channels .* got 3 "):
        build_network(experiment(network__num_heads=3), SPEC, 2)


@pytest.mark.parametrize(("steps", "expected"), [(0, 30), (1, 1), (7, 7), (30, 30)])
def test_a_sampler_takes_the_steps_it_is_told(experiment, steps, expected):
    diffusion = build_diffusion(experiment(schedule__noise_floor=0.0), SPEC)
    assert build_sampler(diffusion, SamplerSettings(steps=steps)).diffusion.num_timesteps == expected


def test_a_sampler_cannot_take_more_steps_than_there_are(experiment):
    with pytest.raises(SettingsError, match=r"sampler.steps: a number from 1 to 30 .*got 31"):
        build_sampler(build_diffusion(experiment(schedule__noise_floor=0.06), SPEC), SamplerSettings(steps=31))


def test_unbounded_data_are_not_clipped(experiment):
    diffusion = build_diffusion(experiment(), SPEC)
    assert build_sampler(diffusion, SamplerSettings(steps=3)).clip_denoised
    assert not build_sampler(diffusion, SamplerSettings(steps=3), bounded=False).clip_denoised
    assert not build_sampler(diffusion, SamplerSettings(steps=3, options={"clip_denoised": False})).clip_denoised


def test_data_are_split_and_described(experiment):
    data = open_data(experiment().data)
    assert (len(data.train), len(data.held_out)) == (297, 1500)
    assert DataSpec.from_plain(data.spec.to_plain()) == data.spec
    assert data.spec.num_classes == 10


def test_a_share_may_be_held_out(experiment):
    assert open_data(experiment(data__held_out=0.1).data).spec.num_held_out == 180


def test_training_without_the_labels(experiment):
    data = open_data(experiment(data__class_conditional=False).data)
    assert data.spec.class_names is None
    assert data.train.first(2)[1] is None


@pytest.mark.parametrize("held_out", [1797, 5000, math.inf, 0.99999])
def test_something_must_be_left_to_train_on(experiment, held_out):
    with pytest.raises(DataError, match="fewer than the 1797 samples"):
        open_data(replace(experiment().data, held_out=held_out))


def test_data_without_a_path_are_asked_for(experiment):
    settings = experiment(data={"source": {"name": "image_folder", "path": ""}}).data
    with pytest.raises(DataError, match="give it with data=PATH"):
        open_data(settings)


@pytest.mark.parametrize("bounded", [True, False])
def test_the_chain_of_unbounded_data_ends_where_noise_is_twenty_times_the_signal(experiment, bounded):
    spec = replace(SPEC, codec=replace(SPEC.codec, levels=None, bounded=bounded))
    schedule = build_diffusion(experiment(schedule={"name": "cosine", "num_timesteps": 1000}), spec).schedule
    assert schedule.num_train_timesteps == 1000
    ratio = schedule.sqrt_recipm1_alphas_cumprod[-1]
    assert (ratio <= 20.0) != bounded
    assert schedule.timesteps[-1] == 999 if bounded else 950 < schedule.timesteps[-1] < 999


@pytest.mark.parametrize(
    "schedule",
    [{"name": "flow", "num_timesteps": 50}, {"name": "cosine", "num_timesteps": 50, "zero_terminal_snr": True}],
)
def test_a_path_that_ends_in_noise_alone_is_kept_whole_whatever_the_data_are(experiment, schedule):
    spec = replace(SPEC, codec=replace(SPEC.codec, levels=None, bounded=False))
    chosen = experiment(schedule=schedule, diffusion={"prediction": "v"})
    diffusion = build_diffusion(chosen, spec)
    assert diffusion.num_timesteps == 50
    assert float(diffusion.prior_bpd(torch.ones(1, 1, 8, 8)).max()) == 0.0
    assert diffusion.largest_gain <= 1.0
    with pytest.raises(SettingsError, match=r"^diffusion\.prediction: one that tells x_0 .* got epsilon"):
        build_diffusion(experiment(schedule=schedule, diffusion={"prediction": "epsilon"}), spec)


def test_fractions_are_no_times_to_show_a_network(experiment):
    chosen = experiment(schedule={"name": "flow"}, diffusion={"prediction": "v", "rescale_timesteps": False})
    with pytest.raises(SettingsError, match=r"^diffusion\.rescale_timesteps: true wanted with schedule\.name=flow"):
        build_diffusion(chosen, SPEC)
    told = build_diffusion(experiment(schedule={"name": "flow"}, diffusion={"prediction": "velocity"}), SPEC)
    times = told.network_time(torch.tensor([0, told.num_timesteps - 1]), torch.zeros(2, 1))
    torch.testing.assert_close(times, torch.tensor([63.0, 1000.0]))  # the floor of 17 levels is 1 / 16


@pytest.mark.parametrize(("given", "used"), [("auto", 0.5), (0.7, 0.7)])
def test_the_deviation_of_the_data_is_that_of_prediction_and_weighting(experiment, given, used):
    settings = {"prediction": "edm", "sigma_data": given, "weighting": "edm"}
    diffusion = build_diffusion(experiment(diffusion=settings), SPEC)
    assert diffusion.prediction == Preconditioned(sigma_data=used)
    assert diffusion.objective.weighting.of_x_start == EDM(sigma_data=used)
    ones = torch.as_tensor(diffusion.objective.weighting(diffusion.grid.levels))
    torch.testing.assert_close(ones, torch.ones_like(ones))  # the weight of EDM on its own output


def test_a_description_without_a_layout_is_read_as_one_with_channels_first():
    plain = SPEC.to_plain()
    del plain["layout"]
    assert DataSpec.from_plain(plain) == SPEC
