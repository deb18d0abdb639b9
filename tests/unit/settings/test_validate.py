"""Plain values become settings, or a line each that says what is wrong."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idm.core.errors import SettingsError
from idm.diffusion import LossType, ModelMeanType
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.experiment import SamplerSettings
from idm.settings.validate import flat
from idm.training import TrainingSettings

from ...hostile import cheap


def lines(section, plain):
    with pytest.raises(SettingsError) as error:
        from_plain(section, plain)
    return list(error.value.lines)


def test_nothing_given_is_the_defaults():
    assert from_plain(TrainingSettings, {}) == TrainingSettings()
    experiment = from_plain(Experiment, {})
    assert experiment.diffusion == Experiment().diffusion
    assert experiment.sampler.options.eta == 0.0, "options of a section that was not given are written out, too"


def test_options_of_open_sections_stand_beside_the_name():
    sampler = from_plain(SamplerSettings, {"name": "ddim", "steps": 7, "eta": 0.5})
    assert (sampler.name, sampler.steps, sampler.options.eta) == ("ddim", 7, 0.5)
    assert to_plain(sampler)["eta"] == 0.5
    assert "options" not in to_plain(sampler)


@settings(max_examples=30)
@given(
    seed=st.integers(-(2**40), 2**40),
    steps=st.integers(1, 10**6),
    rate=st.floats(1e-8, 1.0),
    loss=st.sampled_from(LossType),
    eta=st.floats(0, 1),
    rates=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3, unique=True),
)
def test_settings_survive_the_way_to_a_file_and_back(seed, steps, rate, loss, eta, rates):
    plain = {
        "seed": seed,
        "training": {"num_steps": steps, "learning_rate": rate, "ema_rates": rates},
        "diffusion": {"loss": loss.name.lower()},
        "sampler": {"name": "ddim", "eta": eta},
    }
    once = from_plain(Experiment, plain)
    assert from_plain(Experiment, to_plain(once)) == once
    assert once.training.ema_rates == tuple(rates)
    assert once.diffusion.loss is loss


def test_every_wrong_value_has_a_line_with_its_path():
    found = lines(
        Experiment,
        {
            "seed": "x",
            "training": {"num_steps": 0, "decay": "cosin", "nonsense": 1},
            "diffusion": {"prediction": "epsilom"},
            "sampler": {"name": "ddim", "etta": 0.3, "steps": -1},
            "data": {"source": {"name": "digit"}},
        },
    )
    starts = [line.partition(":")[0] for line in found]
    assert sorted(starts) == sorted(
        [
            "seed",
            "training.num_steps",
            "training.decay",
            "training.nonsense",
            "diffusion.prediction",
            "sampler.etta",
            "sampler.steps",
            "data.source.name",
        ]
    )


def test_the_nearest_name_is_suggested():
    assert "did you mean 'sampler.eta'?" in lines(Experiment, {"sampler": {"name": "ddim", "etta": 1}})[0]
    assert "did you mean 'digits'?" in lines(Experiment, {"data": {"source": {"name": "digit"}}})[0]
    assert "did you mean 'start_x'?" in lines(Experiment, {"diffusion": {"prediction": "startx"}})[0]


def test_an_option_of_another_member_is_said_to_be_one():
    (line,) = lines(Experiment, {"sampler": {"name": "heun", "eta": 1}})
    wanted = "sampler.eta: an option of heun wanted, got one of ddim; set sampler.name=ddim, or leave it out"
    assert line == wanted
    (line,) = lines(Experiment, {"sampler": {"name": "multistep", "last_noise_cap": 0.1}})
    assert "got one of ddpm and ddim; set sampler.name=ddpm, or leave it out" in line


def test_what_came_is_quoted():
    assert lines(TrainingSettings, {"batch_size": "many"})[0].endswith("got 'many'")


def test_a_required_option_is_asked_for():
    (line,) = lines(Experiment, {"data": {"source": {"name": "image_folder"}}})
    assert line.startswith("data.source.path: must be given")


def test_a_section_that_is_no_section():
    assert "a group of settings wanted" in lines(Experiment, {"training": 3})[0]


def test_a_name_that_is_no_word():
    assert lines(Experiment, {"sampler": {"name": ["ddim"]}})[0].startswith("sampler.name")


@pytest.mark.parametrize("value", ["2e-4", 2e-4])
def test_numbers_may_be_written_as_text(value):
    assert from_plain(TrainingSettings, {"learning_rate": value}).learning_rate == 2e-4


@pytest.mark.parametrize("value", ["0.9,0.99", [0.9, 0.99], (0.9, 0.99)])
def test_lists_may_be_written_with_commas(value):
    assert from_plain(TrainingSettings, {"ema_rates": value}).ema_rates == (0.9, 0.99)


def test_a_single_number_makes_a_list():
    assert from_plain(TrainingSettings, {"ema_rates": 0.9}).ema_rates == (0.9,)


def test_names_of_members_are_case_blind():
    assert (
        from_plain(Experiment, {"diffusion": {"prediction": "START_X"}}).diffusion.prediction is ModelMeanType.START_X
    )


def test_averages_need_a_rate_and_different_ones():
    assert lines(Experiment, {"training": {"ema_rates": []}})[0].startswith("training.ema_rates: ")
    (line,) = lines(Experiment, {"training": {"ema_rates": [0.9, 0.5, 0.9]}})
    assert line.startswith("training.ema_rates: different rates wanted, got [0.9, 0.5, 0.9]")


@pytest.mark.parametrize("value", ["1e3", "1.0e+3", "1000", 1000, 1000.0])
def test_whole_numbers_may_be_written_with_an_exponent(value):
    assert from_plain(TrainingSettings, {"num_steps": value}).num_steps == 1000


def test_whole_numbers_in_lists_may_be_written_with_an_exponent():
    network = {"name": "unet", "channel_mult": ["1e0", 2]}
    assert from_plain(Experiment, {"network": network}).network.options.channel_mult == (1, 2)


@pytest.mark.parametrize("value", ["1e-3", "1.5", "1e999", "nan"])
def test_other_numbers_are_no_whole_ones(value):
    assert lines(TrainingSettings, {"num_steps": value})[0].endswith(f"got {value!r}")


def test_nested_values_by_dotted_path():
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_of_endlessly_many_unknown_names_a_few_are_told():
    many = {f"{n}" * 30: n for n in range(100_000)}
    found = cheap(lambda: lines(TrainingSettings, many | {"batch_size": [0] * 900}))
    assert len(found) == 22
    assert sum(map(len, found)) < 50_000
    assert "...: 99,980 more names that are no settings" in found


def test_an_unknown_name_of_megabytes_is_told_in_part():
    (line,) = cheap(lambda: lines(TrainingSettings, {"x" * 2**22: 1}))
    assert line.startswith("x" * 100 + ": no such setting")
    (line,) = cheap(lambda: lines(Experiment, {"sampler": {"name": "ddi" + "m" * 2**22}}))
    assert len(line) < 300


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "inf"])
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(value):
    for section, name in (("training", "clip_grad_norm"), ("training", "learning_rate"), ("data", "timeout")):
        with pytest.raises(SettingsError) as error:
            from_plain(Experiment, {section: {name: value}})
        assert error.value.lines[0].startswith(f"{section}.{name}: should be ")
