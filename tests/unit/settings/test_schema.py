"""Every setting can be listed with its type, default and meaning."""

import pytest

from idm.core.errors import DataError, SettingsError
from idm.settings import experiment as settings
from idm.settings.schema import REQUIRED, OpenSection, described, option_keys, option_paths, section_keys

OPEN = [
    settings.SourceSettings,
    settings.ScheduleSettings,
    settings.NetworkSettings,
    settings.TimestepSettings,
    settings.SamplerSettings,
]
CLOSED = [settings.Experiment, settings.DataSettings, settings.DiffusionSettings, settings.TrainingSettings]


@pytest.mark.parametrize("section", OPEN + CLOSED)
def test_every_key_of_every_section_has_a_meaning(section):
    assert all(key.meaning for key in section_keys(section))


@pytest.mark.parametrize("section", OPEN)
def test_every_option_of_every_member_has_a_meaning_and_a_type(section):
    for name in section.family:
        for key in option_keys(section, name):
            assert key.meaning, (name, key.name)
            assert key.annotation is not REQUIRED, (name, key.name)


def test_open_sections_are_known():
    assert all(issubclass(section, OpenSection) for section in OPEN)
    assert not any(issubclass(section, OpenSection) for section in CLOSED)


def test_what_the_program_supplies_is_no_setting():
    names = {key.name for key in option_keys(settings.NetworkSettings, "unet")}
    assert names.isdisjoint({"in_channels", "out_channels", "num_classes", "dims"})
    assert "diffusion" not in {key.name for key in option_keys(settings.SamplerSettings, "ddim")}


def test_meanings_are_read_from_docstrings_over_several_lines():
    def function(first: int, second: int) -> None:
        """Do it.

        Args:
            first: one
                and a half.
            second (int): two: with a colon.

        Raises:
            ValueError: never.
        """

    assert described(function) == {"first": "one and a half.", "second": "two: with a colon."}


@pytest.mark.parametrize("kind", [SettingsError, DataError])
def test_errors_about_options_get_their_path(kind):
    with pytest.raises(kind) as error, option_paths("sampler", ["eta"]):
        raise kind("eta: too large", "steps: too many", "etas: other")
    assert error.value.lines == ("sampler.eta: too large", "steps: too many", "etas: other")
