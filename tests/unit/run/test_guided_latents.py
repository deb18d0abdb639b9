"""Guided and thresholded networks invert: codes decode to the very samples, by the guidance that a file remembers."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from idm.core.errors import SettingsError, UnreadableFileError
from idm.diffusion import Clipped
from idm.networks.dropout import Dropout
from idm.run import Latents, load
from idm.samplers import SamplerDDIM

STEPS = 5
WAYS = {
    "by no class": {"guidance": 3.0},
    "in an interval": {"guidance": 3.0, "guidance_interval": (0.2, 4.0)},
    "rescaled": {"guidance": 3.0, "guidance_rule": "rescale", "phi": 0.7},
    "apg": {"guidance": 3.0, "guidance_rule": "apg", "eta": 0.5},
    "cfg_zero": {"guidance": 3.0, "guidance_rule": "cfg_zero"},
    "by earlier weights": {"autoguidance": 2.0, "autoguidance_from": 2},
    "by other weights": {"autoguidance": 2.0, "autoguidance_from": "network"},
    "by a classifier": {"classifier_scale": 2.0},
}


class Judge:
    """A classifier of one's own."""

    name = "mine:judge"

    def __call__(self, x, at, /):
        """Take some values for logits."""
        return x.flatten(1)[:, 20:30] * 3


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    """A run that keeps the checkpoint after two of four steps."""
    return load(shutil.copytree(tiny_run, tmp_path_factory.mktemp("guided") / "run"), device="cpu")


@pytest.fixture(scope="module")
def samples(run):
    """Two held-out digits and their classes."""
    return run.read("held-out:0-1")


def asked(way):
    return way | ({"classifier": Judge()} if "classifier_scale" in way else {})


@pytest.mark.parametrize("name", WAYS)
def test_what_a_guided_run_encodes_comes_back_by_the_same_guidance_and_by_no_other(run, samples, tmp_path, name):
    way = asked(WAYS[name])
    codes = run.guided(**way).encode(samples.data, labels=samples.labels, steps=STEPS)
    plain = run.encode(samples.data, labels=samples.labels, steps=STEPS)
    assert not torch.allclose(codes.x, plain.x, atol=1e-4)  # it was guided
    read = Latents.read(codes.save(tmp_path / "a.safetensors"))
    own = {"classifier": Judge()} if "classifier" in way else {}
    np.testing.assert_array_equal(run.decode(read, **own), samples.data)
    np.testing.assert_array_equal(run.guided(**way).decode(read), samples.data)
    with pytest.raises(SettingsError, match=r"^guidance: '.*' wanted, by which these latents were encoded, got guid"):
        run.guided(1.5).decode(read)


@pytest.mark.parametrize("threshold", [0.5, 0.995])
def test_a_thresholded_network_inverts_and_the_file_says_so(run, samples, tmp_path, threshold):
    codes = run.guided(6.0).encode(samples.data, labels=samples.labels, steps=STEPS, threshold=threshold)
    read = Latents.read(codes.save(tmp_path / "a.safetensors"))
    assert read.threshold == threshold
    np.testing.assert_array_equal(run.decode(read), samples.data)


def test_codes_are_those_of_the_guided_and_thresholded_denoiser(run, samples):
    """By DDIM, whose way down is a sampler's, which is given the denoiser that was asked for."""
    guided = run.guided(2.0)
    way = {"method": "ddim", "spacing": "linspace", "steps": 3, "threshold": 0.9}
    codes = guided.encode(samples.data, labels=samples.labels, **way)
    process = run.diffusion.respace(range(run.diffusion.grid.num_steps_below(20.0)))
    process = process.respace([0, (process.num_timesteps - 1) // 2, process.num_timesteps - 1])
    denoise = Clipped(guided.guided_denoiser(process, torch.tensor(samples.labels)), clip=False, threshold=0.9)
    down = SamplerDDIM(process, clip_denoised=False).draw(denoise, codes.x)
    np.testing.assert_array_equal(run.restored(down), run.decode(codes))


def test_a_classifier_of_one_s_own_is_named_again_by_whoever_decodes(run, samples, tmp_path):
    codes = run.guided(classifier_scale=2.0, classifier=Judge()).encode(samples.data, labels=samples.labels, steps=2)
    read = Latents.read(codes.save(tmp_path / "a.safetensors"))
    with pytest.raises(
        SettingsError, match=r"^classifier: the one of '.*mine:judge.*' wanted.* only where it is named"
    ):
        run.decode(read)
    other = Judge()
    other.name = "mine:other"
    with pytest.raises(SettingsError, match=r"^guidance: '.*mine:judge.*' wanted"):
        run.decode(read, classifier=other)
    plain = run.encode(samples.data, labels=samples.labels, steps=2)
    for wrong in (lambda: run.decode(plain, classifier=Judge()), lambda: run.guided(2.0).decode(plain)):
        with pytest.raises(SettingsError, match=r"^guidance: none wanted, as these latents were encoded without"):
            wrong()


def test_guidance_by_class_wants_classes(run, samples):
    for use in (
        lambda guided: guided.encode(samples.data, steps=2),
        lambda guided: guided.interpolate(*samples.data, 3, steps=2),
        lambda guided: guided.edit(samples.data, method="bdia", steps=2),
        lambda guided: guided.edit(samples.data, steps=2),
    ):
        with pytest.raises(SettingsError, match=r"^samples: the class of each wanted, since guidance 2 is guidance by"):
            use(run.guided(2.0))
    assert run.guided(autoguidance=2.0).encode(samples.data, steps=2).labels.tolist() == [10, 10]  # no class


def test_a_guided_run_walks_between_the_samples_themselves(run, samples):
    guided = run.guided(3.0)
    path = guided.interpolate(*samples.data, 3, labels=samples.labels, steps=STEPS)
    np.testing.assert_array_equal(path[[0, 2]], samples.data)
    plain = run.interpolate(*samples.data, 3, labels=samples.labels, steps=STEPS)
    assert (path[1] != plain[1]).any()


@pytest.mark.parametrize("settings", [{"method": "bdia", "threshold": 0.995}, {"method": "rex"}])
def test_an_edit_to_the_same_class_changes_nothing_where_the_method_is_exact(run, samples, settings):
    found = run.guided(3.0).edit(samples.data, label_a=samples.labels, steps=STEPS, strength=0.7, **settings)
    np.testing.assert_array_equal(found.draws[:, 0], samples.data)


def test_an_edit_by_sdedit_is_guided(run, samples):
    def edited(of):
        return of.edit(samples.data, label_b=samples.labels, steps=4, strength=0.9).draws

    assert (edited(run.guided(9.0)) != edited(run)).any()


def test_dropout_of_any_network_that_takes_part_is_refused(run, samples):
    guided = run.guided(autoguidance=2.0)
    worse = guided.guide.worse.run.network
    worse.train()
    for layer in worse.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.1
    with pytest.raises(SettingsError, match="in training mode"):
        guided.encode(samples.data, labels=samples.labels, steps=2)


@pytest.mark.parametrize(
    "change",
    [
        {"asked": {}},
        {"asked": {"guidance": "much"}},
        {"asked": {"guidance_rule": 3}},
        {"asked": {"guidance_interval": [0]}},
        {"asked": {"options": []}},
        {"found": 3},
        {"words": None},
    ],
)
def test_a_file_that_says_something_else_of_guidance_is_damaged(run, samples, tmp_path, change):
    path = run.guided(2.0).encode(samples.data, labels=samples.labels, steps=2).save(tmp_path / "a.safetensors")
    with safe_open(path, "pt") as opened:
        described = json.loads(opened.metadata()["idm"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    guide, asked = described["guide"], change.get("asked")
    changed = change if asked is None else {"asked": asked and {**guide["asked"], **asked}}
    save_file(tensors, path, {"idm": json.dumps({**described, "guide": {**guide, **changed}})})
    with pytest.raises(UnreadableFileError, match="a file written by 'idm encode' wanted"):
        Latents.read(path)
