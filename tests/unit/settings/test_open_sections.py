"""The options of an open section are those of its member, complete from the beginning."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from idm.core.errors import SettingsError, UnknownNameError
from idm.presets import PRESETS
from idm.samplers import DDIMClipping
from idm.settings import Experiment, from_plain, to_plain
from idm.settings import options as classes
from idm.settings.experiment import OPEN_SECTIONS, NetworkSettings, SamplerSettings, SourceSettings
from idm.settings.schema import OpenSection
from idm.settings.validate import lay

CAP = {"last_noise_cap": 0.0, "last_noise_steps": 1}
DDIM = {"clip_denoised": True, "threshold": 0.0, "eta": 0.0, "clipping": DDIMClipping.REDERIVE, **CAP}
"""The options of ``SamplerDDIM`` with their defaults, in the order of its constructor."""


def test_options_have_the_defaults_of_the_member_in_the_order_of_its_constructor():
    options = SamplerSettings().options
    assert vars(options) == DDIM
    assert [entry.name for entry in fields(options)] == list(DDIM)
    assert vars(SamplerSettings("ddpm").options) == {"clip_denoised": True, "threshold": 0.0, **CAP}


def test_what_is_not_given_is_filled_in_wherever_a_section_is_made():
    assert vars(SamplerSettings(options={"eta": 0.5}).options) == DDIM | {"eta": 0.5}
    assert Experiment() == from_plain(Experiment, {}) == from_plain(Experiment, to_plain(Experiment()))


def test_options_are_frozen_and_a_changed_one_is_a_replacement():
    sampler = SamplerSettings()
    with pytest.raises(FrozenInstanceError):
        sampler.options.eta = 0.5
    assert sampler.with_options(eta=0.5) == replace(sampler, options=replace(sampler.options, eta=0.5))
    assert sampler.with_options(eta=0.5).not_default == {"eta": 0.5}
    assert sampler.options.eta == 0.0


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            lambda: SamplerSettings(options={"etta": 1}),
            "sampler: options of ddim wanted "
            "(clip_denoised, threshold, eta, clipping, last_noise_cap, last_noise_steps), got etta",
        ),
        (
            lambda: SamplerSettings(options=3),
            "sampler: options of ddim wanted "
            "(clip_denoised, threshold, eta, clipping, last_noise_cap, last_noise_steps), got int",
        ),
        (
            lambda: SourceSettings("nifti", {"labels": "none"}),
            "data.source: options of nifti wanted (path, samples, missing, fill, labels, split), got labels",
        ),
        (
            lambda: SourceSettings("hdf5"),
            "data.source: options of hdf5 wanted (path, key, labels_key, channels, spatial_dims, samples, missing, "
            "fill), got NoneType",
        ),
    ],
)
def test_options_that_are_not_the_member_s_are_refused(make, line):
    with pytest.raises(SettingsError) as error:
        make()
    assert error.value.lines == (f"{line}; name only these, and all that have no default",)


@pytest.mark.parametrize("section", OPEN_SECTIONS)
def test_options_of_every_member_are_found_by_name(section: type[OpenSection]) -> None:
    kinds = {name: section.options_of(name) for name in section.family}
    assert all(getattr(classes, kind.__name__) is kind for kind in kinds.values())
    assert len({kind.__name__ for kind in kinds.values()}) == len(kinds)
    if section is not SourceSettings:  # of some sources a path must be given
        made = section().options
        assert pickle.loads(pickle.dumps(made)) == made


def test_options_by_name_are_those_of_their_section() -> None:
    assert SamplerSettings(options=classes.SamplerDDIMOptions(eta=0.3)) == SamplerSettings(options={"eta": 0.3})
    with pytest.raises(AttributeError, match="no attribute 'SamplerDDIMOption'"):
        _ = classes.SamplerDDIMOption


def test_a_name_that_is_replaced_alone_is_told_what_to_give_with_it() -> None:
    with pytest.raises(
        SettingsError, match=r"got SamplerDDIMOptions; give options=\{\} for the defaults of another name$"
    ):
        replace(SamplerSettings(), name="ddpm")
    assert replace(SamplerSettings(), name="ddpm", options={}).options == classes.SamplerDDPMOptions()


def test_a_member_that_is_not_there_is_refused_with_the_nearest_one():
    with pytest.raises(UnknownNameError, match="sampler: unknown name 'ddin'; did you mean 'ddim'"):
        SamplerSettings("ddin")


@pytest.mark.parametrize("name", PRESETS)
def test_an_experiment_can_be_pickled_copied_and_hashed(name):
    experiment = PRESETS.build(name, {})
    for other in (pickle.loads(pickle.dumps(experiment)), copy.deepcopy(experiment)):
        assert other == experiment
        assert hash(other) == hash(experiment)


def test_an_experiment_on_an_index_can_be_pickled():
    settings = SourceSettings("index", {"path": "index.jsonl"})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_one_option_laid_over_an_experiment_replaces_one_section():
    base = Experiment()
    changed = lay(base, {"sampler": {"eta": 0.3}})
    assert changed == replace(base, sampler=base.sampler.with_options(eta=0.3))
    others = [entry.name for entry in fields(base) if entry.name != "sampler"]
    assert all(getattr(changed, name) is getattr(base, name) for name in others)


def test_a_member_takes_over_what_was_meant_and_has_its_own_defaults_for_the_rest():
    usual = SourceSettings("image_folder", {"path": "a"})
    told = SourceSettings("image_folder", {"path": "a", "labels": "folder", "max_pixels": 9})
    assert lay(usual, {"name": "nifti"}).options.labels == "none"
    other = lay(told, {"name": "tiff_stack"}).options
    assert (other.path, other.labels, other.max_pixels) == ("a", "folder", 9)


def test_of_several_layers_the_last_counts_and_only_what_counts_is_checked():
    found = lay(Experiment(), {"seed": "word", "sampler": {"eta": 0.3}}, {"seed": 3, "sampler": {"steps": 7}})
    assert (found.seed, found.sampler.options.eta, found.sampler.steps) == (3, 0.3, 7)


def test_a_layer_that_names_another_member_drops_the_options_below_that_it_does_not_have():
    layers = {"sampler": {"eta": 0.3, "clip_denoised": False}}, {"sampler": {"name": "ddpm"}}
    assert lay(Experiment(), *layers).sampler == SamplerSettings("ddpm", {"clip_denoised": False}, few_steps="ddpm")
    with pytest.raises(SettingsError, match=r"sampler\.eta: an option of ddpm wanted, got one of ddim"):
        lay(Experiment(), *reversed(layers))


def test_mappings_are_joined_and_no_layer_is_changed():
    below, above = {"name": "custom", "make": "a:b", "arguments": {"c": {"d": 1}}}, {"arguments": {"c": {"e": 2}}}
    expected = {"c": {"d": 1, "e": 2}}
    assert lay(NetworkSettings(), below, above).options.arguments == expected
    assert lay(lay(NetworkSettings(), below), above).options.arguments == expected
    assert (below["arguments"], above) == ({"c": {"d": 1}}, {"arguments": {"c": {"e": 2}}})


@pytest.mark.parametrize("name", [["a"], 3, None, {"a": 1}])
def test_a_name_that_is_no_text_is_refused_with_the_names_there_are(name: object) -> None:
    with pytest.raises(
        SettingsError, match=r"^sampler\.name: one of ddpm, ddim, multistep, heun wanted, got "
    ) as caught:
        from_plain(Experiment, {"sampler": {"name": name}})
    assert len(caught.value.lines) == 1


@pytest.mark.parametrize(
    ("sampler", "few_steps"),
    [
        (SamplerSettings(), "multistep"),
        (SamplerSettings("ddpm", steps=10), "ddpm"),
        (SamplerSettings("ddpm", few_steps="heun"), "heun"),
        (lay(SamplerSettings(), {"name": "ddim"}), "ddim"),
        (lay(SamplerSettings(), {"steps": 10}), "multistep"),
        (from_plain(SamplerSettings, to_plain(SamplerSettings())), "multistep"),
    ],
)
def test_a_sampler_that_is_named_takes_few_steps_too(sampler: SamplerSettings, few_steps: str) -> None:
    assert sampler.few_steps == few_steps
    assert from_plain(SamplerSettings, to_plain(sampler)) == sampler


def test_a_sampler_for_few_steps_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^few_steps: one of .*multistep.* wanted, got heum$"):
        SamplerSettings(few_steps="heum")
