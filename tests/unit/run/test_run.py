"""A trained model, opened again."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import idm
from idm.core.errors import CheckpointError, DataError, IdmError, SettingsError, UnreadableFileError
from idm.core.progress import SILENT
from idm.data import Codec
from idm.diffusion import ModelMeanType
from idm.diffusion.denoiser import NetworkDenoiser
from idm.guidance import ClassifierFreeGuidance
from idm.run import draw, load
from idm.run.inputs import read_inputs
from idm.schedules import regrid
from idm.settings.experiment import SamplerSettings
from idm.settings.validate import lay
from idm.tasks import train


@pytest.fixture
def trained(tiny_run, tmp_path):
    return load(shutil.copytree(tiny_run, tmp_path / "run"), device="cpu")


def test_opening_gives_the_averaged_network_in_evaluation_mode(trained, tmp_path):
    run = load(tmp_path / "run", device="cpu")
    assert not run.network.training
    for name, value in load_file(run.name / "ema-0.9.safetensors").items():
        torch.testing.assert_close(run.network.state_dict()[name], value, rtol=0, atol=0)
    assert all(not parameter.requires_grad for parameter in run.network.parameters())


def test_what_training_returns_is_what_is_opened(experiment, tmp_path):
    trained = train(experiment(), tmp_path / "run", device="cpu", listener=SILENT)
    run = load(tmp_path / "run", device="cpu")
    assert (run.step, run.spec, run.experiment) == (trained.step, trained.spec, trained.experiment)
    torch.testing.assert_close(draw(run, 3), draw(trained, 3), rtol=0, atol=0)


def test_the_fitted_decoder_variance_comes_along(trained):
    assert "decoder" in type(trained.diffusion.variance).__name__.lower()


def test_sample_i_depends_on_seed_i_only(trained):
    together, alone = draw(trained, 4, labels=[2], seed=10), draw(trained, 1, labels=[2], seed=12)
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(draw(trained, 4, labels=[2], seed=10, batch_size=3), together, rtol=1e-4, atol=1e-5)


def test_the_first_batch_can_be_watched(trained):
    states = []
    samples = draw(trained, 5, batch_size=2, watch=states.append)
    assert len(states) == 4
    assert all(state.sample.shape == (2, 1, 8, 8) for state in states)
    torch.testing.assert_close(states[-1].sample, samples[:2], rtol=0, atol=0)
    assert states[0].pred_xstart is None


def test_samplers_are_changed_by_their_own_names(trained):
    assert trained.sampler(eta=0.5).eta == 0.5
    assert type(trained.sampler(name="ddpm", steps=5)).__name__ == "SamplerDDPM"
    assert trained.sampler(steps=0).diffusion.num_timesteps == trained.diffusion.num_timesteps
    with pytest.raises(SettingsError, match=r"sampler\.eta: should be a valid number"):
        trained.sampler(eta="much")
    with pytest.raises(SettingsError, match=r"did you mean 'sampler\.steps'"):
        trained.sampler(stpes=3)


def test_without_a_number_there_is_one_sample_of_each_label(trained):
    assert torch.equal(draw(trained, labels=[3, 5, 3]), draw(trained, 3, labels=[3, 5, 3]))
    with pytest.raises(SettingsError, match=r"^num: how many samples wanted, or labels[^\n]*$"):
        draw(trained)


def test_labels_are_repeated_in_turn(trained):
    assert trained.label_kwargs([3, 5], 5)["y"].tolist() == [3, 5, 3, 5, 3]
    assert trained.label_kwargs(["3", 5], 3)["y"].tolist() == [3, 5, 3]
    assert trained.label_kwargs(None, 12)["y"].tolist() == [*range(10), 0, 1]
    for wrong in (-1, 10):
        with pytest.raises(SettingsError, match=f"a class from 0 to 9 wanted, got {wrong}"):
            trained.label_kwargs([wrong], 2)


def test_guidance_needs_a_network_that_knows_no_class(experiment, tmp_path, trained):
    for guidance, kind in ((1.0, NetworkDenoiser), (2.0, ClassifierFreeGuidance)):
        assert isinstance(trained.denoiser(trained.diffusion, trained.label_kwargs(None, 2), guidance=guidance), kind)
    without = train(experiment(training__label_dropout=0.0), tmp_path / "without", device="cpu", listener=SILENT)
    with pytest.raises(SettingsError, match="label_dropout"):
        without.denoiser(without.diffusion, without.label_kwargs(None, 2), guidance=2.0)


def test_no_run():
    with pytest.raises(CheckpointError, match="no such folder"):
        load("no/such/run")


def test_a_run_whose_checkpoints_are_all_damaged(trained, tmp_path):
    for file in (tmp_path / "run" / "checkpoints").glob("*/ema-0.9.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="every checkpoint is damaged"):
        load(tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"damaged \(ema-0.9.safetensors"):
        load(trained.name)


def test_counts_seeds_and_labels_may_come_from_numpy(trained):
    chosen = draw(trained, np.int64(2), labels=np.int64(3), seed=np.int64(5), batch_size=np.int64(1))
    assert torch.equal(chosen, draw(trained, 2, labels=[3], seed=5, batch_size=1))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("wrong", [{"num": 1.5}, {"seed": 1.5}, {"seed": [0, 1.5]}, {"batch_size": True}, {"num": "2"}])
def test_what_is_no_whole_number_is_refused_in_one_line(trained, wrong):
    with pytest.raises(SettingsError, match=f"^{next(iter(wrong))}: a whole number wanted, got [^\n]*$"):
        draw(trained, **{"num": 2, **wrong})


def test_every_sample_may_have_a_seed_of_its_own(trained):
    whole = draw(trained, 6, labels=[0], seed=10)
    chosen = draw(trained, 3, labels=[0], seed=[14, 10, 12], batch_size=2)
    torch.testing.assert_close(chosen, whole[[4, 0, 2]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x.dat", "wanted, got one other file"),
        ("x.h5", "cannot be read as an HDF5 file"),
        ("none.h5", "an HDF5 file wanted, got nothing"),
    ],
)
def test_files_that_are_none_of_a_run_on_numbers_are_refused_in_a_line(trained, tmp_path, name, told):
    (tmp_path / "x.h5").touch()
    (tmp_path / "x.dat").touch()
    codec = Codec(offset=(0.0,), scale=(1.0,), dtype="float64", levels=None)
    of_numbers = replace(trained, spec=replace(trained.spec, codec=codec))
    with pytest.raises((DataError, UnreadableFileError), match=told) as error:
        read_inputs(of_numbers, [str(tmp_path / name)])
    assert len(error.value.lines) == 1


def test_samples_are_drawn_of_classes_by_name(trained):
    named = replace(trained, spec=replace(trained.spec, class_names=("roses", *"abcdefgh", "tulips")))
    assert torch.equal(draw(named, 2, labels=["tulips", "roses"]), draw(trained, 2, labels=[9, 0]))
    with pytest.raises(SettingsError, match="did you mean 'roses'"):
        draw(named, 2, labels=["rose"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num": 0}, "num and batch_size: at least 1 wanted, got 0 and 256"),
        ({"num": 2, "batch_size": 0}, "num and batch_size: at least 1 wanted, got 2 and 0"),
        ({"num": 2, "labels": []}, "labels: at least one class wanted, got none"),
        ({"num": 2, "seed": [1, 2, 3]}, "seed: one integer or 2 of them wanted, got 3"),
    ],
)
def test_requests_for_nothing_are_refused(trained, options, message):
    with pytest.raises(SettingsError, match=message):
        draw(trained, **options)


def test_a_run_is_written_in_a_line(trained, tmp_path):
    words = "1 x 8 x 8 uint8, 17 levels (0 to 16), 10 classes"
    count = sum(parameter.numel() for parameter in trained.network.parameters())
    assert repr(trained) == f"Run({trained.name}, {words}, unet of {count:,} parameters on cpu)"


def test_single_samples_are_taken_in_every_order_of_axes(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3)).astype(np.uint8)
    orders = {"last": values, "first": values.transpose(0, 3, 1, 2).copy(), "none": values[..., 0].copy()}
    small = {"num_steps": 1, "batch_size": 4, "network.model_channels": 8, "network.channel_mult": [1]}
    small |= {"network.num_heads": 1, "schedule.num_timesteps": 10, "sample_interval": 0, "sampler.steps": 2}
    for name, data in orders.items():
        np.save(tmp_path / f"{name}.npy", data)
        run = idm.train(
            idm.make_experiment(tmp_path / f"{name}.npy", settings=small),
            tmp_path / name,
            device="cpu",
            listener=SILENT,
        )
        assert run.sample(2).shape == (2, *data.shape[1:])
        assert run.score(data[0], steps=2).bits_per_dim.shape == (1,)
        assert run.interpolate(data[0], data[1], 3, steps=2).shape == (3, *data.shape[1:])
        np.testing.assert_array_equal(run.read(str(tmp_path / f"{name}.npy")).data, data)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.score(np.full((1, 8, 8), np.nan)), "samples: finite numbers wanted"),
        (lambda run: run.score([[1], [2, 3]]), "samples: an array wanted, got a list of uneven lengths"),
        (lambda run: run.score(np.zeros((1, 8, 8), complex)), "samples: real numbers wanted, got complex128"),
        (
            lambda run: run.interpolate(np.zeros((2, 1, 8, 8), "u1"), np.zeros((1, 8, 8), "u1")),
            "start: one sample wanted, got 2",
        ),
        (lambda run: run.encode(np.zeros((1, 8, 8), "u1"), batch_size=0), "batch_size: at least 1 wanted, got 0"),
        (lambda run: run.decode("latents"), "latents: those of run.encode or Latents.read.* wanted, got str"),
        (lambda run: run.read(), 'read: files or held-out samples, such as "held-out:0-7", wanted, got none'),
        (lambda run: run.evaluate(num=-1), "num: at least 0 wanted, got -1"),
        (lambda run: run.sample(1, sampler="ddpm"), r"sampler: one from run.sampler\(...\) wanted, got str"),
        (lambda run: run.sample(1, listener=print), "listener: an idm.Listener wanted"),
        (lambda run: run.save(np.zeros((1, 8, 8), "u1"), ""), "folder: a name wanted"),
    ],
)
def test_odd_arguments_get_a_line(trained, call, message):
    with pytest.raises(IdmError, match=message):
        call(trained)


CHOSEN = (
    ({}, {"steps": 20}, "SamplerMultistep", "log_snr"),
    ({}, {"steps": 21}, "SamplerDDIM", "linspace"),
    ({}, {"steps": 0}, "SamplerDDIM", "linspace"),
    ({"steps": 5}, {}, "SamplerMultistep", "log_snr"),
    ({"clip_denoised": False}, {"steps": 5}, "SamplerMultistep", "log_snr"),
    ({"eta": 0.5}, {"steps": 5}, "SamplerDDIM", "linspace"),
    ({"name": "ddim"}, {"steps": 5}, "SamplerDDIM", "linspace"),
    ({"name": "ddpm"}, {"steps": 5}, "SamplerDDPM", "linspace"),
    ({"name": "ddpm", "few_steps": "heun"}, {"steps": 5}, "SamplerHeun", "log_snr"),
    ({}, {"steps": 5, "name": "ddim"}, "SamplerDDIM", "linspace"),
    ({}, {"steps": 5, "eta": 0.0}, "SamplerDDIM", "linspace"),
    ({}, {"steps": 5, "spacing": "trailing"}, "SamplerDDIM", "trailing"),
    ({}, {"steps": 5, "threshold": 0.9}, "SamplerMultistep", "log_snr"),
    ({}, {"steps": 5, "few_steps": "heun"}, "SamplerHeun", "log_snr"),
)
"""What a run's settings name, what a call names, and which sampler on which levels they mean."""


@pytest.mark.parametrize(("of_run", "of_call", "sampler", "spacing"), CHOSEN)
def test_few_steps_are_taken_by_the_best_solver_unless_the_run_or_the_call_names_one(
    trained, of_run, of_call, sampler, spacing
):
    experiment = lay(replace(trained.experiment, sampler=SamplerSettings()), {"sampler": of_run})
    found = replace(trained, experiment=experiment).sampler(**of_call)
    grid, steps = found.diffusion.grid, found.diffusion.num_timesteps
    expected = regrid(trained.diffusion.grid, steps, spacing).levels.kappa
    assert (type(found).__name__, steps) == (sampler, of_call.get("steps", 5) or trained.diffusion.num_timesteps)
    torch.testing.assert_close(grid.levels.kappa, expected, rtol=1e-12, atol=0)


def test_few_steps_of_a_mean_of_x_t_minus_1_stay_on_the_steps_that_it_was_trained_on(trained):
    process = trained.diffusion.replace(model_mean_type=ModelMeanType.PREVIOUS_X)
    experiment = replace(trained.experiment, sampler=SamplerSettings())
    found = replace(trained, experiment=experiment, diffusion=process).sampler(steps=5)
    assert type(found).__name__ == "SamplerDDIM"


@pytest.mark.parametrize("name", ["multistep", "heun"])
def test_a_solver_that_is_named_alone_begins_where_noise_drowns_the_data(trained, name):
    def largest(**changes):
        return float(trained.sampler(steps=5, **changes).diffusion.grid.levels.kappa[-1])

    assert largest(name=name) == pytest.approx(min(20.0, largest()), rel=1e-3)
    assert largest(name=name, spacing="linspace") == largest() == largest(name="ddpm")
