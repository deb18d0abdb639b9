"""Training that begins with the weights of another run."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import CheckpointError, SettingsError
from idm.core.progress import SILENT
from idm.run import load
from idm.storage import Checkpoint
from idm.tasks import train
from idm.tasks.choose import choose_experiment
from idm.tasks.initial import Origin
from idm.training import ema_name

SMALL = (
    "network.model_channels=8",
    "network.num_res_blocks=1",
    "network.num_heads=1",
    "network.channel_mult=1,1",
    "network.attention_resolutions=[]",
    "schedule.num_timesteps=20",
    "sampler.steps=2",
    "training.posthoc_sigma_rels=[]",
    "training.bound_images=4",
)
STILL = ("training.num_steps=1", "training.learning_rate=1e-30")
"""One step that changes no weight."""


def go(out, *overrides, init=None, data=None, preset=None):
    chosen = choose_experiment(None, preset, None if data is None else str(data), out, overrides, init)
    return train(chosen.experiment, out, device="cpu", init=init, adapt=chosen.adapt, listener=SILENT)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of the digits, whose average is not its weights."""
    folder = tmp_path_factory.mktemp("init") / "first"
    go(folder, *SMALL, "training.num_steps=3", "training.learning_rate=1e-2", preset="digits")
    return folder


def pictures(folder, count=20, *, channels=1, size=8, labels=None):
    data = np.random.default_rng(0).integers(0, 256, (count, channels, size, size)).astype(np.uint8)
    np.savez(folder / "x.npz", data=data, **({} if labels is None else {"labels": labels}))
    return folder / "x.npz"


def same(found, wanted, *, but=()):
    assert found.keys() == wanted.keys()
    return {name for name in found if not torch.equal(found[name], wanted[name])} == set(but)


def test_a_new_run_begins_with_the_first_average_and_says_where_it_is_from(first, tmp_path):
    begun, origin = go(tmp_path / "a", *STILL, init=first), load(first, device="cpu")
    assert same(begun.network.state_dict(), origin.network.state_dict())
    said = Checkpoint(begun.checkpoint).document("origin")
    weights = ema_name(origin.experiment.training.ema_rates[0])
    manifest = json.loads((origin.checkpoint / "manifest.json").read_text())
    assert said == {
        "checkpoint": str(origin.checkpoint),
        "step": 3,
        "weights": weights,
        "sha256": manifest["files"][f"{weights}.safetensors"]["sha256"],
    }


def test_one_checkpoint_will_do_and_the_seed_is_of_no_matter(first, tmp_path):
    origin = load(first, device="cpu")
    chosen = choose_experiment(None, None, None, tmp_path / "a", (*STILL, "seed=5"), origin.checkpoint)
    begun = train(chosen.experiment, str(tmp_path / "a"), init=str(origin.checkpoint), device="cpu", listener=SILENT)
    assert same(begun.network.state_dict(), origin.network.state_dict())


def test_the_same_again_goes_on_also_where_the_first_run_is_gone(first, tmp_path):
    moved = tmp_path / "moved"
    moved.symlink_to(first, target_is_directory=True)
    go(tmp_path / "a", "training.num_steps=2", init=moved)
    said = Checkpoint(load(tmp_path / "a", device="cpu").checkpoint).document("origin")
    moved.unlink()
    again = go(tmp_path / "a", "training.num_steps=4", init=moved)
    assert again.step == 4
    assert Checkpoint(again.name).document("origin") == said


def test_own_data_of_another_size_are_trained_on_with_the_network_of_the_first_run(first, tmp_path, capsys):
    data = pictures(tmp_path, size=16)
    begun, origin = go(tmp_path / "a", *STILL, init=first, data=data), load(first, device="cpu")
    assert begun.spec.shape == (1, 16, 16)
    assert begun.experiment.network == origin.experiment.network
    assert begun.experiment.diffusion == origin.experiment.diffusion
    assert begun.experiment.data.held_out == 0.1
    weights = origin.network.state_dict()
    weights.pop("label_emb.weight")
    assert same(begun.network.state_dict(), weights)
    assert "classes there are left out" in capsys.readouterr().err


@pytest.mark.parametrize("told", [(), ("image_size=null",)])
def test_images_are_brought_to_the_size_of_the_samples_that_the_weights_are_of(first, tmp_path, told):
    for number, size in enumerate((20, 20, 20, 20)):
        Image.effect_noise((size, size), 60).save(tmp_path / f"{number}.png")
    begun = choose_experiment(None, None, str(tmp_path), tmp_path / "a", (*STILL, "held_out=1", *told), first)
    assert begun.experiment.data.source.get("image_size") == (None if told else 8)


def test_images_are_of_that_size_also_where_those_of_the_first_run_were_kept_as_they_were(tmp_path):
    for folder, size in (("own", 8), ("new", 20)):
        (tmp_path / folder).mkdir()
        for number in range(4):
            Image.effect_noise((size, size), 60).save(tmp_path / folder / f"{number}.png")
    origin = go(tmp_path / "first", *SMALL, *STILL, "held_out=1", data=tmp_path / "own")
    assert origin.experiment.data.source.options.image_size is None
    begun = go(tmp_path / "a", *STILL, "held_out=1", init=origin.checkpoint, data=tmp_path / "new")
    assert begun.spec.shape == (1, 8, 8)


def test_classes_of_the_same_names_are_known_and_others_begin_anew(first, tmp_path, capsys):
    names = np.array(["3", "seven", "7", "9"] * 5)
    begun = go(tmp_path / "a", *STILL, init=first, data=pictures(tmp_path, labels=names))
    table, old = (run.network.state_dict()["label_emb.weight"] for run in (begun, load(first, device="cpu")))
    assert begun.spec.class_names == ("3", "7", "9", "seven")
    assert torch.equal(table[[0, 1, 2, 4]], old[[3, 7, 9, 10]])  # the last row stands for no class
    assert not (old == table[3]).all(1).any()
    assert "1 of 4 classes are not known there and begin anew" in capsys.readouterr().err


def test_a_network_without_classes_gets_a_table_of_them(first, tmp_path, capsys):
    go(tmp_path / "a", *STILL, "data.class_conditional=false", init=first)
    begun = go(tmp_path / "b", *STILL, "data.class_conditional=true", init=tmp_path / "a")
    assert begun.spec.num_classes == 10
    assert "10 of 10 classes are not known there" in capsys.readouterr().err


def test_another_prediction_is_learned_anew_with_a_line(first, tmp_path, capsys):
    go(tmp_path / "a", *STILL, "diffusion.prediction=epsilon", init=first)
    assert "the weights predict v, and begin anew to predict epsilon" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "tensor", "advice"),
    [
        (["network.model_channels=16"], "is [32, 8] there and [64, 16] here", ["network.model_channels=8"]),
        (
            ["network.channel_mult=1", "network.use_scale_shift_norm=false"],
            "more; set",
            ["network.channel_mult=1,1", "network.use_scale_shift_norm=true"],
        ),
        (["diffusion.variance=fixed_small"], "is [2, 8, 3, 3] there and [1, 8, 3, 3] here", ["variance=learned_range"]),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_a_line_whose_advice_works(first, tmp_path, overrides, tensor, advice):
    with pytest.raises(SettingsError) as error:
        go(tmp_path / "a", *STILL, *overrides, init=first)
    (line,) = error.value.lines
    assert tensor in line
    assert all(part in line for part in advice)
    assert not (tmp_path / "a").exists()
    changes = line.rpartition("; set ")[2].split()
    assert go(tmp_path / "a", *STILL, *overrides, *changes, init=first).step == 1


def test_data_that_do_not_fit_are_told_as_such(first, tmp_path):
    with pytest.raises(SettingsError, match="use data of 1 channels and 2 spatial axes"):
        go(tmp_path / "a", *STILL, init=first, data=pictures(tmp_path, channels=3))


@pytest.mark.parametrize(
    "said", [{}, {"checkpoint": 3, "step": 1, "weights": "a", "sha256": "b"}, {"checkpoint": "a", "step": True}]
)
def test_a_document_that_does_not_say_where_a_run_began_is_refused(tmp_path, said):
    (tmp_path / "origin.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match="does not say where the run began"):
        Origin.of(Checkpoint(tmp_path))


def test_a_run_does_not_begin_with_itself(first):
    for path in (first, load(first, device="cpu").checkpoint):
        with pytest.raises(SettingsError, match="another folder"):
            go(first, init=path)


def test_the_command_says_what_it_begins_with_and_info_remembers(idm, first, tmp_path):
    result = idm("train", "--init", first, "--out", tmp_path / "a", "--set", "training.num_steps=1")
    assert result.code == 0, result.err
    assert f"{first}/checkpoints/step-00000003" in "".join(result.out.split())
    assert idm("info", tmp_path / "a", "--json").json["origin"]["step"] == 3
    assert "began as" in idm("info", tmp_path / "a").out
    assert idm("train", "--init", tmp_path / "none", "--out", tmp_path / "b").code == 4
