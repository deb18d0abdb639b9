"""The loop over the terms of the bound: what stands in which column, and what it does not depend on."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.terminal import TERMINAL
from idm.core.types import Network
from idm.diffusion import ContinuousDecoder, DiscretizedDecoder, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.likelihood import VLB, Estimate, calc_bpd_loop
from idm.schedules import cosine_schedule

NUM_TIMESTEPS = 7
SHAPE = (4, 2, 3, 3)
X = torch.as_tensor(np.random.default_rng(0).uniform(-1.0, 1.0, SHAPE))
LABELS = torch.tensor([3, 1, 4, 1])
PARTS = ("total_bpd", "prior_bpd", "vb", "xstart_mse", "mse")


def process(var_type: ModelVarType = ModelVarType.LEARNED_RANGE) -> GaussianDiffusion:
    return GaussianDiffusion(cosine_schedule(NUM_TIMESTEPS), model_var_type=var_type)


def two_heads(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """An arbitrary network that reads image, time and label."""
    tau = time.to(x.dtype).view(-1, *(1,) * (x.ndim - 1))
    label = conditioning["y"].to(x.dtype).view(tau.shape) if conditioning else 0.0
    return torch.cat([torch.sin(x + 0.1 * tau + 0.2 * label), torch.tanh(x - 0.1 * tau)], dim=1)


def one_head(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return two_heads(x, time, **conditioning)[:, : x.shape[1]]


class Witness:
    """Wraps a network and remembers what it was shown at each step."""

    def __init__(self, network: Network) -> None:
        self.network, self.seen, self.largest = network, dict[int, list[Tensor]](), 0

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        self.largest = max(self.largest, len(x))
        for row, t in zip(x, time.tolist(), strict=True):
            self.seen.setdefault(t, []).append(row)
        return self.network(x, time, **conditioning)

    def noise(self, t: int) -> Tensor:
        """The noise in the images shown at step t, from x_t = sqrt(abar) x_0 + sqrt(1 - abar) noise."""
        abar = cosine_schedule(NUM_TIMESTEPS).alphas_cumprod[t]
        return (torch.stack(self.seen[t]) - math.sqrt(abar) * X) / math.sqrt(1.0 - abar)


def assert_same(ours: VLB, theirs: VLB, atol: float = 1e-12) -> None:
    for name in PARTS:
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=0, atol=atol)


@pytest.mark.parametrize("clip", [True, False])
def test_column_t_is_the_bound_term_of_step_t_at_the_noise_the_network_saw(clip: bool) -> None:
    diffusion, witness = process(), Witness(two_heads)
    bound = calc_bpd_loop(diffusion, witness, X, clip_denoised=clip, seed=5)
    assert bound.vb.shape == bound.mse.shape == bound.xstart_mse.shape == (4, NUM_TIMESTEPS)
    for t in range(NUM_TIMESTEPS):
        noise = witness.noise(t)
        x_t = diffusion.q_sample(X, t, noise)
        terms = diffusion._vb_terms_bpd(two_heads, X, x_t, t, clip_denoised=clip)
        torch.testing.assert_close(bound.vb[:, t], terms.output, rtol=0, atol=1e-10)
        x_error = (terms.pred_xstart - X).flatten(1).square().mean(1)
        torch.testing.assert_close(bound.xstart_mse[:, t], x_error, rtol=0, atol=1e-10)
        # eps - noise = -sqrt(abar / (1 - abar)) (pred_xstart - x_0), whatever the noise is.
        abar = diffusion.schedule.alphas_cumprod[t]
        torch.testing.assert_close(bound.mse[:, t], abar / (1.0 - abar) * x_error, rtol=0, atol=1e-10)


def test_the_noise_of_every_step_is_standard_normal_and_its_own() -> None:
    witness = Witness(one_head)
    calc_bpd_loop(process(ModelVarType.FIXED_LARGE), witness, X, seed=5)
    noise = torch.stack([witness.noise(t) for t in range(NUM_TIMESTEPS)])
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
    assert noise.unique().numel() == noise.numel()


def test_column_0_is_the_decoder_and_the_other_columns_do_not_know_it() -> None:
    fine, coarse = (
        calc_bpd_loop(process().replace(decoder=decoder), two_heads, X)
        for decoder in (DiscretizedDecoder(256), DiscretizedDecoder(16))
    )
    assert bool((fine.vb[:, 0] > coarse.vb[:, 0]).all())
    torch.testing.assert_close(fine.vb[:, 1:], coarse.vb[:, 1:], rtol=0, atol=0)


@pytest.mark.parametrize("t", [1, 3, 6])
def test_a_term_is_the_kl_divergence_between_posterior_and_reverse_step_in_bits_per_dimension(t: int) -> None:
    """A network that always predicts x_0 = 0.25 has a KL that is written down at once."""
    diffusion = process(ModelVarType.FIXED_LARGE).replace(model_mean_type=ModelMeanType.START_X)
    schedule = diffusion.schedule
    abar, abar_prev = schedule.alphas_cumprod[t], schedule.alphas_cumprod[t - 1]
    beta = 1.0 - abar / abar_prev
    small = beta * (1.0 - abar_prev) / (1.0 - abar)
    gap = math.sqrt(abar_prev) * beta / (1.0 - abar) * (X.numpy() - 0.25)
    kl = 0.5 * (math.log(beta / small) - 1.0 + small / beta + gap**2 / beta)
    expected = kl.reshape(4, -1).mean(1) / math.log(2.0)
    bound = calc_bpd_loop(diffusion, lambda x, time: torch.full_like(x, 0.25), X)
    np.testing.assert_allclose(bound.vb[:, t].numpy(), expected, rtol=1e-10)


def test_the_total_is_the_prior_plus_all_terms() -> None:
    bound = calc_bpd_loop(process(), two_heads, X, seed=1)
    torch.testing.assert_close(bound.total_bpd, bound.prior_bpd + bound.vb.sum(1), rtol=0, atol=1e-12)


def test_the_prior_is_the_kl_divergence_of_the_noisiest_level_from_standard_normal() -> None:
    diffusion = process().respace([0, 2, 4])
    abar = cosine_schedule(NUM_TIMESTEPS).alphas_cumprod[4]
    variance = 1.0 - abar
    kl = 0.5 * (variance + abar * X.numpy() ** 2 - 1.0 - math.log(variance))
    expected = kl.reshape(4, -1).mean(1) / math.log(2.0)
    np.testing.assert_allclose(calc_bpd_loop(diffusion, two_heads, X).prior_bpd.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 9, 27, 28, 1000])
def test_the_batch_size_changes_nothing_and_is_never_exceeded(batch_size: int) -> None:
    whole, witness = calc_bpd_loop(process(), two_heads, X, model_kwargs={"y": LABELS}), Witness(two_heads)
    bound = calc_bpd_loop(process(), witness, X, model_kwargs={"y": LABELS}, batch_size=batch_size)
    assert_same(bound, whole)
    assert witness.largest <= batch_size


def test_an_image_has_the_bound_of_its_own_seed_alone_or_in_any_company() -> None:
    seeds = [9, 2, 6, 5]
    together = calc_bpd_loop(process(), two_heads, X, model_kwargs={"y": LABELS}, seed=seeds)
    order = [2, 0, 3, 1]
    shuffled = calc_bpd_loop(
        process(), two_heads, X[order], model_kwargs={"y": LABELS[order]}, seed=[seeds[i] for i in order]
    )
    for place, i in enumerate(order):
        one = slice(i, i + 1)
        alone = calc_bpd_loop(process(), two_heads, X[one], model_kwargs={"y": LABELS[one]}, seed=seeds[i])
        for name in PARTS:
            torch.testing.assert_close(getattr(together, name)[one], getattr(alone, name), rtol=0, atol=1e-12)
            torch.testing.assert_close(getattr(shuffled, name)[place], getattr(alone, name)[0], rtol=0, atol=1e-12)


def test_another_seed_is_another_estimate() -> None:
    first, second = (calc_bpd_loop(process(), two_heads, X, seed=seed) for seed in (0, 100))
    assert bool((first.vb != second.vb).any(dim=0).all())
    torch.testing.assert_close(first.prior_bpd, second.prior_bpd, rtol=0, atol=0)


def test_labels_reach_the_network_with_their_images() -> None:
    labels = LABELS.clone()
    labels[2] = 8
    first, second = (calc_bpd_loop(process(), two_heads, X, model_kwargs={"y": y}) for y in (LABELS, labels))
    changed = (first.vb != second.vb).any(1)
    assert changed.tolist() == [False, False, True, False]


def test_a_respaced_chain_has_one_column_per_kept_step() -> None:
    witness = Witness(two_heads)
    bound = calc_bpd_loop(process().respace([0, 3, 6]), witness, X)
    assert bound.vb.shape == (4, 3)
    assert sorted(witness.seen) == [0, 3, 6]


def test_a_chain_of_one_step_has_a_bound() -> None:
    bound = calc_bpd_loop(process().respace([6]), two_heads, X)
    assert bound.vb.shape == (4, 1)
    assert bool(torch.isfinite(bound.total_bpd).all())


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 5), (2, 1, 3, 4), (2, 2, 3, 2, 2)])
def test_points_and_one_to_three_spatial_axes_have_bounds(shape: tuple[int, ...]) -> None:
    bound = calc_bpd_loop(process(), two_heads, torch.zeros(shape))
    assert bound.total_bpd.shape == (2,)
    assert bool(torch.isfinite(bound.total_bpd).all())


def test_continuous_data_are_scored_by_density() -> None:
    diffusion = process(ModelVarType.FIXED_SMALL).replace(
        decoder=ContinuousDecoder(), model_mean_type=ModelMeanType.START_X
    )
    bound = calc_bpd_loop(diffusion, lambda x, time: torch.full_like(x, 0.25), X)
    variance = math.exp(diffusion.schedule.posterior_log_variance_clipped[0])
    density = stats.norm.logpdf(X.numpy(), 0.25, math.sqrt(variance)).reshape(4, -1).mean(1)
    np.testing.assert_allclose(bound.vb[:, 0].numpy(), -density / math.log(2.0), rtol=1e-10)


def test_progress_changes_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = calc_bpd_loop(process(), two_heads, X)
    assert capsys.readouterr() == ("", "")
    loud = calc_bpd_loop(process(), two_heads, X, listener=TERMINAL)
    assert capsys.readouterr().out == ""
    assert_same(loud, quiet, atol=0)


def test_the_bound_carries_no_gradient() -> None:
    weight = torch.ones((), requires_grad=True)
    bound = calc_bpd_loop(process(), lambda x, time: weight * two_heads(x, time), X)
    assert not any(getattr(bound, name).requires_grad for name in PARTS)


def test_concatenated_parts_are_the_whole() -> None:
    whole = calc_bpd_loop(process(), two_heads, X, seed=[1, 2, 3, 4])
    first, second = (calc_bpd_loop(process(), two_heads, X[i : i + 2], seed=[i + 1, i + 2]) for i in (0, 2))
    assert_same(VLB.concatenate([first, second]), whole)


def test_an_estimate_is_the_mean_and_the_standard_error_of_the_mean() -> None:
    values = np.random.default_rng(3).gamma(2.0, size=50)
    estimate = Estimate.of(torch.as_tensor(values))
    assert estimate.mean == pytest.approx(values.mean(), rel=1e-12)
    assert estimate.standard_error == pytest.approx(stats.sem(values), rel=1e-12)


def test_one_value_has_no_standard_error() -> None:
    estimate = Estimate.of(torch.tensor([1.5]))
    assert estimate.mean == 1.5
    assert math.isnan(estimate.standard_error)


def test_an_estimate_is_written_with_its_error() -> None:
    assert str(Estimate(1.7449, 0.0163)) == "1.745 ± 0.016"


@pytest.mark.parametrize(("number", "batch_size"), [(0, 4), (2, 0), (2, -1)])
def test_no_samples_and_empty_batches_are_refused(number: int, batch_size: int) -> None:
    with pytest.raises(SettingsError, match="at least one sample and a batch_size of at least 1 wanted"):
        calc_bpd_loop(process(ModelVarType.FIXED_LARGE), one_head, X[:number], batch_size=batch_size)
