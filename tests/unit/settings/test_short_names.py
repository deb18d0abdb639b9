"""Settings by the end of their path."""

import pytest

from idm.core.errors import SettingsError
from idm.settings import Experiment, resolve
from idm.settings.short_names import in_full, setting_paths


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("num_steps=4", "training.num_steps=4"),
        (" num_steps =4", "training.num_steps=4"),
        ("eta=0.5", "sampler.eta=0.5"),
        ("source.name=digits", "data.source.name=digits"),
        ("held_out_list=a=b.txt", "data.held_out_list=a=b.txt"),
        ("source={name: digits}", "data.source={name: digits}"),
        ("training.num_steps=4", "training.num_steps=4"),
        ("seed=3", "seed=3"),
    ],
)
def test_the_end_of_one_path_stands_for_it(given, expected):
    assert in_full(given) == expected


def test_every_setting_is_found_by_its_name_unless_others_share_it():
    names = [path.rpartition(".")[2] for path in setting_paths()]
    for path, name in zip(setting_paths(), names, strict=True):
        if names.count(name) == 1:
            assert in_full(f"{name}=x") == f"{path}=x"


def test_the_end_of_several_paths_is_refused_with_all_of_them():
    with pytest.raises(SettingsError) as refusal:
        in_full("name=ddim")
    (line,) = refusal.value.lines
    named = [path for path in setting_paths() if path.endswith(".name")]
    assert len(named) == 5
    assert all(path in line for path in named)
    for path in named:
        assert in_full(f"{path}=x") == f"{path}=x"


@pytest.mark.parametrize(
    ("given", "wanted"), [("num_step=4", "'training.num_steps'"), ("clip_denoise=true", "'sampler.clip_denoised'")]
)
def test_a_misspelt_name_is_refused_with_the_nearest_setting(given, wanted):
    with pytest.raises(SettingsError, match=f"no such setting; did you mean {wanted}"):
        in_full(given)


@pytest.mark.parametrize("given", ["trainign=3", "num_steps", "=4", "nothing.like.that=4"])
def test_what_is_no_name_of_a_setting_is_left_to_later_checks(given):
    assert in_full(given) == given


def test_short_names_lie_over_an_experiment_as_whole_paths_do():
    short = resolve(Experiment(), overrides=["num_steps=7", "eta=0.5", "sampler.steps=3"])
    assert short == resolve(Experiment(), overrides=["training.num_steps=7", "sampler.eta=0.5", "sampler.steps=3"])


def test_names_of_options_of_sources_mean_the_samples_and_those_of_conditions_are_found_by_their_section():
    assert in_full("image_size=8") == "data.source.image_size=8"
    assert in_full("condition.image_size=8") == "data.condition.image_size=8"
    assert in_full("condition={name: none}") == "data.condition={name: none}"
