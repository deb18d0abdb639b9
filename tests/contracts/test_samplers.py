"""What every member of ``SAMPLERS`` promises, whatever its rule."""

import dataclasses

import pytest
import torch
from torch import Tensor

from idm.core.registry import Registry
from idm.core.types import Network
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.samplers import SAMPLERS as INCLUDED
from idm.samplers import Sampler, SamplerFitted
from idm.schedules import SPACINGS, NoiseSchedule, cosine_schedule, spaced

from ..pages import contributed

SAMPLERS: Registry[Sampler] = Registry(
    "sampler", {**INCLUDED, "fitted": SamplerFitted, "dpmpp_2m": contributed().Sampler2M}
)
"""The samplers of the package, with that of runs, and the example of CONTRIBUTING.md, which is to promise the same."""

NUM_TIMESTEPS = 12
SHAPE = (5, 2, 3, 3)
SEEDS = [8, 0, 2, 77, -5]
LABELS = torch.arange(5)

every_sampler = pytest.mark.parametrize("name", list(SAMPLERS))


def process(var_type: ModelVarType = ModelVarType.FIXED_LARGE) -> GaussianDiffusion:
    return GaussianDiffusion(cosine_schedule(NUM_TIMESTEPS), model_var_type=var_type)


def build(name: str, diffusion: GaussianDiffusion | None = None) -> list[Sampler]:
    """The sampler with its defaults and, where it has an eta, fully stochastic too."""
    diffusion = diffusion or process()
    options: list[dict[str, float]] = [{}]
    if "eta" in SAMPLERS.options(name):
        options.append({"eta": 1.0})
    return [SAMPLERS.build(name, chosen, diffusion=diffusion) for chosen in options]


def per_image(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype).view(-1, *(1,) * (like.ndim - 1))


def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """An arbitrary prediction of eps that reads image, time and label."""
    label = per_image(conditioning["y"], x) if conditioning else 0.0
    return torch.sin(1.3 * x + 0.2 * per_image(time, x) + 0.5 * label)


def with_variance(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.cat([network(x, time, **conditioning), torch.tanh(x)], dim=1)


@every_sampler
def test_an_image_depends_on_its_own_seed_alone_in_any_company_and_order(name: str) -> None:
    for sampler in build(name):
        together = sampler.sample(network, SHAPE, seed=SEEDS, model_kwargs={"y": LABELS})
        order = [3, 1, 4, 0]
        seeds, labels = [SEEDS[i] for i in order], LABELS[order]
        shuffled = sampler.sample(network, (4, *SHAPE[1:]), seed=seeds, model_kwargs={"y": labels})
        torch.testing.assert_close(shuffled, together[order], rtol=0, atol=1e-6)
        for i, seed in enumerate(SEEDS):
            alone = sampler.sample(network, (1, *SHAPE[1:]), seed=seed, model_kwargs={"y": LABELS[i : i + 1]})
            torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-6)


@every_sampler
def test_images_of_different_seeds_differ(name: str) -> None:
    for sampler in build(name):
        images = sampler.sample(network, SHAPE, seed=SEEDS)
        for i in range(5):
            for j in range(i):
                assert float((images[i] - images[j]).abs().max()) > 1e-3


@every_sampler
def test_the_global_generator_is_neither_read_nor_moved(name: str) -> None:
    for sampler in build(name):
        torch.manual_seed(1)
        before = torch.get_rng_state()
        first = sampler.sample(network, SHAPE)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        assert torch.equal(sampler.sample(network, SHAPE), first)


@every_sampler
def test_a_sampler_is_a_frozen_dataclass_that_sampling_does_not_change(name: str) -> None:
    for sampler in build(name):
        assert dataclasses.is_dataclass(sampler)
        fields = {field.name: getattr(sampler, field.name) for field in dataclasses.fields(sampler)}
        first = sampler.sample(network, SHAPE)
        assert all(getattr(sampler, field) is value for field, value in fields.items())
        assert torch.equal(sampler.sample(network, SHAPE), first)
        for field in fields:
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(sampler, field, None)


@every_sampler
def test_a_trajectory_has_one_state_per_step_and_the_last_is_the_sample(name: str) -> None:
    for sampler in build(name):
        x = sampler.initial_noise(SHAPE, seed=SEEDS)
        states = list(sampler.trajectory(network, x, seed=SEEDS))
        assert len(states) == NUM_TIMESTEPS
        assert torch.equal(states[-1].sample, sampler.sample(network, SHAPE, seed=SEEDS))
        for state in states:
            assert state.sample.shape == SHAPE
            assert state.pred_xstart is not None
            assert float(state.pred_xstart.abs().max()) <= 1.0


@every_sampler
def test_the_callers_noise_is_left_as_it_is(name: str) -> None:
    for sampler in build(name):
        noise = torch.ones(SHAPE)
        sampler.sample(network, SHAPE, noise=noise)
        assert torch.equal(noise, torch.ones(SHAPE))


@every_sampler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_chain_keeps_the_dtype_of_its_noise(name: str, dtype: torch.dtype) -> None:
    for sampler in build(name):
        for state in sampler.trajectory(network, torch.ones(SHAPE, dtype=dtype)):
            assert state.sample.dtype == dtype


@every_sampler
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (2, 1, 5), (2, 4, 3, 5), (2, 1, 3, 2, 4)])
def test_points_and_one_to_three_spatial_axes_of_any_channel_count_are_sampled(
    name: str, shape: tuple[int, ...]
) -> None:
    for sampler in build(name):
        images = sampler.sample(network, shape)
        assert images.shape == shape
        assert bool(torch.isfinite(images).all())


@every_sampler
@pytest.mark.parametrize("spacing", list(SPACINGS))
@pytest.mark.parametrize("count", range(1, NUM_TIMESTEPS + 1))
def test_every_step_count_from_1_to_t_works(name: str, spacing: str, count: int) -> None:
    for sampler in build(name, process().respace(spaced(NUM_TIMESTEPS, count, spacing))):
        states = list(sampler.trajectory(network, sampler.initial_noise(SHAPE)))
        assert len(states) == count
        assert all(bool(torch.isfinite(state.sample).all()) for state in states)
        assert float(states[-1].sample.abs().max()) <= 1.0


@every_sampler
@pytest.mark.parametrize("var_type", list(ModelVarType))
@pytest.mark.parametrize("beta", [1e-5, 0.5, 0.999])
def test_a_chain_of_one_step_returns_the_predicted_x_start(name: str, var_type: ModelVarType, beta: float) -> None:
    diffusion = GaussianDiffusion(NoiseSchedule.from_betas([beta]), model_var_type=var_type)
    model: Network = with_variance if diffusion.variance.heads == 2 else network
    for sampler in build(name, diffusion):
        noise = sampler.initial_noise(SHAPE).double()
        eps = torch.sin(1.3 * noise)
        expected = ((noise - (beta**0.5) * eps) / (1.0 - beta) ** 0.5).clamp(-1.0, 1.0)
        ours = sampler.sample(model, SHAPE, noise=noise)
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)


@every_sampler
@pytest.mark.parametrize("var_type", list(ModelVarType))
def test_every_variance_samples_finite_numbers(name: str, var_type: ModelVarType) -> None:
    diffusion = process(var_type)
    model: Network = with_variance if diffusion.variance.heads == 2 else network
    for sampler in build(name, diffusion):
        assert bool(torch.isfinite(sampler.sample(model, SHAPE)).all())


def converted(mean_type: ModelMeanType, diffusion: GaussianDiffusion) -> Network:
    """The same eps, said as x_0, v, velocity, EDM's F or x_{t-1} (their definitions, with this chain's levels)."""
    schedule = diffusion.schedule
    abar, abar_prev = torch.as_tensor(schedule.alphas_cumprod), torch.as_tensor(schedule.alphas_cumprod_prev)
    step_of = {int(label): step for step, label in enumerate(schedule.timesteps)}

    def outputs(x: Tensor, a: Tensor, p: Tensor, eps: Tensor) -> dict[ModelMeanType, Tensor]:
        x_start = (x - (1.0 - a).sqrt() * eps) / a.sqrt()
        mean = (p.sqrt() * (1.0 - a / p) * x_start + (a / p).sqrt() * (1.0 - p) * x) / (1.0 - a)
        v = a.sqrt() * eps - (1.0 - a).sqrt() * x_start
        kappa, data = ((1.0 - a) / a).sqrt(), 0.5
        edm = (kappa * x_start - data**2 * eps) / (data * (kappa**2 + data**2).sqrt())
        named = {"EPSILON": eps, "START_X": x_start, "PREVIOUS_X": mean, "V": v, "VELOCITY": eps - x_start, "EDM": edm}
        return {ModelMeanType[name]: value for name, value in named.items()}

    def model(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        step = torch.tensor([step_of[label] for label in time.tolist()])
        a, p = per_image(abar[step], x), per_image(abar_prev[step], x)
        if mean_type is ModelMeanType.EDM:  # which is shown x / sqrt(sigma^2 + alpha^2 / 4)
            x = x * (1.0 - a + 0.25 * a).sqrt()
        return outputs(x, a, p, network(x, time, **conditioning))[mean_type]

    return model


def test_the_example_of_the_pages_is_a_setting_of_the_multistep_sampler() -> None:
    diffusion = process()
    noise = SAMPLERS.build("ddim", {}, diffusion=diffusion).initial_noise(SHAPE).double()
    example, ours = (
        SAMPLERS.build(name, options, diffusion=diffusion, clip_denoised=False).sample(network, SHAPE, noise=noise)
        for name, options in (("dpmpp_2m", {}), ("multistep", {"corrector": False}))
    )
    torch.testing.assert_close(ours, example, rtol=1e-9, atol=1e-9)


@every_sampler
@pytest.mark.parametrize("mean_type", list(ModelMeanType))
@pytest.mark.parametrize("keep", [list(range(NUM_TIMESTEPS)), [0, 2, 5, 9]])
def test_converting_the_prediction_type_leaves_the_samples_unchanged(
    name: str, mean_type: ModelMeanType, keep: list[int]
) -> None:
    plain = process().respace(keep)
    as_type = plain.replace(model_mean_type=mean_type)
    for of_eps, of_type in zip(build(name, plain), build(name, as_type), strict=True):
        of_eps, of_type = (dataclasses.replace(sampler, clip_denoised=False) for sampler in (of_eps, of_type))
        noise = of_eps.initial_noise(SHAPE, seed=SEEDS).double()
        expected = of_eps.sample(network, SHAPE, noise=noise, seed=SEEDS)
        ours = of_type.sample(converted(mean_type, as_type), SHAPE, noise=noise, seed=SEEDS)
        torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-7)


@every_sampler
@pytest.mark.parametrize("clip", [True, False])
def test_clip_denoised_alone_bounds_the_last_x_start(name: str, clip: bool) -> None:
    for sampler in build(name):
        chosen = dataclasses.replace(sampler, clip_denoised=clip)
        largest = float(chosen.sample(network, SHAPE, noise=3.0 * torch.ones(SHAPE)).abs().max())
        assert (largest <= 1.0) == clip


@every_sampler
def test_denoised_fn_has_the_last_word_on_x_start(name: str) -> None:
    for sampler in build(name):
        chosen = dataclasses.replace(sampler, denoised_fn=lambda x_start: torch.full_like(x_start, 0.125))
        torch.testing.assert_close(chosen.sample(network, SHAPE), torch.full(SHAPE, 0.125), rtol=0, atol=1e-6)


@every_sampler
def test_the_network_is_called_with_the_conditioning_it_was_given(name: str) -> None:
    for sampler in build(name):
        with_labels = sampler.sample(network, SHAPE, model_kwargs={"y": LABELS})
        without = sampler.sample(network, SHAPE)
        # Label 0 shifts nothing.
        torch.testing.assert_close(with_labels[0], without[0], rtol=0, atol=1e-6)
        assert all(float((with_labels[i] - without[i]).abs().max()) > 1e-4 for i in range(1, 5))
