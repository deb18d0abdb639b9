"""Comparisons of samples with data, beside plain loops, other libraries and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from torch import Tensor

from idm.core.errors import SettingsError
from idm.metrics import (
    Better,
    Comparison,
    DensityCoverage,
    Diversity,
    Evidence,
    Figure,
    Frechet,
    KernelDistance,
    Labelled,
    Memorisation,
    Null,
    PrecisionRecall,
    Setup,
    SlicedWasserstein,
    Spectrum,
    TwoSample,
    ValueHistograms,
    frechet_distance,
    kernel_distance,
    radial_power,
    sliced_wasserstein,
    worse_than_chance,
)
from idm.metrics.features import find_features, fitted_and_compared
from idm.metrics.two_sample import area_under_curve


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


FIRST, SECOND = normal(23, 4), 1.3 * normal(31, 4, seed=1) + 0.4


def turned(number: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(9))


def compared(metric: Comparison, first: Tensor = FIRST, second: Tensor = SECOND) -> list[float]:
    """What the metric says of both sides, which lie in the pool in another order than they are given in."""
    turn = turned(len(first) + len(second))
    return list(metric.prepare(torch.cat([first, second])[turn])((torch.arange(len(turn)) < len(first))[turn]))


def test_the_frechet_distance_is_that_of_the_general_matrix_root() -> None:
    a, b = np.cov(FIRST.numpy().T), np.cov(SECOND.numpy().T)
    apart = FIRST.mean(0).numpy() - SECOND.mean(0).numpy()
    expected = apart @ apart + np.trace(a + b - 2.0 * sqrtm(a @ b).real)
    assert compared(Frechet()) == [pytest.approx(expected, rel=1e-8)]
    assert frechet_distance(FIRST, SECOND) == pytest.approx(expected, rel=1e-8)


def test_a_feature_that_is_constant_changes_no_distance() -> None:
    wide = [torch.cat([x, torch.full((len(x), 1), 3.0, dtype=torch.float64)], 1) for x in (FIRST, SECOND)]
    assert frechet_distance(*wide) == pytest.approx(frechet_distance(FIRST, SECOND), rel=1e-7)


def test_the_kernel_distance_is_its_double_sum_over_pairs_that_are_not_the_same() -> None:
    def mean(x: Tensor, y: Tensor, same: bool) -> float:
        pairs = [(i, j) for i in range(len(x)) for j in range(len(y)) if not (same and i == j)]
        return sum((float(x[i] @ y[j]) / 4 + 1.0) ** 3 for i, j in pairs) / len(pairs)

    expected = mean(FIRST, FIRST, True) + mean(SECOND, SECOND, True) - 2.0 * mean(FIRST, SECOND, False)
    assert kernel_distance(FIRST, SECOND) == pytest.approx(expected, rel=1e-10)
    pool = torch.cat([FIRST, SECOND])
    first, second = ((x - pool.mean(0)) / (pool - pool.mean(0)).square().mean().sqrt() for x in (FIRST, SECOND))
    assert compared(KernelDistance()) == [pytest.approx(kernel_distance(first, second), rel=1e-9)]
    with pytest.raises(SettingsError, match="at least 2 on both sides"):
        kernel_distance(FIRST[:1], SECOND)


def radii(x: np.ndarray, k: int) -> np.ndarray:
    return np.sort(cdist(x, x), axis=1)[:, k]


def test_precision_recall_density_and_coverage_are_their_definitions() -> None:
    x, y = FIRST.numpy(), SECOND.numpy()
    apart = cdist(x, y)
    precision = np.mean([any(apart[i, j] <= radii(y, 3)[j] for j in range(len(y))) for i in range(len(x))])
    recall = np.mean([any(apart[i, j] <= radii(x, 3)[i] for i in range(len(x))) for j in range(len(y))])
    assert compared(PrecisionRecall()) == pytest.approx([precision, recall], abs=1e-12)
    inside = apart <= radii(y, 5)
    assert compared(DensityCoverage()) == pytest.approx([inside.sum() / (5 * len(x)), inside.any(0).mean()], abs=1e-12)
    as_many = [row - len(x) for row in turned(len(x) + len(y)).tolist() if row >= len(x)][: len(x)]
    assert compared(Diversity()) == [pytest.approx(radii(x, 1).mean() / radii(y[as_many], 1).mean(), rel=1e-12)]


def published(samples: np.ndarray, data: np.ndarray, k: int = 5) -> float:
    """Density of Naeem et al. (2020), eq. 3, in loops."""
    inside = 0
    for i in range(len(data)):
        others = sorted(float(np.linalg.norm(data[i] - data[j])) for j in range(len(data)) if j != i)
        inside += sum(float(np.linalg.norm(data[i] - sample)) <= others[k - 1] for sample in samples)
    return inside / (k * len(samples))


@pytest.mark.parametrize("repeats", [1, 2, 10])
def test_density_is_the_published_one_also_of_data_that_repeat_themselves(repeats: int) -> None:
    samples, data = SECOND[:20], FIRST[: 40 // repeats].repeat(repeats, 1)
    assert compared(DensityCoverage(), samples, data)[0] == pytest.approx(published(samples.numpy(), data.numpy()))
    counts = torch.poisson(torch.full((60, 2), 1.0), generator=torch.Generator().manual_seed(1)).double()
    expected = published(counts[:20].numpy(), counts[20:].numpy())
    assert compared(DensityCoverage(), counts[:20], counts[20:])[0] == pytest.approx(expected)


@pytest.mark.parametrize("metric", [DensityCoverage(), PrecisionRecall()], ids=["density", "precision"])
def test_a_rotation_changes_no_ball(metric: Comparison) -> None:
    counts = torch.poisson(torch.full((300, 3), 0.5), generator=torch.Generator().manual_seed(2)).double()
    turn = torch.linalg.qr(normal(3, 3, seed=5))[0]
    rotated = (counts @ turn).float().double()
    expected = compared(metric, counts[:100], counts[100:])
    assert compared(metric, rotated[:100], rotated[100:]) == pytest.approx(expected, abs=1e-12)


def test_neighbours_of_a_small_side_are_found_beyond_those_that_are_kept() -> None:
    many, few = normal(400, 2, seed=2), 30.0 + normal(3, 2, seed=3)
    far = torch.cat([few, -few])
    as_many = [row - 6 for row in turned(406).tolist() if row >= 6][:6]
    expected = radii(far.numpy(), 1).mean() / radii(many.numpy()[as_many], 1).mean()
    assert compared(Diversity(), far, many) == [pytest.approx(expected, rel=1e-12)]


WIDE = normal(8, 15, seed=20), normal(9, 15, seed=21)


@pytest.mark.parametrize(("first", "second"), [(FIRST, SECOND), WIDE], ids=["more rows", "more features"])
def test_the_classifier_judges_every_row_as_one_that_was_fitted_without_it(first: Tensor, second: Tensor) -> None:
    pool, count = torch.cat([first, second]).numpy(), len(first)
    scaled = (pool - pool.mean(0)) / pool.std(0)
    inputs = np.concatenate([pool, scaled**2], axis=1)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    inputs = np.concatenate([np.ones((len(pool), 1)), inputs], axis=1)
    told = np.where(np.arange(len(pool)) < count, 1 / count, -1 / len(second))
    penalty = 0.05 * len(pool) * np.diag([0.0, *[1.0] * (inputs.shape[1] - 1)])
    scores = []
    for out in range(len(pool)):
        z, t = np.delete(inputs, out, 0), np.delete(told, out)
        scores.append(inputs[out] @ np.linalg.solve(z.T @ z + penalty, z.T @ t))
    wins = [scores[i] > scores[j] for i in range(count) for j in range(count, len(pool))]
    assert compared(TwoSample(), first, second) == [pytest.approx(np.mean(wins), abs=1e-12)]


def test_of_equal_scores_half_are_counted() -> None:
    scores, first = torch.tensor([1.0, 2.0, 2.0, 3.0]), torch.tensor([False, True, False, True])
    assert area_under_curve(scores, first) == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_the_sliced_distance_is_that_of_the_function() -> None:
    assert compared(SlicedWasserstein()) == [pytest.approx(float(sliced_wasserstein(FIRST, SECOND)), rel=1e-9)]


def test_a_wave_has_its_power_in_the_ring_of_its_frequency() -> None:
    places = torch.arange(16, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * 3 * places / 16).view(1, 1, 16)
    expected = torch.zeros(1, 9, dtype=torch.float64)
    expected[0, 3] = 16 / 4  # |FFT| is 8 at either frequency
    torch.testing.assert_close(radial_power(wave), expected, rtol=0, atol=1e-12)
    plane = wave.view(1, 1, 16, 1).expand(1, 1, 16, 16)
    rings = torch.tensor([round(math.hypot(i, j)) for i in range(-8, 8) for j in range(-8, 8)])
    found = radial_power(plane)[0]
    assert float(found[3] * (rings == 3).sum()) == pytest.approx(2 * (8 * 16) ** 2 / 256)
    assert float(found.sum() - found[3]) == pytest.approx(0.0, abs=1e-9)


def test_twice_the_amplitude_is_six_decibels_at_every_frequency() -> None:
    x = normal(20, 2, 8, 8)
    assert compared(Spectrum(), radial_power(2 * x), radial_power(x)) == [pytest.approx(20 * math.log10(2), rel=1e-9)]


def test_histograms_of_values_are_apart_by_the_wasserstein_distance_of_every_channel() -> None:
    x, y = (torch.randint(0, 17, (9, 2, 5), generator=torch.Generator().manual_seed(i)) / 8.0 - 1.0 for i in (0, 1))
    y[:, 0] = y[:, 0].clamp(max=0.5)
    given = Evidence(Labelled(x), trained_on=Labelled(y), levels=17)
    rows = [ValueHistograms().look(given)(part) for part in (given.samples, given.real)]
    of_channels = [wasserstein_distance(x[:, c].flatten().numpy(), y[:, c].flatten().numpy()) for c in (0, 1)]
    assert compared(ValueHistograms(), *rows) == [pytest.approx(np.mean(of_channels), rel=1e-9)]


def test_histograms_of_continuous_values_are_right_to_the_width_of_a_bin() -> None:
    x, y = 0.8 * normal(40, 1, 6, seed=4), normal(50, 1, 6, seed=5)
    given = Evidence(Labelled(x.clamp(y.min(), y.max())), trained_on=Labelled(y))
    rows = [ValueHistograms().look(given)(part) for part in (given.samples, given.real)]
    expected = wasserstein_distance(given.samples.x.flatten().numpy(), y.flatten().numpy())
    assert compared(ValueHistograms(), *rows)[0] == pytest.approx(expected, abs=float(y.max() - y.min()) / 511)


def test_identical_sides_are_at_no_distance_and_in_all_balls() -> None:
    for metric in (Frechet(), SlicedWasserstein(), Spectrum(), ValueHistograms()):
        assert compared(metric, FIRST.abs(), FIRST.abs()) == [pytest.approx(0.0, abs=1e-7)]
    assert compared(PrecisionRecall(), FIRST, FIRST) == [1.0, 1.0]
    assert compared(DensityCoverage(), FIRST, FIRST)[1] == 1.0
    assert compared(KernelDistance(), FIRST, FIRST)[0] <= 0.0
    assert compared(TwoSample(), FIRST, FIRST)[0] <= 0.5


def memorised(x: Tensor) -> list[Figure]:
    held_out, training = normal(50, 1, 6, seed=7), normal(200, 1, 6, seed=8)
    return Memorisation().measure(Evidence(Labelled(x), Labelled(held_out), Labelled(training)))


def test_copies_are_nearer_in_all_pairs_and_held_out_data_in_half_of_them() -> None:
    nearer, copies = memorised(normal(200, 1, 6, seed=8)[:30])
    assert (nearer.value, copies.value) == (1.0, 1.0)
    assert nearer.null is not None
    assert nearer.null.p_value < 1e-9
    nearer, copies = memorised(normal(50, 1, 6, seed=7))
    assert (nearer.value, copies.value) == (pytest.approx(0.5), pytest.approx(1 / 50))


def test_exact_copies_count_where_held_out_data_are_copies_too() -> None:
    training = normal(200, 1, 6, seed=8)
    held_out = torch.cat([training[:3], normal(97, 1, 6, seed=7)])
    found = Memorisation().measure(Evidence(Labelled(training[50:]), Labelled(held_out), Labelled(training)))
    assert found[1].value == 1.0


def test_figures_of_no_number_are_no_worse_than_chance() -> None:
    blank = torch.zeros(20, 1, 8)
    found = Spectrum(drawings=19).measure(Evidence(Labelled(blank), trained_on=Labelled(torch.zeros(60, 1, 8))))
    assert found[0].value == 0.0
    assert [one.name for one in worse_than_chance([figure("a", math.nan), figure("b", 0.01)])] == ["b"]


def test_the_share_of_pairs_and_its_error_are_those_of_all_pairs() -> None:
    x, held_out, training = (normal(n, 1, 6, seed=s) for n, s in ((20, 6), (50, 7), (200, 8)))
    ours, theirs = (cdist(z.flatten(1), training.flatten(1)).min(1) for z in (x, held_out))
    wins = ours[:, None] < theirs
    nearer, _ = memorised(x)
    assert nearer.value == pytest.approx(wins.mean(), abs=1e-12)
    expected = math.sqrt(wins.mean(1).var(ddof=1) / 20 + wins.mean(0).var(ddof=1) / 50)
    assert nearer.standard_error == pytest.approx(expected, rel=1e-9)


def figure(name: str, p_value: float) -> Figure:
    return Figure(name, 1.0, null=Null(0.0, -1.0, 1.0, 99, p_value))


def test_of_several_figures_the_smaller_a_p_value_the_more_it_is_multiplied() -> None:
    found = [figure("a", 0.03), figure("b", 0.016), figure("c", 0.2), Figure("d", 1.0)]
    assert [one.name for one in worse_than_chance(found, 0.05)] == ["b"]  # 3 * 0.016 < 0.05 < 2 * 0.03
    assert [one.name for one in worse_than_chance([figure("a", 0.02), figure("b", 0.016)])] == ["b", "a"]


def measured(metric: Comparison, x: Tensor, real: Tensor) -> Figure:
    return metric.measure(Evidence(Labelled(x), trained_on=Labelled(real)))[0]


def test_as_many_samples_are_compared_as_half_of_the_real_data() -> None:
    given = Evidence(Labelled(normal(500, 2)), trained_on=Labelled(normal(60, 2, seed=1)))
    figure = SlicedWasserstein(drawings=0, directions=2).measure(given)[0]
    assert "30 samples and 30 real" in figure.note


def p_values_of_data(repeats: int, *, apart: bool) -> list[float]:
    """P-values of real data of more values than samples in the place of samples, by features fitted to real data."""
    found = []
    for seed in range(repeats):
        x = normal(100, 150, seed=300 + seed)
        samples, real = x[:20], x[20:]
        to_fit, others = fitted_and_compared(len(real))
        features = find_features("pca:5", real[to_fit] if apart else real)
        given = Evidence(
            Labelled(samples),
            trained_on=Labelled(real),
            features=features,
            compared=Labelled(real[others]) if apart else None,
        )
        null = SlicedWasserstein(drawings=39, directions=4).measure(given)[0].null
        assert null is not None
        found.append(null.p_value)
    return found


def test_features_that_are_fitted_to_other_real_data_raise_no_false_alarms() -> None:
    p_values = p_values_of_data(60, apart=True)
    assert abs(np.mean(p_values) - 0.51) < 4 * 0.037  # of 60
    assert sum(p <= 0.05 for p in p_values) <= 9


def test_those_that_are_fitted_to_what_is_compared_do() -> None:
    assert sum(p <= 0.05 for p in p_values_of_data(15, apart=False)) > 7


def test_the_standard_error_is_that_of_samples_drawn_again() -> None:
    real = normal(800, 1, seed=50)
    found = [measured(ValueHistograms(drawings=0), 0.8 + normal(100, 1, seed=i), real) for i in range(40)]
    spread = np.std([one.value for one in found], ddof=1)
    assert spread == pytest.approx(np.mean([one.standard_error for one in found]), rel=0.45)
    assert found[0].null is None


def test_each_direction_has_its_p_value() -> None:
    x = normal(300, 1, seed=1)
    shifted = measured(ValueHistograms(drawings=19), x[:90] + 1.0, x[90:])
    assert shifted.null is not None
    assert shifted.null.p_value == 1 / 20
    repeated = measured(Diversity(drawings=19), x[:45].repeat(2, 1), x[90:])
    assert (repeated.value, repeated.better) == (0.0, Better.NEAR_NULL)
    assert repeated.null is not None
    assert repeated.null.p_value == 2 / 20
    apart = measured(PrecisionRecall(drawings=19), x[:90] + 50.0, x[90:])
    assert apart.null is not None
    assert (apart.value, apart.null.p_value) == (0.0, 1 / 20)


def test_too_few_samples_are_refused_with_the_reason() -> None:
    with pytest.raises(
        SettingsError, match=r"more than the 20 features wanted for metrics=frechet, as fewer have a deg"
    ):
        Frechet().check(Setup((1, 8, 8), 20, 500, 20))
    with pytest.raises(SettingsError, match=r"of 99 real ones \(all that are held\); compare fewer features"):
        Frechet().check(Setup((1, 8, 8), 1000, 99, 500, limit=" (all that are held)"))
    with pytest.raises(SettingsError, match="features=pca:15"):
        Frechet().check(Setup((1, 8, 8), 1000, 300, 500))
    Frechet().check(Setup((1, 8, 8), 21, 500, 20))
    with pytest.raises(SettingsError, match="at least 10 of them and 20 real ones"):
        KernelDistance().check(Setup((1, 8, 8), 500, 19, 20))
    with pytest.raises(SettingsError, match="samples with a spatial axis wanted, got points"):
        Spectrum().check(Setup((2,), 50, 500, 2))
