"""Every way to guide is the algebra of its paper on a mixture whose denoisers are known exactly."""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import Clipped, Denoised, Denoiser, GaussianDiffusion
from idm.guidance import (
    GUIDANCE_RULES,
    Autoguidance,
    CFGZero,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    GuidanceRule,
    Projected,
    Rescaled,
    is_guided,
    refuse_guided,
)
from idm.likelihood import estimate_bpd, estimate_error_curve, evaluate_bound
from idm.oracles import MixtureDenoiser
from idm.samplers import SAMPLERS, SamplerDDIM
from idm.schedules import Level, cosine_schedule

PROCESS = GaussianDiffusion(cosine_schedule(1000))
KAPPA = PROCESS.grid.levels.kappa.tolist()
SHAPE = (2, 2, 3)
MEANS = torch.sin(torch.arange(5.0 * math.prod(SHAPE), dtype=torch.float64)).view(5, *SHAPE)
VARIANCES = torch.tensor([0.2, 0.1, 0.3, 0.15, 0.05], dtype=torch.float64)
WEIGHTS = torch.tensor([0.3, 0.1, 0.2, 0.15, 0.25], dtype=torch.float64)
CLASSES = torch.tensor([0, 1, 2, 0, 1])
MIXTURE = MixtureDenoiser(PROCESS, WEIGHTS, MEANS, VARIANCES, labels=CLASSES)
WORSE = MixtureDenoiser(PROCESS, WEIGHTS.flip(0), 0.8 * MEANS, VARIANCES + 0.2, labels=CLASSES)
X = torch.cos(1.7 * torch.arange(4.0 * math.prod(SHAPE), dtype=torch.float64)).view(4, *SHAPE)
Y = torch.tensor([0, 1, 2, 1])
ROWS = torch.tensor([2, 0, 2])
STEPS = torch.tensor([40, 300, 700, 985])
AT = PROCESS.grid.level(STEPS, X)
SCALE = 2.5


def found(oracle: MixtureDenoiser, given: dict[str, Tensor], at: Level = AT) -> Tensor:
    return oracle.x_start_moments(X, at, given).mean


def logits(x: Tensor, at: Level, /) -> Tensor:
    """log p(c, x), from the densities of the noisy components."""
    alpha, sigma = (value.reshape(-1, 1).to(x) for value in (at.alpha, at.sigma))
    variance = alpha**2 * VARIANCES + sigma**2
    apart = (x.flatten(1)[:, None] - alpha[..., None] * MEANS.flatten(1)).square().sum(2)
    size = math.prod(SHAPE)
    log_density = WEIGHTS.log() - 0.5 * (apart / variance + size * torch.log(2 * math.pi * variance))
    return torch.stack([log_density[:, label == CLASSES].logsumexp(1) for label in range(3)], dim=1)


def classifier_free(rule: GuidanceRule, scale: float = SCALE, low: float = 0.0, high: float = math.inf) -> Denoiser:
    conditional, unconditional = MIXTURE.denoiser({"y": Y}), MIXTURE.denoiser({"y": torch.full_like(Y, 3)})
    return ClassifierFreeGuidance(conditional, unconditional, scale, low, high, rule)


CONDITIONAL, UNCONDITIONAL = found(MIXTURE, {"y": Y}), found(MIXTURE, {})
LINE = UNCONDITIONAL + SCALE * (CONDITIONAL - UNCONDITIONAL)


def as_rescaled(phi: float) -> Tensor:
    rows = [line * (phi * wanted.std() / line.std() + 1 - phi) for line, wanted in zip(LINE, CONDITIONAL, strict=True)]
    return torch.stack(rows)


def as_projected(eta: float, threshold: float) -> Tensor:
    rows: list[Tensor] = []
    for better, worse in zip(CONDITIONAL.flatten(1), UNCONDITIONAL.flatten(1), strict=True):
        apart = better - worse
        apart = apart * min(1.0, threshold / float(apart.norm())) if threshold else apart
        unit = better / better.norm()
        along = float(apart @ unit) * unit
        rows.append(better + (SCALE - 1) * (apart - along + eta * along))
    return torch.stack(rows).view_as(X)


def as_cfg_zero(zero_share: float) -> Tensor:
    rows: list[Tensor] = []
    for x, better, worse, step in zip(
        X.flatten(1), CONDITIONAL.flatten(1), UNCONDITIONAL.flatten(1), STEPS.tolist(), strict=True
    ):
        time = KAPPA[step] / (1 + KAPPA[step])  # of the straight path with as much noise
        y = x * (1 - time) / float(PROCESS.schedule.sqrt_alphas_cumprod[step])
        v_c, v_u = ((y - x_start) / time for x_start in (better, worse))  # y = (1 - t) x_0 + t noise, v = noise - x_0
        optimal = float(v_c @ v_u / (v_u @ v_u))
        velocity = (1 - SCALE) * optimal * v_u + SCALE * v_c
        rows.append(y if time > 1 - zero_share else y - time * velocity)
    return torch.stack(rows).view_as(X)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (GUIDANCE_RULES["linear"](), LINE),
        (Rescaled(), as_rescaled(0.7)),
        (Rescaled(phi=1.0), as_rescaled(1.0)),
        (Rescaled(phi=0.0), LINE),
        (Projected(), as_projected(0.0, 0.0)),
        (Projected(eta=0.4, norm_threshold=0.05), as_projected(0.4, 0.05)),
        (Projected(eta=1.0), LINE),
        (CFGZero(), as_cfg_zero(0.04)),
        (CFGZero(zero_share=0.0), as_cfg_zero(0.0)),
    ],
)
def test_each_rule_is_the_algebra_of_its_paper(rule: GuidanceRule, expected: Tensor) -> None:
    torch.testing.assert_close(classifier_free(rule)(X, AT).x_start, expected, rtol=0, atol=1e-12)


def test_the_velocity_is_0_at_some_of_these_levels_and_not_at_others() -> None:
    stands_still = (as_cfg_zero(0.04) != as_cfg_zero(0.0)).flatten(1).any(1)
    assert stands_still.tolist() == [False, False, False, True]


def test_the_length_that_is_cut_is_longer_than_the_threshold() -> None:
    assert ((CONDITIONAL - UNCONDITIONAL).flatten(1).norm(dim=1) > 0.05).any()


def test_autoguidance_goes_on_from_the_worse_network_through_the_better_one() -> None:
    worse = found(WORSE, {"y": Y})
    ours = Autoguidance(MIXTURE.denoiser({"y": Y}), WORSE.denoiser({"y": Y}), 1.8)(X, AT).x_start
    torch.testing.assert_close(ours, CONDITIONAL + 0.8 * (CONDITIONAL - worse), rtol=0, atol=1e-12)


def test_autoguidance_needs_no_classes() -> None:
    ours = Autoguidance(MIXTURE.denoiser(), WORSE.denoiser(), 1.8)(X, AT).x_start
    expected = UNCONDITIONAL + 0.8 * (UNCONDITIONAL - found(WORSE, {}))
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def test_the_exact_classifier_makes_the_unconditional_denoiser_the_conditional_one() -> None:
    ours = ClassifierGuidance(MIXTURE.denoiser(), logits, Y)(X, AT).x_start
    torch.testing.assert_close(ours, CONDITIONAL, rtol=0, atol=1e-12)


def test_a_classifier_s_scale_is_one_of_x_0() -> None:
    ours = ClassifierGuidance(MIXTURE.denoiser({"y": Y}), logits, Y, scale=1.5)(X, AT).x_start
    torch.testing.assert_close(ours, CONDITIONAL + 1.5 * (CONDITIONAL - UNCONDITIONAL), rtol=0, atol=1e-12)


def test_where_no_signal_is_left_a_classifier_moves_nothing() -> None:
    pure = Level(*(torch.tensor(value, dtype=torch.float64) for value in (0.0, 1.0, 1000.0)))

    guided = ClassifierGuidance(Blank(), logits, Y)
    assert torch.equal(guided(X, pure).x_start, torch.zeros_like(X))


@dataclasses.dataclass(frozen=True)
class Blank:
    """Finds 0."""

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        return Denoised(torch.zeros_like(x), torch.zeros_like(x))

    def select(self, rows: Tensor, /) -> "Blank":
        return self


GUIDED: dict[str, Denoiser] = {
    **{f"classifier-free, {name}": classifier_free(rule()) for name, rule in GUIDANCE_RULES.items()},
    **{
        f"autoguidance, {name}": Autoguidance(
            MIXTURE.denoiser({"y": Y}), WORSE.denoiser({"y": Y}), 1.8, low=0.5, rule=rule()
        )
        for name, rule in GUIDANCE_RULES.items()
    },
    "classifier": ClassifierGuidance(MIXTURE.denoiser(), logits, Y, 2.0),
    "classifier over apg": ClassifierGuidance(classifier_free(Projected()), logits, Y, 0.5),
}
every_way = pytest.mark.parametrize("way", GUIDED)


@every_way
def test_a_selected_sample_is_guided_as_among_all(way: str) -> None:
    whole, some = GUIDED[way](X, AT), GUIDED[way].select(ROWS)
    selected = some(X[ROWS], AT.map(lambda values: values[ROWS]))
    torch.testing.assert_close(selected.x_start, whole.x_start[ROWS], rtol=0, atol=1e-12)
    torch.testing.assert_close(selected.raw, whole.raw[ROWS], rtol=0, atol=1e-12)


@every_way
def test_one_level_for_all_is_that_level_for_each(way: str) -> None:
    one, each = PROCESS.grid.level(500, X), PROCESS.grid.level(torch.full((4,), 500), X)
    torch.testing.assert_close(GUIDED[way](X, one).x_start, GUIDED[way](X, each).x_start, rtol=0, atol=1e-12)


@every_way
@pytest.mark.parametrize("name", SAMPLERS)
def test_an_image_depends_on_its_own_seed_whatever_the_company(way: str, name: str) -> None:
    sampler = SAMPLERS.build(name, {}, diffusion=PROCESS.respace(range(9, 1000, 110)))
    seeds = [5, 11, 3, 8]
    noise = sampler.initial_noise((4, *SHAPE), seed=seeds)
    together = sampler.draw(sampler.clipped(GUIDED[way]), noise, seed=seeds)
    chosen = [seeds[row] for row in ROWS.tolist()]
    some = sampler.draw(
        sampler.clipped(GUIDED[way].select(ROWS)),
        sampler.initial_noise((3, *SHAPE), seed=chosen),
        seed=chosen,
    )
    torch.testing.assert_close(some, together[ROWS], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", GUIDANCE_RULES)
def test_scale_1_is_the_first_denoiser_by_every_rule(rule: str) -> None:
    ours = classifier_free(GUIDANCE_RULES.build(rule, {}), scale=1.0)(X, AT).x_start
    torch.testing.assert_close(ours, CONDITIONAL, rtol=0, atol=1e-12)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("way", [*GUIDANCE_RULES, "classifier"])
def test_an_interval_ends_exactly_where_it_says(way: str, dtype: torch.dtype, each: bool) -> None:
    low, high, x = KAPPA[200], KAPPA[990], X.to(dtype)
    if way == "classifier":
        guided: Denoiser = ClassifierGuidance(MIXTURE.denoiser({"y": Y}), logits, Y, 2.0, low, high)
    else:
        guided = classifier_free(GUIDANCE_RULES.build(way, {}), SCALE, low, high)
    for step, inside in ((199, False), (200, True), (201, True), (989, True), (990, True), (991, False)):
        at = PROCESS.grid.level(torch.full((4,), step) if each else step, x)
        plain = MIXTURE.denoiser({"y": Y})(x, at).x_start
        moved = (guided(x, at).x_start - plain).abs().max()
        assert (float(moved) > 1e-4 * float(plain.abs().max())) == inside, step


def test_a_sample_of_one_value_everywhere_and_one_of_zeros_stay_finite() -> None:
    first, second = torch.zeros(2, 1, 4), torch.zeros(2, 1, 4)
    first[0] += 0.5
    at = PROCESS.grid.level(500, first)
    for rule in (Rescaled(), Projected(norm_threshold=1.0), CFGZero()):
        assert bool(rule.combine(first, second, 2.0, torch.zeros_like(first), at).isfinite().all())


@pytest.mark.parametrize(
    ("rule", "options", "told"),
    [
        ("rescale", {"phi": 1.5}, "phi: a number >= 0, <= 1 wanted, got 1.5"),
        ("apg", {"norm_threshold": -1.0}, r"norm_threshold: a number >= 0(\.0)? wanted, got -1.0"),
        ("cfg_zero", {"zero_share": 2.0}, "zero_share: a number >= 0, <= 1 wanted, got 2.0"),
        ("cfg_zero", {"share": 2.0}, r"guidance_rule\.share: unknown name 'share'; did you mean 'zero_share'\?"),
        ("agp", {}, r"guidance_rule: unknown name 'agp'; did you mean 'apg'\?"),
    ],
)
def test_options_out_of_range_and_unknown_names_are_refused(rule: str, options: dict[str, float], told: str) -> None:
    with pytest.raises(SettingsError, match=f"^{told}$"):
        GUIDANCE_RULES.build(rule, options)


WRONG: dict[str, Callable[[Tensor], object]] = {
    r"shape \(4, 2, 2, 3\)": lambda x: x,
    r"shape \(4, 3\) without a gradient": lambda x: torch.zeros(4, 3),
    r"shape \(2, 12\)": lambda x: x.flatten(1)[:2],
    "NoneType": lambda x: None,
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("got", WRONG)
def test_what_are_no_logits_is_refused_in_a_line(got: str) -> None:
    def classify(x: Tensor, at: Level, /) -> Tensor:
        return WRONG[got](x)  # pyright: ignore[reportReturnType]

    with pytest.raises(SettingsError, match=rf"^logits: a tensor \[4, classes\] [^\n]* got {got}; return one$"):
        ClassifierGuidance(MIXTURE.denoiser(), classify, Y)(X, AT)


def test_gradients_are_taken_where_nobody_else_takes_any() -> None:
    with torch.inference_mode():
        ours = ClassifierGuidance(MIXTURE.denoiser(), logits, Y)(X.clone(), AT).x_start
    torch.testing.assert_close(ours, CONDITIONAL, rtol=0, atol=1e-12)


@every_way
def test_a_guided_denoiser_is_known_as_one_however_it_is_wrapped(way: str) -> None:
    assert is_guided(GUIDED[way])
    assert is_guided(SamplerDDIM(PROCESS).clipped(GUIDED[way]))
    assert not is_guided(Clipped(MIXTURE.denoiser()))


def test_bounds_and_error_curves_refuse_a_guided_denoiser_in_a_line_that_says_why() -> None:
    guided, x = Clipped(GUIDED["classifier"]), X.float()
    why = "a denoiser without guidance wanted, got a guided one, whose x_0 is the mean of x_0 under no density; leave"
    for call in (
        lambda: evaluate_bound(PROCESS, guided, x),
        lambda: estimate_bpd(PROCESS, guided, x),
        lambda: estimate_error_curve(PROCESS, guided, x),
        lambda: refuse_guided(guided, "posterior"),
    ):
        with pytest.raises(SettingsError, match=rf"^\w+( \w+)?: {why}[^\n]*$"):
            call()
