"""Mixtures against numerical integration; classes as subsets of components."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.guidance import ClassifierFreeGuidance
from idm.oracles import MixtureDenoiser, components
from idm.samplers import SamplerDDIM
from idm.schedules import cosine_schedule, linear_schedule

WEIGHTS = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
CENTRES = torch.tensor([[-0.6], [0.1], [0.7]], dtype=torch.float64)
SPREADS = torch.tensor([0.02, 0.3, 0.0004], dtype=torch.float64)
LABELS = torch.tensor([4, 2, 4])
DIFFUSION = GaussianDiffusion(cosine_schedule(10), model_mean_type=ModelMeanType.START_X)


def integrated(x: float, abar: float) -> tuple[float, float]:
    """Mean and variance of x_0 given x_t = x, by quadrature of prior times likelihood."""

    def joint(x_start: float) -> float:
        prior = sum(
            weight * stats.norm.pdf(x_start, centre, spread**0.5)
            for weight, centre, spread in zip(WEIGHTS.tolist(), CENTRES[:, 0].tolist(), SPREADS.tolist(), strict=True)
        )
        return prior * stats.norm.pdf(x, abar**0.5 * x_start, (1.0 - abar) ** 0.5)

    grid = np.linspace(-4.0, 4.0, 40_001)
    values = joint(grid)
    mass, first, second = (integrate.simpson(values * grid**power, x=grid) for power in range(3))
    return first / mass, second / mass - (first / mass) ** 2


@pytest.mark.parametrize("t", [0, 2, 5, 9])
@pytest.mark.parametrize("x", [-1.5, -0.3, 0.0, 0.65, 2.0])
def test_moments_are_those_of_prior_times_likelihood(t: int, x: float) -> None:
    oracle = MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS)
    x_t = torch.full((1, 1), x, dtype=torch.float64)
    found = oracle.x_start_moments(x_t, DIFFUSION.schedule.level(torch.tensor([t]), x_t), {})
    mean, variance = integrated(x, float(DIFFUSION.schedule.alphas_cumprod[t]))
    assert float(found.mean) == pytest.approx(mean, rel=1e-7, abs=1e-8)
    assert float(found.variance) == pytest.approx(variance, rel=1e-6, abs=1e-8)


def predict(oracle: MixtureDenoiser, x: Tensor, labels: list[int] | None = None) -> Tensor:
    kwargs = {} if labels is None else {"y": torch.tensor(labels)}
    return DIFFUSION.predict(oracle, x, 4, kwargs).prediction


X = torch.tensor([[0.3], [-0.5], [0.2], [0.0]], dtype=torch.float64)


def test_a_label_restricts_each_sample_to_the_components_of_its_class() -> None:
    conditional = MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS, LABELS)
    four = MixtureDenoiser(DIFFUSION, WEIGHTS[[0, 2]], CENTRES[[0, 2]], SPREADS[[0, 2]])
    two = MixtureDenoiser(DIFFUSION, WEIGHTS[[1]], CENTRES[[1]], SPREADS[[1]])
    ours = predict(conditional, X, [4, 2, 2, 4])
    torch.testing.assert_close(ours[[0, 3]], predict(four, X[[0, 3]]), rtol=0, atol=1e-14)
    torch.testing.assert_close(ours[[1, 2]], predict(two, X[[1, 2]]), rtol=0, atol=1e-14)


def test_no_label_and_the_label_of_no_component_stand_for_the_whole_mixture() -> None:
    conditional = MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS, LABELS)
    whole = predict(MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS), X)
    torch.testing.assert_close(predict(conditional, X), whole, rtol=0, atol=1e-14)
    torch.testing.assert_close(predict(conditional, X, [9, -1, 9, 9]), whole, rtol=0, atol=1e-14)


def test_the_mixture_over_classes_of_conditional_answers_is_the_unconditional_one() -> None:
    """E[x_0 | x_t] = sum over classes of P(y | x_t) E[x_0 | x_t, y]."""
    abar = float(DIFFUSION.schedule.alphas_cumprod[4])
    conditional = MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS, LABELS)
    spread = np.sqrt(abar * SPREADS.numpy() + 1.0 - abar)
    joint = WEIGHTS.numpy() * stats.norm.pdf(X.numpy(), np.sqrt(abar) * CENTRES[:, 0].numpy(), spread)
    two = joint[:, 1] / joint.sum(1)
    expected = (
        two * predict(conditional, X, [2] * 4)[:, 0].numpy()
        + (1 - two) * predict(conditional, X, [4] * 4)[:, 0].numpy()
    )
    np.testing.assert_allclose(predict(conditional, X)[:, 0].numpy(), expected, rtol=1e-12)


def test_classifier_free_guidance_finds_its_null_label_answered() -> None:
    conditional = MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS, LABELS)
    asked = (
        DIFFUSION.denoiser(conditional, conditioning={"y": labels}, clip=False)
        for labels in (torch.tensor([2, 4, 2, 4]), torch.full((4,), 10))
    )
    ours = ClassifierFreeGuidance(*asked, scale=2.0)(X, DIFFUSION.grid.level(4, X)).x_start
    expected = 2.0 * predict(conditional, X, [2, 4, 2, 4]) - predict(conditional, X)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-13)


def test_samples_of_a_class_fall_where_its_components_are() -> None:
    diffusion = GaussianDiffusion(linear_schedule(100))
    oracle = MixtureDenoiser(
        diffusion,
        torch.ones(3),
        torch.tensor([[-0.8, 0.8], [0.8, 0.8], [0.0, -0.8]]),
        torch.full((3,), 1e-4),
        torch.tensor([0, 0, 1]),
    )
    x = SamplerDDIM(diffusion).sample(oracle, (40, 2), model_kwargs={"y": torch.tensor([0, 1] * 20)})
    assert bool(((x[0::2].abs() - 0.8).abs() < 0.1).all())
    assert bool(((x[1::2] - torch.tensor([0.0, -0.8])).abs() < 0.1).all())


def test_weights_count_up_to_a_common_factor_and_components_without_weight_do_not_exist() -> None:
    plain = predict(MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS), X)
    scaled = predict(MixtureDenoiser(DIFFUSION, 7.0 * WEIGHTS, CENTRES, SPREADS), X)
    torch.testing.assert_close(scaled, plain, rtol=0, atol=1e-14)
    more = [torch.cat([a, b[:1]]) for a, b in ((WEIGHTS, 0.0 * WEIGHTS), (CENTRES, CENTRES), (SPREADS, SPREADS))]
    torch.testing.assert_close(predict(MixtureDenoiser(DIFFUSION, *more), X), plain, rtol=0, atol=1e-14)


def test_a_large_batch_is_answered_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    x, t = torch.as_tensor(generator.normal(size=(50, 1))), torch.as_tensor(generator.integers(0, 10, 50))
    diffusion = DIFFUSION.replace(model_var_type=ModelVarType.LEARNED)
    oracle = MixtureDenoiser(diffusion, WEIGHTS, CENTRES, SPREADS, LABELS)
    arguments = (x, diffusion.network_time(t, x))
    labels = torch.as_tensor(generator.integers(1, 5, 50))
    whole = oracle(*arguments, y=labels), oracle(*arguments)
    for largest in (1, 10, 100):
        monkeypatch.setattr(components, "LARGEST_TABLE", largest)
        torch.testing.assert_close(oracle(*arguments, y=labels), whole[0], rtol=0, atol=1e-13)
        torch.testing.assert_close(oracle(*arguments), whole[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"weights": WEIGHTS[:2]}, r"weights: one number for each of the 3 means wanted, got shape \(2,\)"),
        ({"variances": SPREADS[:1]}, "variances: one number"),
        ({"variances": torch.tensor(0.1)}, "variances: one number"),
        ({"labels": LABELS[:2]}, "labels: one number"),
        ({"weights": -WEIGHTS}, "at least 0"),
        ({"variances": -SPREADS}, "at least 0"),
        ({"weights": 0.0 * WEIGHTS}, "some weight above 0"),
    ],
)
def test_what_is_no_mixture_is_refused(changed: dict[str, Tensor], match: str) -> None:
    parts = {"weights": WEIGHTS, "means": CENTRES, "variances": SPREADS} | changed
    with pytest.raises(SettingsError, match=match):
        MixtureDenoiser(DIFFUSION, **parts)


def test_other_conditioning_than_labels_is_refused() -> None:
    oracle = MixtureDenoiser(DIFFUSION, WEIGHTS, CENTRES, SPREADS, LABELS)
    with pytest.raises(SettingsError, match=r"conditioning: labels y wanted by this oracle, got \['low_res', 'y'\]"):
        DIFFUSION.predict(oracle, X, 4, {"y": torch.zeros(4).long(), "low_res": X})
