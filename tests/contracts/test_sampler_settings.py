"""What every sampler promises with every option, prediction, variance, grid and conditioning, and how often it calls.

The networks are exact denoisers of a mixture with classes, which answer in any prediction type: whatever the type, the
same x_0 is meant, and the same samples must come out.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.types import Network
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.diffusion.variances import Analytic, ErrorCurve, FixedSmall, PredictedError, ReverseVariance
from idm.guidance import ClassifierFreeGuidance
from idm.oracles import MixtureDenoiser
from idm.samplers import SAMPLERS as INCLUDED
from idm.samplers import DDIMClipping, MultistepRule, Sampler, SamplerFitted
from idm.schedules import GRIDS, Flow, Grid, PathGrid, cosine_schedule, regrid

from ..pages import contributed

SAMPLERS: dict[str, Callable[..., Sampler]] = {**INCLUDED, "fitted": SamplerFitted, "dpmpp_2m": contributed().Sampler2M}
OPTIONS: dict[str, Any] = {
    "eta": 1.0,
    "clipping": DDIMClipping.KEEP_EPS,
    "tau": 1.0,
    "order": 1,
    "corrector": False,
    "rule": MultistepRule.DEIS,
    "churn": 3.0,
    "last_noise_cap": 0.1,
}
"""Another value than the default of what samplers can be told, one at a time."""

Make = Callable[[GaussianDiffusion], Sampler]


def with_each_option(make: Callable[..., Sampler]) -> dict[str, Make]:
    known = {field.name for field in dataclasses.fields(make)} if isinstance(make, type) else set[str]()
    others = {f"{name}={value}": partial(make, **{name: value}) for name, value in OPTIONS.items() if name in known}
    return {"defaults": make, **others}


WAYS: dict[str, Make] = {
    f"{name}, {said}": way for name, make in SAMPLERS.items() for said, way in with_each_option(make).items()
}


def rule_of(way: Make) -> Callable[..., Sampler]:
    """The member of the registry that is built."""
    return way.func if isinstance(way, partial) else way


def options_of(way: Make) -> set[str]:
    return set(way.keywords) if isinstance(way, partial) else set()


every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

CHAIN = cosine_schedule(40)
PLACES: dict[str, tuple[Grid, bool]] = {
    "chain, with classes": (CHAIN.respace([0, 3, 17, 36]), True),
    "between steps, with classes": (regrid(CHAIN, 4, "log_snr"), True),
    "straight path": (PathGrid(Flow(), np.array([0.01, 0.3, 0.8, 0.99])), False),
}
"""Levels, and whether the network is told classes."""

CURVE = ErrorCurve((-4.0, 0.0, 3.0), (1e-4, 0.1, 0.4), (None, None, None))


def errors_of(shown: Tensor, time: Tensor, /) -> Tensor:
    """A head that looks at x_0, eps and the time."""
    x_start, eps = shown.chunk(2, dim=1)
    return torch.sin(3.0 * x_start) + 0.1 * eps + 1e-3 * time[:, None]


VARIANCES: dict[str, ModelVarType | ReverseVariance] = {
    **{entry.name.lower(): entry for entry in ModelVarType},
    "analytic": Analytic(FixedSmall(), CURVE),
    "predicted": PredictedError(FixedSmall(), CURVE, errors_of),
}
LABELS = torch.tensor([0, 1, 2])
MEANS = torch.tensor([[-0.6, 0.1], [0.5, 0.5], [0.2, -0.7]])


def places_for(way: Make, variance: ModelVarType | ReverseVariance) -> list[tuple[Grid, bool]]:
    """All places where a variance plays a part; one where a sampler has no use for it, whose second head is left."""
    every = list(PLACES.values())
    used = way(GaussianDiffusion(every[0][0], model_var_type=variance)).uses_variance
    return every if used or variance is ModelVarType.LEARNED_RANGE else every[:1]


def oracle(diffusion: GaussianDiffusion) -> Network:
    """A network that knows three classes, a component each; beside its grid as exactly as a time in float32 tells."""
    known = MixtureDenoiser(diffusion, torch.tensor([0.5, 0.3, 0.2]), MEANS, torch.tensor([0.02, 0.05, 0.01]), LABELS)

    def model(x: Tensor, time: Tensor, /, **classes: Tensor) -> Tensor:
        if bool((diffusion.grid.levels.time.float() == time[0].float()).any()):
            return known(x, time, **classes)
        at = diffusion.grid.at_times(time.double().numpy(), x)
        scale = diffusion.prediction.input_scale(at)
        x = x if scale is None else x / scale  # what is shown is scaled
        x_start = known.x_start_moments(x, at, classes).mean
        prediction = diffusion.prediction.target(x_start, x, at.eps(x, x_start), at)
        return torch.cat([prediction] * diffusion.variance.heads, dim=1)

    return model


def drawn(way: Make, diffusion: GaussianDiffusion, model: Network, classes: bool = False) -> Tensor:
    """Samples of float64, x_0 left as it is: a network of the mean of x_{t-1} has that unclipped in any case."""
    noise = torch.tensor([[0.3, -1.1], [1.4, 0.2], [-0.5, -0.9]], dtype=torch.float64)
    sampler = dataclasses.replace(way(diffusion), clip_denoised=False)
    conditioning = {"y": LABELS} if classes else None
    return sampler.sample(model, noise.shape, noise=noise, seed=[4, -2, 9], model_kwargs=conditioning)


@every_way
@pytest.mark.parametrize("variance", VARIANCES.values(), ids=VARIANCES)
def test_samples_do_not_depend_on_what_the_network_predicts(
    way: Make, variance: ModelVarType | ReverseVariance
) -> None:
    for grid, classes in places_for(way, variance):
        of_x_start = GaussianDiffusion(grid, model_mean_type=ModelMeanType.START_X, model_var_type=variance)
        expected = drawn(way, of_x_start, oracle(of_x_start), classes)
        assert bool(torch.isfinite(expected).all())
        for mean_type in ModelMeanType:
            as_type = of_x_start.replace(model_mean_type=mean_type)
            if as_type.prediction.is_mean and "churn" in options_of(way):
                continue  # refused: it has no meaning beside its grid
            ours = drawn(way, as_type, oracle(as_type), classes)
            near = 1e-5 if "churn" in options_of(way) else 1e-9  # churn calls the network beside its grid
            torch.testing.assert_close(ours, expected, rtol=near, atol=near)


@every_way
@pytest.mark.parametrize("learned", [ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE])
def test_a_second_head_is_ignored_where_the_rule_draws_without_it(way: Make, learned: ModelVarType) -> None:
    grid, _ = PLACES["chain, with classes"]
    plain, of_two = (GaussianDiffusion(grid, model_var_type=kind) for kind in (ModelVarType.FIXED_SMALL, learned))
    known = oracle(plain)

    def with_head(head: float) -> Network:
        return lambda x, time, **classes: torch.cat([known(x, time, **classes), torch.full_like(x, head)], dim=1)

    first, second = (drawn(way, of_two, with_head(head)) for head in (-1.0, 0.5))
    if rule_of(way) is INCLUDED["ddpm"]:
        assert not torch.equal(first, second)
    else:
        assert torch.equal(first, second)
        torch.testing.assert_close(first, drawn(way, plain, known), rtol=1e-12, atol=1e-12)


@dataclasses.dataclass
class Counting:
    """A network of eps that keeps how many samples it was shown at each call."""

    batches: list[int] = dataclasses.field(default_factory=list[int])

    def __call__(self, x: Tensor, time: Tensor, /, **classes: Tensor) -> Tensor:
        self.batches.append(len(x))
        return torch.sin(x + 0.1 * classes["y"][:, None] if classes else x)


@every_way
def test_a_threshold_brings_each_x_0_to_its_own_range_before_it_is_used(way: Make) -> None:
    """As defined by Saharia et al. 2022: s is a quantile of |x_0|, at least 1; x_0 is clamped to [-s, s], then / s."""
    diffusion = GaussianDiffusion(CHAIN.respace([3, 17, 36]), model_mean_type=ModelMeanType.START_X)
    raw = 3.0 * torch.randn(3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    raw[2] /= 9.0  # within its range: it stays as it is
    sampler = dataclasses.replace(way(diffusion), threshold=0.8)
    states = list(sampler.trajectory(lambda x, time, **_: raw, torch.zeros_like(raw)))
    s = np.maximum(np.quantile(raw.abs().numpy(), 0.8, axis=1, keepdims=True), 1.0)
    expected = torch.from_numpy(np.clip(raw.numpy(), -s, s) / s)
    assert s[0, 0] > 1.0 == s[2, 0]
    for state in states:
        torch.testing.assert_close(state.pred_xstart, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(states[-1].sample, expected, rtol=1e-9, atol=1e-9)


@every_way
@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_a_sampler_calls_the_network_as_often_as_it_says_and_no_more_than_its_order_needs(
    way: Make, number: int
) -> None:
    sampler = way(GaussianDiffusion(cosine_schedule(number)))
    assert sampler.num_calls == number + (number - 1 if rule_of(way) is INCLUDED["heun"] else 0)
    x = torch.zeros(3, 2)
    network = Counting()
    sampler.sample(network, x.shape, noise=x)
    assert network.batches == [3] * sampler.num_calls
    network = Counting()
    assert len(list(sampler.trajectory(network, x, model_kwargs={"y": LABELS}))) == number
    assert network.batches == [3] * sampler.num_calls


@every_way
def test_from_noise_alone_there_is_no_second_call(way: Make) -> None:
    chain = cosine_schedule(5, zero_terminal_snr=True)
    for number in (1, 2, 5):
        flow = PathGrid(Flow(), np.linspace(0.05, 1.0, 5)).respace(range(5 - number, 5))
        for grid in (chain.respace(range(5 - number, 5)), flow):
            sampler, network = way(GaussianDiffusion(grid, model_mean_type=ModelMeanType.V)), Counting()
            sampler.sample(network, (3, 2), noise=torch.zeros(3, 2))
            assert len(network.batches) == sampler.num_calls
            assert sampler.num_calls == number + (max(0, number - 2) if rule_of(way) is INCLUDED["heun"] else 0)


@every_way
def test_guidance_costs_no_call_more_but_one_of_twice_the_batch(way: Make) -> None:
    diffusion, network = GaussianDiffusion(cosine_schedule(5)), Counting()
    of_class, of_none = (
        diffusion.denoiser(network, conditioning={"y": labels}, clip=False) for labels in (LABELS, 0 * LABELS)
    )
    sampler = way(diffusion)
    guided = sampler.clipped(ClassifierFreeGuidance(of_class, of_none, scale=2.0))
    sampler.draw(guided, torch.zeros(3, 2))
    assert network.batches == [6] * sampler.num_calls


@every_way
@pytest.mark.parametrize("spacing", list(GRIDS))
def test_every_step_count_from_1_to_t_ends_on_clean_data(way: Make, spacing: str) -> None:
    chain = cosine_schedule(9)
    for number in range(1, 10):
        sampler = way(GaussianDiffusion(regrid(chain, number, spacing)))
        network = Counting()
        states = list(sampler.trajectory(network, sampler.initial_noise((3, 2))))
        assert len(states) == number
        assert len(network.batches) == sampler.num_calls
        assert all(bool(torch.isfinite(state.sample).all()) for state in states)
        # At clean data there is no noise: the last sample is the x_0 that the last step uses.
        last = states[-1]
        assert last.pred_xstart is not None
        assert float(last.pred_xstart.abs().max()) <= 1.0
        torch.testing.assert_close(last.sample, last.pred_xstart, rtol=0, atol=1e-6)
