"""Training a head on an exact denoiser, whose errors have a closed form."""

import pytest
import torch
from torch import Tensor

from idm.core.errors import NumericalError
from idm.core.progress import SILENT, Calls, Event, Listener
from idm.diffusion import Denoised, Denoiser, GaussianDiffusion, PredictedError
from idm.likelihood import estimate_error_curve
from idm.networks.error_network import error_network
from idm.oracles import MixtureDenoiser
from idm.schedules import Level, cosine_schedule
from idm.training.error_head import HeadFit, HeadTraining
from idm.training.head_losses import HEADS

DIFFUSION = GaussianDiffusion(cosine_schedule(100).with_noise_floor(0.03).respace(range(97)))
MEANS, VARIANCES = torch.tensor([[-0.5, 0.0], [0.5, 0.3]]), torch.tensor([0.001, 0.08])
ORACLE = MixtureDenoiser(DIFFUSION, torch.tensor([0.5, 0.5]), MEANS, VARIANCES).denoiser()
"""A narrow part and a wide one, so that x_t tells much of how sure x_0 is."""


def data(num: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    part = torch.randint(0, 2, (num,), generator=generator)
    return MEANS[part] + VARIANCES[part, None].sqrt() * torch.randn(num, 2, generator=generator)


CURVE = estimate_error_curve(DIFFUSION, ORACLE, data(4000, 0), num_levels=24)


def fitted(
    head: str, num_steps: int, denoise: Denoiser = ORACLE, *, seed: int = 0, listener: Listener = SILENT
) -> tuple[PredictedError, HeadFit]:
    torch.manual_seed(0)
    network = error_network((2,))
    draw = lambda step, count: (data(count, 1 + step), denoise)  # noqa: E731
    found = HeadTraining(DIFFUSION, CURVE, draw, HEADS[head](), num_steps, 256, seed).train(network, listener)
    return PredictedError(DIFFUSION.variance, CURVE, network.requires_grad_(False)), found


def distance(rule: PredictedError, kappa: float) -> tuple[float, float]:
    """Root mean square distance of log m from its closed form: of the head, and of the curve."""
    x, noise = data(2000, 10**6), torch.randn(2000, 2, generator=torch.Generator().manual_seed(1))
    place = int((DIFFUSION.grid.levels.kappa - kappa).abs().argmin())
    at = DIFFUSION.transition(place, x).up
    found = ORACLE(at.diffuse(x, noise), at)
    assert found.variance is not None
    exact = torch.log(found.variance)
    each = rule.reads(found, at.diffuse(x, noise), at), rule.curve.log_error_within(torch.log(at.kappa))
    ours, average = (float((values - exact).square().mean().sqrt()) for values in each)
    return ours, average


@pytest.mark.parametrize(("head", "share"), [("npr", 0.5), ("sn", 0.75)])
def test_a_trained_head_comes_near_to_the_closed_form(head: str, share: float) -> None:
    rule, found = fitted(head, 200)
    assert found.bits < found.bits_of_curves
    for kappa in (0.15, 0.3, 0.6):
        ours, average = distance(rule, kappa)
        assert average > 0.5
        assert ours < share * average


def test_a_new_head_is_the_curve_and_every_step_is_told() -> None:
    events: list[Event] = []
    _, found = fitted("npr", 1, listener=Calls(events.append))
    assert found.bits == found.bits_of_curves  # of the only batch, which was seen before the only step
    assert (events[-1].what, events[-1].done, events[-1].total) == ("training head", 1, 1)
    assert events[-1].status.startswith("loss")


def test_the_same_seed_trains_the_same_head() -> None:
    first, again, other = (fitted("npr", 3, seed=seed)[1] for seed in (5, 5, 6))
    assert first == again != other


class Broken:
    """A denoiser that finds nothing."""

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        nothing = torch.full_like(x, torch.nan)
        return Denoised(nothing, nothing)

    def select(self, rows: Tensor) -> "Broken":
        return self


def test_no_head_is_made_of_what_is_not_finite() -> None:
    with pytest.raises(NumericalError, match="error head: a finite loss wanted"):
        fitted("npr", 2, Broken())


@pytest.mark.parametrize("shape", [(3,), (2, 9), (1, 5, 7), (1, 3, 4, 5)])
def test_data_of_any_kind_have_a_head_that_begins_at_zero_and_learns(shape: tuple[int, ...]) -> None:
    network = error_network(shape)
    shown, time = torch.randn(4, 2 * shape[0], *shape[1:]), torch.tensor([-300.0, 0.0, 1.5, 300.0])
    assert network(shown, time).shape == (4, *shape)
    assert float(network(shown, time).detach().abs().max()) == 0.0
    network(shown, time).sum().backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    with torch.no_grad():
        first = network(shown, time)
        assert float(first.abs().max()) > 0.0
        one = network(shown.double(), time[:1].expand(4))
    assert one.dtype == torch.float64
    torch.testing.assert_close(one[0].float(), first[0], rtol=1e-5, atol=1e-5)
