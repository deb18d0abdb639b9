"""What every member of ``METHODS`` promises, around every sampler that it goes with."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.diffusion import Denoised, Denoiser, GaussianDiffusion, ModelMeanType
from idm.oracles import GaussianDenoiser
from idm.restoration import (
    METHODS,
    Channels,
    Custom,
    Downsample,
    LinearOperator,
    Mask,
    Method,
    Observation,
    restore,
    restoring,
)
from idm.samplers import SAMPLERS, Sampler
from idm.schedules import Flow, Level, PathGrid, cosine_schedule

NUM_TIMESTEPS = 8
SHAPE = (4, 2, 4)
SEEDS = [8, 0, 77, -5]
PROCESS = GaussianDiffusion(cosine_schedule(NUM_TIMESTEPS))

every_method = pytest.mark.parametrize("name", list(METHODS))


def build(name: str) -> Method:
    """With few particles, where it has any."""
    return METHODS.build(name, {"particles": 6} if "particles" in METHODS.options(name) else {})


def sampler_of(name: str, diffusion: GaussianDiffusion = PROCESS) -> Sampler:
    return SAMPLERS.build("ddpm" if name == "tds" else "ddim", {}, diffusion=diffusion)


def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """An arbitrary prediction of eps that mixes the values of a sample and reads the label."""
    label = conditioning["y"].to(x).view(-1, *(1,) * (x.ndim - 1)) if conditioning else 0.0
    return torch.sin(1.3 * x + 0.4 * x.flatten(1).mean(1).view(-1, *(1,) * (x.ndim - 1)) + 0.5 * label)


def observation(shape: tuple[int, ...] = SHAPE, dtype: torch.dtype = torch.float32, noise: float = 0.1) -> Observation:
    """The first channel of something."""
    x = torch.linspace(-0.8, 0.8, torch.Size(shape).numel(), dtype=dtype).view(shape)
    seen = Channels(shape[1:], [0])
    return Observation(seen, seen.apply(x), noise)


def restored(name: str, rows: list[int], shape: tuple[int, ...] = SHAPE) -> Tensor:
    sampler, chosen = sampler_of(name), torch.tensor(rows)
    denoise = PROCESS.denoiser(network, conditioning={"y": torch.arange(4)}, clip=False).select(chosen)
    seeds = [SEEDS[row] for row in rows]
    x = sampler.initial_noise((len(rows), *shape[1:]), seed=seeds)
    return restore(sampler, denoise, observation(shape).select(chosen), x, method=build(name), seed=seeds)


@every_method
def test_a_sample_depends_on_its_own_seed_and_observation_alone_in_any_company_and_order(name: str) -> None:
    together = restored(name, [0, 1, 2, 3])
    assert together.shape == SHAPE
    torch.testing.assert_close(restored(name, [3, 1]), together[[3, 1]], rtol=0, atol=1e-5)
    torch.testing.assert_close(restored(name, [2]), together[2:3], rtol=0, atol=1e-5)
    assert all(float((together[i] - together[j]).abs().max()) > 1e-3 for i in range(4) for j in range(i))


@every_method
def test_the_global_generator_is_neither_read_nor_moved(name: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = restored(name, [0])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(restored(name, [0]), first)


@every_method
def test_a_method_is_a_frozen_dataclass_that_walking_does_not_change(name: str) -> None:
    method = build(name)
    before = dataclasses.asdict(method)
    restored(name, [0])
    assert dataclasses.asdict(method) == before
    for field in before:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(method, field, None)


@every_method
def test_there_is_one_state_for_every_step_that_was_announced(name: str) -> None:
    sampler, method = sampler_of(name), build(name)
    x = sampler.initial_noise(SHAPE)
    denoise = PROCESS.denoiser(network, clip=False)
    states = list(restoring(sampler, denoise, observation(), x, method=method))
    assert len(states) == method.num_steps(sampler, observation())
    assert torch.equal(states[-1].sample, restore(sampler, denoise, observation(), x, method=method))
    assert all(bool(state.sample.isfinite().all()) for state in states)


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (2, 3, 5), (2, 1, 4, 3), (1, 2, 3, 2, 2)])
def test_points_and_one_to_three_spatial_axes_of_either_dtype(
    name: str, dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    sampler = sampler_of(name)
    x = sampler.initial_noise(shape).to(dtype)
    denoise = PROCESS.denoiser(network, clip=False)
    result = restore(sampler, denoise, observation(shape, dtype), x, method=build(name))
    assert result.dtype == dtype
    assert result.shape == shape
    assert bool(result.isfinite().all())


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@every_method
def test_every_sampler_goes_with_every_method_but_for_particles(name: str, sampler: str) -> None:
    made = SAMPLERS.build(sampler, {}, diffusion=PROCESS)
    x, denoise = made.initial_noise(SHAPE), PROCESS.denoiser(network, clip=False)
    if name == "tds" and sampler != "ddpm":
        with pytest.raises(SettingsError, match="method: sampler=ddpm wanted by TDS"):
            restore(made, denoise, observation(), x, method=build(name))
        return
    result = restore(made, denoise, observation(), x, method=build(name))
    assert bool(result.isfinite().all())


def drawn(name: str, diffusion: GaussianDiffusion) -> Tensor:
    """With a network of any type that knows Gaussian data."""
    model = GaussianDenoiser(diffusion, torch.tensor(0.2), torch.tensor(0.3))
    sampler = dataclasses.replace(sampler_of(name, diffusion), clip_denoised=False)
    x = sampler.initial_noise(SHAPE).double()
    denoise = diffusion.denoiser(model, clip=False)
    return restore(sampler, denoise, observation(dtype=torch.float64), x, method=build(name))


@functools.cache
def drawn_by_eps(name: str) -> Tensor:
    return drawn(name, PROCESS)


@every_method
@pytest.mark.parametrize("mean_type", list(ModelMeanType))
def test_what_a_network_predicts_makes_no_difference(name: str, mean_type: ModelMeanType) -> None:
    """One that predicts x_{t-1} is guided as well."""
    of_type = drawn(name, PROCESS.replace(model_mean_type=mean_type))
    torch.testing.assert_close(of_type, drawn_by_eps(name), rtol=0, atol=1e-5)


@every_method
def test_noise_alone_starts_the_straight_path(name: str) -> None:
    diffusion = GaussianDiffusion(PathGrid(Flow(), np.array([0.1, 0.5, 1.0])), model_mean_type=ModelMeanType.VELOCITY)
    sampler, denoise = sampler_of(name, diffusion), diffusion.denoiser(network, clip=False)
    x = sampler.initial_noise(SHAPE)
    for noise in (0.0, 0.1):
        result = restore(sampler, denoise, observation(noise=noise), x, method=build(name))
        assert bool(result.isfinite().all())


@dataclasses.dataclass(frozen=True)
class Spy:
    """A denoiser that notes whether gradients were on."""

    inner: Denoiser
    seen: list[bool]

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        self.seen.append(torch.is_grad_enabled())
        return self.inner(x, at)

    def select(self, rows: Tensor, /) -> "Spy":
        return dataclasses.replace(self, inner=self.inner.select(rows))


@every_method
def test_gradients_are_on_only_where_a_method_takes_them(name: str) -> None:
    sampler, method, seen = sampler_of(name), build(name), list[bool]()
    spy = Spy(PROCESS.denoiser(network, clip=False), seen)
    x = sampler.initial_noise(SHAPE)
    state = next(restoring(sampler, spy, observation(), x, method=method))
    assert set(seen) == {method.uses_gradients}
    assert torch.is_grad_enabled()
    assert not state.sample.requires_grad
    with torch.inference_mode():
        inside = restore(sampler, spy, observation(), x, method=method)
    torch.testing.assert_close(inside, restore(sampler, spy, observation(), x, method=method))


@every_method
def test_an_operator_that_a_method_cannot_use_is_refused_in_a_line(name: str) -> None:
    custom, downsample = Custom(lambda x: x.square()), Downsample(SHAPE[1:], [2])
    sampler, method, denoise = sampler_of(name), build(name), PROCESS.denoiser(network, clip=False)
    x = sampler.initial_noise(SHAPE)
    for operator in (custom, downsample, Mask(SHAPE[1:], torch.ones(1, 4, dtype=torch.bool))):
        known = Observation(operator, operator.apply(torch.zeros(SHAPE)))
        if isinstance(operator, method.takes):
            assert restore(sampler, denoise, known, x, method=method).shape == SHAPE
            continue
        with pytest.raises(SettingsError, match=r"method: .* wanted by .*, got (Custom|Downsample); choose") as refused:
            restoring(sampler, denoise, known, x, method=method)
        assert len(refused.value.lines) == 1
    assert isinstance(downsample, LinearOperator)


@every_method
def test_observations_of_another_number_of_samples_or_shape_are_refused(name: str) -> None:
    sampler, denoise = sampler_of(name), PROCESS.denoiser(network, clip=False)
    x = sampler.initial_noise((3, *SHAPE[1:]))
    with pytest.raises(
        SettingsError, match=r"values: \(3, 1, 4\) wanted, which is what the operator sees of 3 samples"
    ):
        restore(sampler, denoise, observation(), x, method=build(name))


@pytest.mark.usefixtures("unchecked_types")
def test_options_are_in_their_ranges() -> None:
    methods: Registry[Method] = METHODS
    for name, option in (("repaint", "jumps"), ("tds", "particles"), ("dps", "scale"), ("sdedit", "strength")):
        with pytest.raises(SettingsError, match=rf"{option}: a number >=? ?"):
            methods.build(name, {option: -1})
