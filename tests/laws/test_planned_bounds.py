"""Bounds with analytic variances and planned levels: above the truth at every budget, and what a plan expects."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import Analytic, ContinuousDecoder, Denoised, ErrorCurve, GaussianDiffusion
from idm.diffusion.variances import FixedSmall, LearnedRange
from idm.likelihood import (
    BoundByCurve,
    Estimate,
    estimate_error_curves,
    evaluate_bound,
    variance_fractions,
)
from idm.likelihood.fractions import learned_rule, mean_and_quartiles
from idm.oracles import MixtureDenoiser
from idm.schedules import Level, cosine_schedule

PROCESS = GaussianDiffusion(cosine_schedule(200), decoder=ContinuousDecoder())
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
MEANS = torch.tensor([[0.8, 0.1], [-0.7, 0.5], [0.0, -0.6]], dtype=torch.float64)
VARIANCES = torch.tensor([0.01, 0.04, 0.0025], dtype=torch.float64)
ORACLE = MixtureDenoiser(PROCESS, WEIGHTS, MEANS, VARIANCES)


def drawn(number: int, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    which = rng.choice(3, size=number, p=WEIGHTS.numpy())
    return MEANS[which] + VARIANCES[which, None].sqrt() * torch.as_tensor(rng.normal(size=(number, 2)))


def true_bits(x: Tensor) -> Tensor:
    """-log2 p(x) per dimension."""
    squared = ((x[:, None] - MEANS) ** 2).sum(2)
    logs = WEIGHTS.log() - 0.5 * squared / VARIANCES - torch.log(2.0 * math.pi * VARIANCES)
    return -torch.logsumexp(logs, dim=1) / (2.0 * math.log(2.0))


@pytest.fixture(scope="module")
def measured():
    return estimate_error_curves(PROCESS, ORACLE.denoiser(), drawn(4000, 0), num_levels=40)


@pytest.mark.parametrize("count", [1, 2, 5, 10, 25, 100])
@pytest.mark.parametrize("apart", [False, True], ids=["one curve", "curves of values"])
def test_no_bound_is_below_the_truth_and_each_is_about_what_its_plan_expects(measured, count: int, apart: bool) -> None:
    """Paired with the true likelihood of each of 1,000 samples that the curves have not seen."""
    curve = measured.of_places if apart else measured.together
    costs = BoundByCurve(PROCESS.grid, curve, PROCESS.decoder, measured.power)
    places = costs.best_places(count)
    chain = PROCESS.respace(places).replace(model_var_type=Analytic.of(FixedSmall(), curve))
    x = drawn(1000, 1)
    bound = evaluate_bound(chain, ORACLE.denoiser(), x, batch_size=4000).total_bpd
    above = Estimate.of(bound - true_bits(x))
    assert above.mean > -3.0 * above.standard_error
    found = Estimate.of(bound)
    assert abs(found.mean - costs.of(places)) < 4.0 * found.standard_error + 0.03
    if count > 1:
        evenly = chain.on(PROCESS.grid.respace(np.linspace(0, 199, count).round().astype(int).tolist()))
        other = evaluate_bound(evenly, ORACLE.denoiser(), x, batch_size=4000).total_bpd
        assert Estimate.of(other - bound).mean > -0.02


def test_a_constant_head_is_its_own_fraction_and_the_best_one_is_as_derived() -> None:
    """f = log(1 + (SNR_down - SNR_up) m) / log(sigma_up^2 / sigma_down^2), in terms of kappa for a chain."""
    head = torch.tensor([[-1.0, 0.0, 0.5, 1.0]], dtype=torch.float64)

    class Constant:
        def __call__(self, x: Tensor, at: Level, /) -> Denoised:
            return Denoised(0.0 * x, 0.0 * x, head=head.expand_as(x))

        def select(self, rows: Tensor, /) -> "Constant":
            return self

    diffusion = GaussianDiffusion(cosine_schedule(20), model_var_type=LearnedRange())
    x = torch.zeros(3, 4, dtype=torch.float64)
    curve = estimate_error_curves(diffusion, Constant(), x + 0.2, num_levels=20).together
    found = variance_fractions(diffusion, LearnedRange(), Constant(), x, curve, num_levels=20)
    number = len(found.kappa)
    assert number > 10
    of_head = (head.flatten() + 1.0) / 2.0
    assert found.mean == pytest.approx([float(of_head.mean())] * number)
    assert found.lower == pytest.approx([float(np.quantile(of_head, 0.25))] * number)
    assert found.upper == pytest.approx([float(np.quantile(of_head, 0.75))] * number)
    schedule = diffusion.schedule
    sigma, snr = np.sqrt(1.0 - schedule.alphas_cumprod), schedule.alphas_cumprod / (1.0 - schedule.alphas_cumprod)
    for kappa, optimal in zip(found.kappa, found.optimal, strict=True):
        t = int(np.abs(snr**-0.5 - kappa).argmin())
        best = math.log1p((snr[t - 1] - snr[t]) * 0.04) / math.log(sigma[t] ** 2 / sigma[t - 1] ** 2)
        assert optimal == pytest.approx(best, rel=1e-9)


def test_what_a_network_learned_is_found_under_what_was_put_in_its_place() -> None:
    from idm.diffusion import CalibratedDecoder, ErrorCurve

    curve = ErrorCurve.at_one(0.1, 0.2)
    learned = LearnedRange()
    for rule in (learned, CalibratedDecoder(learned, curve), Analytic(CalibratedDecoder(learned, curve), curve)):
        assert learned_rule(rule) is learned
    assert learned_rule(Analytic(FixedSmall(), curve)) is None


class Ramp:
    """A network whose heads are those of its samples, and which counts how many it sees at once."""

    def __init__(self, head: Tensor, rows: Tensor, seen: list[int]) -> None:
        self.head, self.rows, self.seen = head, rows, seen

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        self.seen.append(len(x))
        return Denoised(0.0 * x, 0.0 * x, head=self.head[self.rows])

    def select(self, rows: Tensor, /) -> "Ramp":
        return Ramp(self.head, self.rows[rows], self.seen)


def test_fractions_of_samples_a_few_at_a_time_are_each_those_of_its_own_head() -> None:
    head = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0], dtype=torch.float64)[:, None].expand(5, 3)
    ramp = Ramp(head, torch.arange(5), [])
    diffusion = GaussianDiffusion(cosine_schedule(20), model_var_type=LearnedRange())
    curve = ErrorCurve.at_one(0.1, 0.2)
    x = torch.zeros(5, 3, dtype=torch.float64)
    found = variance_fractions(diffusion, LearnedRange(), ramp, x, curve, num_levels=2, batch_size=2)
    assert ramp.seen == [2, 2, 1] * len(found.kappa)
    for values, expected in ((found.mean, 0.5), (found.lower, 0.25), (found.upper, 0.75)):
        assert values == pytest.approx([expected] * len(found.kappa))


def test_quartiles_of_more_values_than_torch_ranks_are_those_of_all() -> None:
    values = torch.linspace(0.0, 1.0, 2**24 + 3)
    assert mean_and_quartiles(values) == pytest.approx([0.5, 0.25, 0.75], abs=1e-5)
