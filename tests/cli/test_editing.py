"""Encoding, decoding and interpolating from the command line."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from idm import load
from idm.core.errors import SettingsError
from idm.data import Codec, Digits
from idm.networks.dropout import Dropout
from idm.run.latents import Latents
from idm.samplers import SamplerDDIM
from idm.schedules import spaced


@pytest.fixture(scope="module")
def held_out(run):
    """Held-out digits of the run, as data."""
    from idm.run import open_run_data

    data = open_run_data(load(run, device="cpu"))
    x, y = data.held_out.first(4)
    return data.spec.codec.decode(x), y.tolist()


def decoded(idm, run, latents, folder, *options):
    result = idm("decode", run, latents, "--out", folder, *options)
    assert result.code == 0, result.err
    with np.load(folder / "samples.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_decoding_undoes_encoding_as_steps_grow(idm, run, held_out, tmp_path):
    errors = {}
    for steps in (2, 34):
        latents = tmp_path / f"{steps}.safetensors"
        way = ("--method", "ddim", "--steps", steps, "--out", latents)
        assert idm("encode", run, "held-out:0-3", *way).code == 0
        back = decoded(idm, run, latents, tmp_path / str(steps))["data"]
        errors[steps] = np.abs(back.astype(float) - held_out[0]).mean()
    assert errors[34] < 0.75 * errors[2]


def test_latents_say_where_they_come_from(idm, run, held_out, tmp_path):
    result = idm("encode", run, "held-out:0-3", "--steps", "5", "--out", tmp_path / "a.safetensors", "--json")
    with safe_open(tmp_path / "a.safetensors", framework="np") as opened:
        described = json.loads(opened.metadata()["idm"])
        assert opened.get_tensor("latents").shape == (4, 1, 8, 8)
        assert opened.get_tensor("partner").shape == (4, 1, 8, 8)
    assert described["format"] == "idm latents 2"
    assert (described["method"], described["spacing"], described["steps"]) == ("bdia", "log_snr", 5)
    assert described["checkpoint"] == load(run, device="cpu").sha256
    assert described["labels"] == held_out[1]
    assert described["codec"]["levels"] == 17
    assert described["run"] == str(run)
    assert result.json["labels"] == [str(label) for label in held_out[1]]


@pytest.mark.parametrize("method", ["bdia", "o_belm", "rex", "rex_sde"])
def test_an_exact_method_gives_every_value_back(idm, run, held_out, tmp_path, method):
    latents = tmp_path / "a.safetensors"
    result = idm(
        "encode", run, "held-out:0-3", "--method", method, "--steps", 6, "--seed", 3, "--out", latents, "--json"
    )
    assert (result.json["method"], result.json["steps"], result.json["spacing"]) == (method, 6, "log_snr")
    found = decoded(idm, run, latents, tmp_path / "d", "--batch-size", 3)
    np.testing.assert_array_equal(found["data"], held_out[0])
    assert found["labels"].tolist() == held_out[1]


def test_a_file_of_the_first_format_decodes_as_it_did(idm, run, tmp_path):
    """By DDIM, on evenly spaced steps of the chain up to the ratio 20, from x_T alone."""
    opened = load(run, device="cpu")
    x = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype("f4")
    said = {"format": "idm latents 1", "run": str(run), "steps": 4, "labels": [3, 5]}
    said["codec"] = opened.spec.codec.to_dict()
    save_file({"latents": torch.from_numpy(x)}, tmp_path / "a.safetensors", {"idm": json.dumps(said)})
    codes = Latents.read(tmp_path / "a.safetensors")
    assert (codes.method, codes.spacing, codes.checkpoint, codes.partner) == ("ddim", "linspace", "", None)
    low = opened.diffusion.respace(range(opened.diffusion.grid.num_steps_below(20.0)))
    process = low.respace(spaced(low.num_timesteps, 4))
    sampler = SamplerDDIM(process, clip_denoised=False)
    wanted = sampler.draw(opened.denoiser(process, {"y": torch.tensor([3, 5])}), torch.from_numpy(x))
    found = decoded(idm, run, tmp_path / "a.safetensors", tmp_path / "d")
    np.testing.assert_array_equal(found["data"], opened.spec.codec.decode(wanted))
    assert idm("encode", run, "held-out:0", "--steps", 2, "--out", tmp_path / "a.safetensors").code == 0


def test_latents_of_another_checkpoint_are_refused(idm, run, tmp_path):
    path = tmp_path / "a.safetensors"
    assert idm("encode", run, "held-out:0", "--steps", 2, "--out", path).code == 0
    (tmp_path / "b.safetensors").write_bytes(replace(Latents.read(path), checkpoint="0" * 64).to_bytes())
    result = idm("decode", run, tmp_path / "b.safetensors", "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (4, 1)
    assert "latents: those of this checkpoint of run" in result.errors[0]
    assert not (tmp_path / "out").exists()


def test_a_network_that_drops_values_is_refused(run, held_out):
    opened = load(run, device="cpu")
    opened.network.train()
    for layer in opened.network.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.1
    with pytest.raises(SettingsError, match="in training mode"):
        opened.encode(held_out[0])


def test_every_way_to_name_an_image_gives_the_same_code(idm, run, held_out, tmp_path):
    data, labels = held_out
    np.save(tmp_path / "one.npy", data[0])
    np.save(tmp_path / "bare.npy", data[:1, 0])
    np.savez(tmp_path / "labelled.npz", data=data[:1], labels=np.array(labels[:1]))
    codes = []
    for i, name in enumerate(["held-out:0", tmp_path / "one.npy", tmp_path / "bare.npy", tmp_path / "labelled.npz"]):
        out = tmp_path / f"{i}.safetensors"
        result = idm("encode", run, name, "--labels", labels[0], "--steps", "3", "--out", out)
        assert result.code == 0, result.err
        with safe_open(out, framework="np") as opened:
            codes.append(opened.get_tensor("latents"))
    for code in codes[1:]:
        np.testing.assert_array_equal(code, codes[0])


def test_what_sample_writes_can_be_encoded(idm, run, tmp_path):
    assert idm("sample", run, "--num", "3", "--out", tmp_path / "s").code == 0
    single = tmp_path / "s" / "images" / "00002.png"
    codes = []
    every = tmp_path / "s" / "samples.npz"
    for name, out, seed in ((every, "all.safetensors", 0), (single, "one.safetensors", 2)):
        words = (name, "--labels", "5", "--steps", "3", "--seed", seed, "--out", tmp_path / out)
        assert idm("encode", run, *words).code == 0
        with safe_open(tmp_path / out, framework="np") as opened:
            codes.append(opened.get_tensor("latents"))
    np.testing.assert_allclose(codes[1][0], codes[0][2], atol=1e-5)


def test_images_without_a_class_are_encoded_without_one(idm, run, tmp_path):
    np.save(tmp_path / "x.npy", Digits().read(np.arange(2)))
    result = idm("encode", run, tmp_path / "x.npy", "--steps", "2", "--out", tmp_path / "a.safetensors", "--json")
    assert result.json["labels"] == [None, None]
    assert idm("decode", run, tmp_path / "a.safetensors", "--out", tmp_path / "d").code == 0


def test_other_labels_decode_to_other_images(idm, run, tmp_path):
    latents = tmp_path / "a.safetensors"
    assert idm("encode", run, "held-out:0-3", "--steps", "10", "--out", latents).code == 0
    same = decoded(idm, run, latents, tmp_path / "same")
    other = decoded(idm, run, latents, tmp_path / "other", "--labels", "3")
    assert other["labels"].tolist() == [3] * 4
    changed = same["labels"] != 3
    assert (same["data"] != other["data"])[changed].any()
    assert (same["data"] == other["data"])[~changed].all()


@pytest.mark.parametrize("labels", [[], ["--label-a", "3"], ["--label-a", "3", "--label-b", "8"]])
def test_interpolation_goes_from_one_image_to_the_other(idm, run, tmp_path, labels):
    result = idm(
        "interpolate", run, "held-out:0", "held-out:1", "--num", "5", "--steps", "8", "--out", tmp_path, *labels
    )
    assert result.code == 0, result.err
    arrays = np.load(tmp_path / "samples.npz")
    assert arrays["data"].shape == (5, 1, 8, 8)
    expected = {0: [10] * 5, 2: [3] * 5, 4: [3, 3, 3, 8, 8]}[len(labels)]
    assert arrays["labels"].tolist() == expected
    names = arrays["class_names"][arrays["labels"]]
    assert names[0] == ("3" if labels else "no class")
    assert (tmp_path / "grid.png").is_file()


def test_the_noise_of_codes_on_the_way_is_chosen(idm, run, held_out, tmp_path):
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        command = ("interpolate", run, "held-out:0", "held-out:1", "--num", 3, "--steps", 8, "--seed", seed)
        result = idm(*command, "--out", tmp_path / name)
        assert result.code == 0, result.err
        found.append(np.load(tmp_path / name / "samples.npz")["data"])
        np.testing.assert_array_equal(found[-1][[0, 2]], held_out[0][:2])
    np.testing.assert_array_equal(found[0], found[1])
    assert np.any(found[0][1] != found[2][1])


WRONG = {
    "no such sample": (["encode", "held-out:297"], 3, "297 held-out samples"),
    "too many samples": (["encode", "held-out:0-99999999999"], 3, "297 held-out samples"),
    "no number": (["encode", "held-out:x"], 3, "a number or range"),
    "no such file": (["encode", "none.png"], 3, "none.png: an image file wanted, got nothing there"),
    "too many steps": (["encode", "held-out:0", "--steps", "5000"], 2, "steps: a number from 1 to"),
    "no such method": (["encode", "held-out:0", "--method", "bdai"], 2, "bdia"),
    "no such grid": (["encode", "held-out:0", "--spacing", "log-snr"], 2, "log_snr"),
    "no such method on the way": (["interpolate", "held-out:0", "held-out:1", "--method", "bdai"], 2, "bdia"),
    "no path of an SDE": (["interpolate", "held-out:0", "held-out:1", "--method", "rex_sde"], 2, "follows the flow"),
    "no such class": (["encode", "held-out:0", "--labels", "12"], 2, "labels: one of the 10 classes"),
    "another suffix": (["encode", "held-out:0", "--out", "a.png"], 2, "ending in .safetensors"),
    "no latents": (["decode", "none.safetensors"], 3, "got nothing there"),
    "several images": (["interpolate", "held-out:0-1", "held-out:2"], 3, "one sample in A and one in B"),
    "no such end class": (["interpolate", "held-out:0", "held-out:2", "--label-b", "x"], 2, "label-b: one of"),
}


@pytest.mark.parametrize(("command", "code", "pattern"), WRONG.values(), ids=WRONG.keys())
def test_bad_input(idm, run, command, code, pattern):
    verb, *rest = command
    before = sorted(run.rglob("*"))
    result = idm(verb, run, *rest)
    assert (result.code, len(result.errors)) == (code, 1), result.err
    assert pattern in result.errors[0]
    assert sorted(run.rglob("*")) == before


def test_several_bad_images_get_a_line_each(idm, run, tmp_path):
    np.save(tmp_path / "wrong.npy", np.zeros((2, 3, 8, 8), dtype=np.uint8))
    result = idm("encode", run, tmp_path / "wrong.npy", "held-out:900", tmp_path / "none.png")
    assert result.code == 3
    assert len(result.errors) == 3
    assert "(1, 8, 8) wanted" in result.errors[0]


def test_another_file_is_no_latents(idm, run, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"abc" * 100)
    weights = next(run.glob("checkpoints/*/network.safetensors"))
    for path in (tmp_path / "a.safetensors", weights, run / "metrics.jsonl"):
        result = idm("decode", run, path)
        assert result.code == 3
        assert "a file written by 'idm encode' wanted" in result.errors[0]
        assert len(result.err.splitlines()) == 1


def test_the_batch_size_changes_neither_codes_nor_images(idm, run, tmp_path):
    codes, images = [], []
    for size in (1, 3, 256):
        latents = tmp_path / f"{size}.safetensors"
        result = idm("encode", run, "held-out:0-4", "--steps", 4, "--batch-size", size, "--out", latents)
        assert result.code == 0, result.err
        with safe_open(latents, framework="np") as opened:
            codes.append(opened.get_tensor("latents"))
        images.append(decoded(idm, run, tmp_path / "1.safetensors", tmp_path / str(size), "--batch-size", size))
    for code, image in zip(codes[1:], images[1:], strict=True):
        np.testing.assert_allclose(code, codes[0], atol=1e-4)
        assert np.abs(image["data"].astype(int) - images[0]["data"]).max() <= 1
        np.testing.assert_array_equal(image["labels"], images[0]["labels"])


def test_codes_of_data_of_another_range_are_refused_with_both_ranges(idm, run, tmp_path):
    assert idm("encode", run, "held-out:0", "--out", tmp_path / "a.safetensors", "--steps", 2).code == 0
    codes = Latents.read(tmp_path / "a.safetensors")
    other = replace(codes, codec=Codec.quantized("uint8", 256))
    (tmp_path / "b.safetensors").write_bytes(other.to_bytes())
    result = idm("decode", run, tmp_path / "b.safetensors", "--out", tmp_path / "out")
    assert result.code == 3
    (line,) = result.errors
    assert "0 to 16 becomes -1 to 1, wanted" in line
    assert "0 to 255 becomes -1 to 1; decode them with" in line


def test_a_pipe_is_called_a_pipe(idm, run, tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "wanted, got a pipe; check the path" in idm("decode", run, tmp_path / "pipe.safetensors").errors[0]


def test_fewer_images_replace_more(idm, run, tmp_path):
    for last in (3, 1):
        assert idm("encode", run, f"held-out:0-{last}", "--steps", 2, "--out", tmp_path / "a.safetensors").code == 0
        assert idm("decode", run, tmp_path / "a.safetensors", "--out", tmp_path / "d").code == 0
    assert sorted(path.name for path in (tmp_path / "d" / "images").iterdir()) == ["00000.png", "00001.png"]
    assert (
        idm("interpolate", run, "held-out:0", "held-out:1", "--num", 5, "--steps", 2, "--out", tmp_path / "i").code == 0
    )
    assert (
        idm("interpolate", run, "held-out:0", "held-out:1", "--num", 2, "--steps", 2, "--out", tmp_path / "i").code == 0
    )
    assert len(list((tmp_path / "i" / "images").iterdir())) == 2


def test_a_network_that_knows_classes_only_asks_for_them_by_the_options_of_the_verb(idm, tiny, tmp_path):
    command = ("train", "--preset", "digits", "--out", tmp_path / "run", *tiny(training__label_dropout=0.0))
    assert idm(*command, "--set", "training.num_steps=1").code == 0
    np.save(tmp_path / "x.npy", Digits().read(np.arange(1)))
    ends = (tmp_path / "x.npy", tmp_path / "x.npy")
    for verb, files, options in (
        ("encode", ends[:1], "--labels CLASSES"),
        ("interpolate", ends, "--label-a CLASS and --label-b CLASS"),
    ):
        result = idm(verb, tmp_path / "run", *files)
        assert result.code == 2
        assert result.err == f"error[E200]: samples: the class of each wanted, got none; name it with {options}\n"


@pytest.mark.parametrize("option", ["--labels", "--label-a and --label-b"])
def test_a_class_that_is_wanted_is_asked_for_by_the_options_of_the_verb(run, option):
    opened = load(run)
    training = replace(opened.experiment.training, label_dropout=0.0)
    classes_only = replace(opened, experiment=replace(opened.experiment, training=training))
    with pytest.raises(SettingsError, match=f"name it with {option}$"):
        classes_only.conditioning(None, [None], option)


GUIDED = {
    "rule": (("--guidance", 3, "--guidance-rule", "apg", "--set", "guidance.eta=0.5"), "guidance 3, by apg (eta=0.5"),
    "threshold": (("--guidance", 3, "--set", "threshold=0.9"), "guidance 3"),
    "worse": (("--autoguidance", 2, "--autoguidance-from", "network"), "autoguidance 2 from step 120, network"),
}


@pytest.mark.parametrize("name", GUIDED)
def test_what_is_encoded_by_a_guided_network_decodes_to_the_samples(idm, run, held_out, tmp_path, name):
    options, told = GUIDED[name]
    latents = tmp_path / "a.safetensors"
    result = idm("encode", run, "held-out:0-3", "--steps", 4, *options, "--out", latents)
    assert result.code == 0, result.err
    assert told in result.out
    np.testing.assert_array_equal(decoded(idm, run, latents, tmp_path / "d")["data"], held_out[0])


def test_code_of_ones_own_guides_the_way_back_where_the_command_names_it_again(
    idm, run, held_out, tmp_path, monkeypatch
):
    (tmp_path / "back_judge.py").write_text("def judge(x, at):\n    return x.flatten(1)[:, 20:30] * 9\nother = judge\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    latents, judge = tmp_path / "a.safetensors", ("--classifier", "back_judge:judge")
    way = ("--steps", 3, "--classifier-scale", 2, *judge)
    assert idm("encode", run, "held-out:0-3", *way, "--out", latents).code == 0
    refused = idm("decode", run, latents, "--out", tmp_path / "out")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "its code runs only where it is named" in refused.err
    assert not (tmp_path / "out").exists()
    refused = idm("decode", run, latents, "--classifier", "back_judge:other", "--out", tmp_path / "out")
    assert "back_judge:judge)' wanted, by which these latents were encoded, got" in refused.err
    np.testing.assert_array_equal(decoded(idm, run, latents, tmp_path / "d", *judge)["data"], held_out[0])


def test_a_guided_interpolation_ends_at_its_images(idm, run, held_out, tmp_path):
    command = ("interpolate", run, "held-out:0", "held-out:1", "--num", 3, "--steps", 4, "--guidance", 2)
    assert idm(*command, "--out", tmp_path).code == 0
    arrays = np.load(tmp_path / "samples.npz")
    np.testing.assert_array_equal(arrays["data"][[0, 2]], held_out[0][:2])
    assert arrays["labels"].tolist() == [held_out[1][0], held_out[1][0], held_out[1][1]]


def test_a_setting_that_an_inversion_has_not_is_refused_in_a_line(idm, run, tmp_path):
    refused = idm("encode", run, "held-out:0", "--set", "eta=0.5", "--out", tmp_path / "a.safetensors")
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "eta: settings of an inversion (method, steps, spacing, threshold) wanted" in refused.errors[0]
