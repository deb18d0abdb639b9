"""What is inferred of data follows what is said of them, in files and by overrides."""

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError, IdmError, SettingsError
from idm.settings import to_plain
from idm.tasks.choose import choose_experiment, what_is_new


@pytest.fixture
def chosen(tmp_path):
    """Choose an experiment for data, from a settings file as text, a preset and overrides."""

    def choose(data, *overrides, config=None, preset=None):
        file = None if config is None else tmp_path / "settings.yaml"
        if file is not None:
            file.write_text(config)
        return choose_experiment(
            file, preset, None if data is None else str(data), tmp_path / "run", overrides
        ).experiment

    return choose


@pytest.fixture
def unclear(tmp_path):
    """An array whose axes cannot be told apart."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (40, 10, 12, 16)).astype(np.uint8))
    return tmp_path / "x.npy"


def options(experiment):
    return {key: value for key, value in to_plain(experiment)["data"]["source"].items() if value is not None}


@pytest.mark.parametrize("said", ["channels: first", "spatial_dims: 2", "{name: arrays, channels: first}"])
def test_what_a_refusal_asks_for_is_heard_from_overrides_and_files(chosen, unclear, said):
    with pytest.raises(DataError, match=r"set data\.source\.channels=first"):
        chosen(unclear)
    of_file = f"data:\n  source:\n    {said}\n" if said[0] != "{" else f"data: {{source: {said}}}\n"
    by_file = chosen(unclear, config=of_file)
    assert by_file.network.name == "unet"
    if said[0] != "{":
        assert chosen(unclear, "data.source." + said.replace(": ", "=")) == by_file


def test_the_network_is_for_the_window_that_is_cut(chosen, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((20, 1, 64, 64), np.uint8))
    np.save(tmp_path / "small.npy", np.zeros((20, 1, 8, 8), np.uint8))
    assert chosen(tmp_path / "x.npy", "data.random_crop=8").network == chosen(tmp_path / "small.npy").network
    assert chosen(tmp_path / "x.npy").network != chosen(tmp_path / "small.npy").network


def test_the_network_is_for_the_size_that_images_are_brought_to(chosen, tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        Image.new("L", (70 + number, 80)).save(tmp_path / "pictures" / f"{number}.png")
    np.save(tmp_path / "small.npy", np.zeros((20, 1, 8, 8), np.uint8))
    asked = chosen(tmp_path / "pictures", "data.source.image_size=8")
    assert options(asked)["image_size"] == 8
    assert asked.network == chosen(tmp_path / "small.npy").network
    by_file = chosen(tmp_path / "pictures", config="data: {source: {image_size: 8}}\n")
    assert by_file.network == asked.network
    assert options(chosen(tmp_path / "pictures"))["image_size"] == 64


@pytest.mark.parametrize("by_file", [False, True])
def test_what_is_inferred_of_network_and_sampler_follows_what_is_given(chosen, tmp_path, by_file):
    np.save(tmp_path / "x.npy", np.zeros((20, 1, 64, 64), np.uint8))
    file = "network: {channel_mult: [1, 2], model_channels: 6}\nschedule: {num_timesteps: 30}\n"
    given = ("channel_mult=1,2", "model_channels=6", "num_timesteps=30")
    found = chosen(tmp_path / "x.npy", config=file) if by_file else chosen(tmp_path / "x.npy", *given)
    options = found.network.options
    assert (options.channel_mult, options.attention_resolutions, options.num_heads) == ((1, 2), (), 2)
    assert found.sampler.steps == 0  # all of the 30
    with pytest.raises(SettingsError, match=r"network\.channel_mult"):
        chosen(tmp_path / "x.npy", "channel_mult=wide")


def test_labels_that_are_not_used_are_not_dropped(chosen, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((20, 1, 8, 8), np.uint8), y=np.arange(20) % 2)
    assert chosen(tmp_path / "x.npz").training.label_dropout > 0
    assert chosen(tmp_path / "x.npz", "data.class_conditional=false").training.label_dropout == 0


def test_the_named_array_is_looked_at(chosen, tmp_path):
    np.savez(tmp_path / "x.npz", first=np.zeros((20, 1, 8, 8), np.uint8), second=np.zeros((20, 1, 16, 16), np.uint8))
    with pytest.raises(DataError, match=r"set data\.source\.key"):
        chosen(tmp_path / "x.npz")
    small, large = (chosen(tmp_path / "x.npz", f"data.source.key={key}") for key in ("first", "second"))
    assert small.network != large.network


def test_the_named_source_opens_the_path(chosen, tmp_path):
    pages = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in range(6)]
    (tmp_path / "stacks").mkdir()
    for name in ("a", "b"):
        pages[0].save(tmp_path / "stacks" / f"{name}.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="6 frames"):
        chosen(tmp_path / "stacks")
    by_override = chosen(tmp_path / "stacks", "data.source.name=tiff_stack", "data.source.pages=depth")
    assert options(by_override)["path"] == str(tmp_path / "stacks")
    by_file = chosen(tmp_path / "stacks", config="data: {source: {name: tiff_stack, pages: depth}}\n")
    assert by_file == by_override
    with pytest.raises(SettingsError, match="did you mean 'tiff_stack'"):
        chosen(tmp_path / "stacks", "data.source.name=tif_stack")


def test_of_several_kinds_in_a_folder_the_named_one_is_opened(chosen, tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        Image.new("L", (8, 8), number).save(tmp_path / "pictures" / f"{number}.png")
    (tmp_path / "pictures" / "list.csv").write_text("path\n0.png\n2.png\n")
    np.save(tmp_path / "pictures" / "x.npy", np.zeros((5, 1, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"set data\.source\.name"):
        chosen(tmp_path / "pictures")
    places = {"csv": "list.csv", "arrays": "x.npy", "image_folder": ""}
    for name, place in places.items():
        found = options(chosen(tmp_path / "pictures", f"data.source.name={name}"))
        assert found["path"] == str(tmp_path / "pictures" / place)


def test_the_path_counts_more_than_a_files_and_overrides_more_than_both(chosen, unclear, tmp_path):
    file = f"data: {{source: {{name: hdf5, path: {tmp_path}/gone.h5, channels: last, key: x}}, held_out: 3}}\n"
    found = chosen(unclear, "data.source.key=null", "data.held_out=5", config=file)
    assert (options(found)["name"], options(found)["path"]) == ("arrays", str(unclear))
    assert (options(found)["channels"], found.data.held_out) == ("last", 5)


def test_data_take_the_place_of_a_presets_and_keep_its_size(chosen, tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        Image.new("RGB", (70 + number, 80)).save(tmp_path / "pictures" / f"{number}.png")
    (tmp_path / "pictures" / "list.csv").write_text("path\n0.png\n1.png\n2.png\n")
    for path in (tmp_path / "pictures", tmp_path / "pictures" / "list.csv"):
        found = chosen(path, preset="cifar10")
        assert options(found)["image_size"] == 32
        assert found.network == chosen(None, preset="cifar10").network
    other = chosen(tmp_path / "pictures", "data.source.image_size=16", preset="cifar10", config="seed: 3\n")
    assert (options(other)["image_size"], other.seed) == (16, 3)


@pytest.mark.parametrize("config", ["data: 3\n", "data: {source: 3}\n", "data: {source: {chanels: first}}\n"])
def test_wrong_files_beside_data_are_refused_by_path(chosen, unclear, config):
    with pytest.raises(IdmError, match=r"data(\.source)?: a group of settings|did you mean 'data\.source\.channels'"):
        chosen(unclear, "data.source.channels=first", config=config)


def test_a_source_without_a_path_is_refused_beside_one_and_inferred_from_alone(chosen, unclear):
    with pytest.raises(SettingsError, match=r"data\.source\.name: a source that opens a path wanted beside data"):
        chosen(unclear, "data.source.name=digits")
    found = chosen(None, "data.source.name=digits", "data.source.size=16")
    assert options(found) == {"name": "digits", "size": 16}
    assert found.training.label_dropout > 0


def test_what_is_printed_is_what_was_asked_for(chosen, unclear):
    experiment, given = chosen(unclear, "data.source.channels=last", "data.random_crop=8"), {"data.random_crop"}
    lines = list(what_is_new(experiment, given))
    assert "data.source.channels=last" in lines
    assert not any(line.startswith("data.random_crop") for line in lines)
