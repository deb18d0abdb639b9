"""Presets are complete experiments; those of papers say what the papers say."""

import nibabel
import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import Codec
from idm.diffusion import LossType, ModelMeanType
from idm.interop.openai import unet_options
from idm.presets import PRESETS, Told, data_settings, inferred, with_condition
from idm.run import DataSpec, build_diffusion, build_network, build_sampler, open_data
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.experiment import DiffusionSettings

PUBLISHED = {
    "cifar10": {"image_size": 32, "num_channels": 128, "num_res_blocks": 3, "dropout": 0.3},
    "cifar10_bound": {"image_size": 32, "num_channels": 128, "num_res_blocks": 3, "dropout": 0.3},
    "imagenet64": {"image_size": 64, "num_channels": 128, "num_res_blocks": 3},
    "imagenet64_class_conditional": {"image_size": 64, "num_channels": 192, "num_res_blocks": 3, "class_cond": True},
}
"""Flags of the published recipes that make the network."""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_being_written_to_a_file(name):
    plain = to_plain(PRESETS.build(name, {}))
    assert to_plain(from_plain(Experiment, plain))["training"] == plain["training"]
    from_plain(Experiment, plain)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is(name):
    assert PRESETS[name].__doc__


@pytest.mark.parametrize(("name", "flags"), PUBLISHED.items(), ids=PUBLISHED.keys())
def test_published_networks_are_those_of_their_flags(name, flags):
    wanted = unet_options(flags | {"learn_sigma": True})
    experiment = from_plain(Experiment, to_plain(PRESETS.build(name, {})))
    options = vars(experiment.network.options)
    assert {key: value for key, value in wanted.items() if key in options and options[key] != value} == {}
    assert wanted.keys() - options.keys() <= {
        "in_channels",
        "out_channels",
        "condition_channels",
        "num_classes",
        "dims",
    }
    assert experiment.data.class_conditional == (wanted["num_classes"] is not None)
    assert experiment.data.source.options.image_size == flags["image_size"]


def test_the_schedule_of_published_recipes_is_the_paper_s():
    spec = DataSpec((3, 32, 32), Codec.quantized("uint8", 256), None, 1, 0)
    for name in PUBLISHED:
        assert build_diffusion(PRESETS.build(name, {}), spec).num_timesteps == 4000


def test_losses_of_published_recipes():
    losses = {name: PRESETS.build(name, {}).diffusion.loss for name in PUBLISHED}
    assert losses["cifar10"] is losses["imagenet64"] is LossType.RESCALED_MSE
    assert losses["cifar10_bound"] is LossType.RESCALED_KL
    assert losses["imagenet64_class_conditional"] is LossType.MSE


def test_published_recipes_predict_noise_and_all_others_v(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((6, 1, 8, 8), np.uint8))
    np.save(tmp_path / "points.npy", np.zeros((6, 2)))
    points = inferred(data_settings(tmp_path / "points.npy", OF_POINTS))
    others = {"pictures": inferred(data_settings(str(tmp_path / "x.npy"))), "points": points}
    others |= {name: PRESETS.build(name, {}) for name in PRESETS if name not in PUBLISHED}
    assert {name: PRESETS.build(name, {}).diffusion.prediction for name in PUBLISHED} == dict.fromkeys(
        PUBLISHED, ModelMeanType.EPSILON
    )
    assert {name: other.diffusion.prediction for name, other in others.items()} == dict.fromkeys(
        others, ModelMeanType.V
    )


def test_stored_settings_without_a_prediction_still_mean_noise():
    assert from_plain(Experiment, {"diffusion": {}}).diffusion == DiffusionSettings(prediction=ModelMeanType.EPSILON)


def test_the_digits_hold_out_297_of_all_classes():
    experiment = PRESETS.build("digits", {})
    data = open_data(experiment.data)
    assert (data.spec.num_train, data.spec.num_held_out, data.spec.codec.levels) == (1500, 297, 17)
    diffusion = build_diffusion(experiment, data.spec)
    build_network(experiment, data.spec, diffusion.out_channels(1))
    build_sampler(diffusion, experiment.sampler)


OF_POINTS = Told(overrides={"data": {"source": {"spatial_dims": 0}}})

SHAPES = [
    (40, 1, 16, 16),
    (40, 3, 12, 20),
    (40, 1, 9, 9),
    (40, 2, 32),
    (40, 1, 4, 8, 8),
    (40, 1, 7, 7, 7),
    (40, 2),
    (40, 5),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_inferred_settings_fit_data_of_any_shape(tmp_path, shape):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=shape))
    told = OF_POINTS if len(shape) == 2 else Told()
    experiment = from_plain(Experiment, to_plain(inferred(data_settings(tmp_path / "x.npy", told))))
    data = open_data(experiment.data)
    assert data.spec.shape == shape[1:]
    diffusion = build_diffusion(experiment, data.spec)
    network = build_network(experiment, data.spec, diffusion.out_channels(shape[1]))
    assert experiment.network.name == ("mlp" if len(shape) == 2 else "unet")
    assert sum(p.numel() for p in network.parameters()) > 1000
    build_sampler(diffusion, experiment.sampler, bounded=data.spec.codec.bounded)


def test_the_size_of_voxels_chooses_the_axes_that_are_halved(tmp_path):
    for name, zooms in (("cubes", (1, 1, 1)), ("slices", (1, 1, 5))):
        (tmp_path / name).mkdir()
        volume = nibabel.Nifti1Image(np.zeros((16, 16, 16), np.uint8), np.diag([*zooms, 1.0]))
        nibabel.save(volume, tmp_path / name / "a.nii")
    axes = {name: inferred(data_settings(str(tmp_path / name))).network.options for name in ("cubes", "slices")}
    assert {name: options.halved_axes for name, options in axes.items()} == {"cubes": (0, 1, 2), "slices": (0, 1)}


def test_labels_make_guidance_possible(tmp_path):
    np.savez(tmp_path / "x.npz", data=np.zeros((6, 1, 8, 8), np.uint8), labels=np.arange(6) % 2)
    assert inferred(data_settings(str(tmp_path / "x.npz"))).training.label_dropout > 0
    np.save(tmp_path / "y.npy", np.zeros((6, 1, 8, 8), np.uint8))
    assert inferred(data_settings(str(tmp_path / "y.npy"))).training.label_dropout == 0
    told = with_condition(Told(), str(tmp_path / "y.npy"))
    assert inferred(data_settings(str(tmp_path / "x.npz"), told)).training.label_dropout > 0
    assert inferred(data_settings(str(tmp_path / "y.npy"), told)).training.label_dropout == 0


def test_batches_are_not_larger_than_what_is_left_to_train_on(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((20, 1, 8, 8), np.uint8))  # a tenth of which is held out
    assert inferred(data_settings(str(tmp_path / "x.npy"))).training.batch_size == 18


@pytest.mark.parametrize(
    ("space", "batch"),
    [((32, 32), 64), ((187,), 64), ((33, 32), 32), ((64, 64), 16), ((24, 24, 12), 8), ((128, 128), 8), ((4096,), 16)],
)
def test_large_samples_come_in_smaller_batches(tmp_path, space, batch):
    data = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(100, 1, *space))
    data[0] = 1
    told = Told(overrides={"data": {"source": {"channels": "first"}}})
    assert inferred(data_settings(tmp_path / "x.npy", told)).training.batch_size == batch


def test_large_pictures_are_brought_to_64(tmp_path):
    for i in range(3):
        Image.new("RGB", (100 + i, 90)).save(tmp_path / f"{i}.png")
    assert data_settings(str(tmp_path)).source.options.image_size == 64


def test_nothing_there():
    with pytest.raises(DataError, match="nothing there"):
        data_settings("no/such/folder")


def test_paths_of_data_become_absolute(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros((6, 1, 8, 8), np.uint8))
    monkeypatch.chdir(tmp_path)
    assert data_settings("x.npy").source.options.path == str(tmp_path / "x.npy")
