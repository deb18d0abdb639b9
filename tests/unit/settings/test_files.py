"""Files and overrides are laid over one another."""

import itertools
from dataclasses import replace

import pytest

from idm.core.errors import SettingsError
from idm.presets import PRESETS
from idm.settings import Experiment, resolve, to_plain
from idm.settings.files import fold, lay_and_fit, parse_override, read_settings, value_in_words


def test_overrides_lie_over_the_file_and_the_file_over_the_base(tmp_path):
    (tmp_path / "a.yaml").write_text("training: {num_steps: 5, batch_size: 3}\n")
    experiment = resolve(
        PRESETS.build("digits", {}), file=tmp_path / "a.yaml", overrides=["training.num_steps=7", "sampler.eta=0.3"]
    )
    assert experiment.training.num_steps == 7
    assert experiment.training.batch_size == 3
    assert experiment.training.learning_rate == PRESETS.build("digits", {}).training.learning_rate
    assert experiment.sampler.options.eta == 0.3


def test_a_section_that_changes_its_name_drops_the_options_of_the_old_one():
    base = resolve(Experiment(), overrides=["sampler.name=ddim", "sampler.eta=0.3"])
    changed = resolve(base, overrides=["sampler.name=ddpm"])
    assert changed.sampler.get("eta") is None
    same = resolve(base, overrides=["sampler.name=ddim"])
    assert same.sampler.options.eta == 0.3


def test_toml_and_yaml_say_the_same(tmp_path):
    (tmp_path / "a.toml").write_text("seed = 4\n[training]\nlearning_rate = 2e-4\nema_rates = [0.9, 0.99]\n")
    (tmp_path / "a.yaml").write_text("seed: 4\ntraining: {learning_rate: 2e-4, ema_rates: [0.9, 0.99]}\n")
    assert resolve(Experiment(), file=tmp_path / "a.toml") == resolve(Experiment(), file=tmp_path / "a.yaml")


def test_a_file_of_an_earlier_version_is_read_in_names_of_today(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("network: {name: unet, channel_mult: [1, 2], checkpoint_levels: 2}\n")
    assert resolve(Experiment(), file=file).network.options.checkpoint_stages == 2
    file.write_text("network: {name: unet, checkpoint_levels: 2, checkpoint_stages: 1}\n")
    with pytest.raises(SettingsError, match=r"^network\.checkpoint_levels: no such setting"):
        resolve(Experiment(), file=file)
    file.write_text("network: 3\n")
    assert read_settings(file) == {"network": 3}


def test_channels_of_a_condition_that_were_a_setting_once_are_passed_over_where_there_were_none(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text("network: {name: unet, low_res_channels: 0}\n")
    assert resolve(Experiment(), file=file) == resolve(Experiment(), overrides=["network.name=unet"])
    for other in ("3", "false", "[0]"):
        file.write_text(f"network: {{name: unet, low_res_channels: {other}}}\n")
        with pytest.raises(SettingsError, match=r"^network\.low_res_channels: no such setting"):
            resolve(Experiment(), file=file)


@pytest.mark.parametrize("path", ["network.checkpoint_levels", "checkpoint_levels"])
def test_an_earlier_name_that_is_typed_is_answered_by_that_of_today(path):
    with pytest.raises(SettingsError, match=r"no such setting; did you mean '?network\.checkpoint_stages'?\?$"):
        resolve(Experiment(), overrides=[f"{path}=2"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a.b.c=x y", {"a": {"b": {"c": "x y"}}}),
        ("a=1,2", {"a": "1,2"}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a=none", {"a": "none"}),
        ("a=null", {"a": None}),
        ("a=x=y", {"a": "x=y"}),
        ("a={", {"a": "{"}),
        ("a=true", {"a": True}),
    ],
)
def test_overrides(text, expected):
    assert parse_override(text) == expected


@pytest.mark.parametrize("text", ["", "a", "=3", " =3"])
def test_what_is_no_override(text):
    with pytest.raises(SettingsError, match="PATH=VALUE wanted"):
        parse_override(text)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: [", "not valid yaml"),
        ("a.toml", "a = ", "not valid toml"),
        ("a.yaml", "- 1\n", "got list"),
        ("a.yaml", "", "got NoneType"),
    ],
)
def test_files_that_hold_no_settings(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_settings(tmp_path / name)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not valid"):
        read_settings(tmp_path / "a.yaml")


IN_ANY_ORDER = {
    "steps of another sampler": (["sampler.steps=10", "sampler.name=ddpm"], lambda e: e.sampler.steps == 10),
    "length of another schedule": (
        ["schedule.num_timesteps=100", "schedule.name=linear"],
        lambda e: e.schedule.options.num_timesteps == 100,
    ),
    "width of another network": (
        ["network.name=mlp", "network.width=32", "seed=2"],
        lambda e: (e.network.options.width, e.seed) == (32, 2),
    ),
}


@pytest.mark.parametrize(("overrides", "holds"), IN_ANY_ORDER.values(), ids=IN_ANY_ORDER.keys())
def test_the_order_of_overrides_does_not_matter(overrides, holds):
    found = [resolve(Experiment(), overrides=order) for order in itertools.permutations(overrides)]
    assert all(experiment == found[0] for experiment in found)
    assert holds(found[0])


def test_a_section_that_changes_its_name_keeps_its_own_settings_and_what_both_members_have():
    digits = PRESETS.build("digits", {})
    changed = resolve(digits, overrides=["schedule.name=linear", "sampler.name=ddpm"])
    assert changed.schedule.noise_floor == digits.schedule.noise_floor == 0.06
    assert changed.sampler.steps == digits.sampler.steps
    long = resolve(digits, overrides=["schedule.num_timesteps=400"])
    assert resolve(long, overrides=["schedule.name=linear"]).schedule.options.num_timesteps == 400


def test_an_option_of_the_old_member_is_refused_where_it_is_asked_for():
    with pytest.raises(SettingsError, match=r"sampler\.eta: an option of ddpm wanted, got one of ddim"):
        resolve(Experiment(), overrides=["sampler.eta=0.3", "sampler.name=ddpm"])


def test_of_two_values_for_one_setting_the_last_counts():
    assert fold(["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize("overrides", [["a.b=1", "a.b.c=2"], ["a.b.c=2", "a.b=1"]])
def test_a_value_and_a_part_of_it_are_refused_in_either_order(overrides):
    with pytest.raises(SettingsError, match=r"set=a\.b: one value, or settings in it wanted, got both"):
        fold(overrides)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 1e-5, 1e22, "text", "", "1", "true", "null", "[]", "a: b", "2,3", "it's", [], [2], [1, 2.5]],
)
def test_a_value_in_words_is_read_as_that_value(value):
    key = {str: "data.held_out_list", list: "training.ema_rates"}.get(type(value), "seed")
    read = parse_override(f"{key}={value_in_words(value)}")
    for name in key.split("."):
        read = read[name]
    if isinstance(value, list) and len(value) != 1 and value:
        assert [float(part) for part in read.split(",")] == value  # as settings split it
    else:
        assert (float(read) if isinstance(value, float) else read) == (value[0] if value == [2] else value)


@pytest.mark.parametrize(
    "value",
    [
        {"a": None},
        {"a": {"b": 1e-5, "c": "1"}, "d": [True, "x y"]},
        ["1", "2"],
        [None, 1],
        [["a", "b"], []],
        ["a,b", "c"],
        {"long": "word " * 50},
    ],
)
def test_mappings_and_odd_lists_in_words_are_read_as_they_are(value):
    assert parse_override(f"seed={value_in_words(value)}") == {"seed": value}


def test_no_attention_is_written_as_it_is_read():
    none = resolve(Experiment(), overrides=["network.attention_resolutions=[]"])
    words = value_in_words(to_plain(none)["network"]["attention_resolutions"])
    assert resolve(Experiment(), overrides=[f"network.attention_resolutions={words}"]) == none


def test_a_folder_in_place_of_a_settings_file_is_data(tmp_path):
    with pytest.raises(SettingsError, match=r"got a folder; give data as data=PATH"):
        read_settings(tmp_path)


def test_an_experiment_of_a_run_is_taken_further_without_other_changes():
    digits = PRESETS.build("digits", {})
    started = resolve(digits, overrides=["training.num_steps=60", "training.ema_rates=0.67"])
    longer = resolve(started, overrides=["training.num_steps=90"])
    assert longer == replace(started, training=replace(started.training, num_steps=90))
    assert resolve(digits, overrides=["training.num_steps=60"]).training.warmup_steps == 6  # a tenth


def test_a_run_that_goes_on_keeps_what_its_file_gives_and_what_it_was_started_with():
    base = Experiment()
    file = {"training": {"num_steps": 300, "batch_size": 16, "warmup_steps": 30}}
    first = lay_and_fit(base, file, {"training": {"num_steps": 30}}, base.training)
    assert (first.training.batch_size, first.training.warmup_steps) == (16, 3)
    other = replace(first, training=replace(first.training, batch_size=8))  # begun with another file
    further = lay_and_fit(base, file, {"training": {"num_steps": 60}}, base.training, other)
    assert (further.training.batch_size, further.training.warmup_steps) == (16, 3)


@pytest.mark.parametrize(
    ("text", "override", "named"),
    [
        ("training: 3", "training.num_steps=5", "training: a group of settings wanted, got 3"),
        (
            "training: !!set {num_steps, batch_size}",
            "training.num_steps=5",
            "training: a group of settings wanted, got {",
        ),
        ("data: {source: digits}", "data.source.size=9", "data.source: a group of settings wanted, got 'digits'"),
    ],
)
def test_a_section_that_is_none_is_refused_also_where_an_override_lies_over_it(tmp_path, text, override, named):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        resolve(Experiment(), file=tmp_path / "a.yaml", overrides=[override])
    assert error.value.lines[0].startswith(named)
