"""Classifier-free guidance is linear in the scale and touches the prediction head alone."""

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Network
from idm.diffusion import Denoised, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.guidance import ClassifierFreeGuidance
from idm.samplers import SamplerDDIM
from idm.schedules import Level, cosine_schedule

NULL = 10
X = torch.linspace(-2.0, 2.0, 3 * 2 * 4 * 4, dtype=torch.float64).view(3, 2, 4, 4)
TIME = torch.tensor([5, 0, 3])
LABELS = torch.tensor([1, 4, 9])
ONE_HEAD = GaussianDiffusion(cosine_schedule(12), model_mean_type=ModelMeanType.START_X)
TWO_HEADS = ONE_HEAD.replace(model_var_type=ModelVarType.LEARNED)
AT = TWO_HEADS.grid.level(TIME, X)


def labelled(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """Two heads that depend on everything: label, time and an extra condition."""
    per_sample = [value.to(x.dtype).view(-1, 1, 1, 1) for value in (conditioning["y"], time, conditioning["z"])]
    y, tau, z = per_sample
    return torch.cat([torch.sin(x + 0.1 * y) + z, torch.cos(x - 0.2 * y + 0.01 * tau)], dim=1)


def conditioning(labels: Tensor) -> dict[str, Tensor]:
    return {"y": labels, "z": torch.tensor([0.5, -1.0, 2.0])}


def around(
    network: Network, scale: float, given: dict[str, Tensor], process: GaussianDiffusion = TWO_HEADS
) -> ClassifierFreeGuidance:
    without = {**given, "y": torch.full_like(given["y"], NULL)}
    with_label, classless = (process.denoiser(network, conditioning=shown, clip=False) for shown in (given, without))
    return ClassifierFreeGuidance(with_label, classless, scale)


def guided(scale: float, at: Level = AT) -> Tensor:
    """Both heads."""
    found = around(labelled, scale, conditioning(LABELS))(X, at)
    assert found.head is not None
    return torch.cat([found.x_start, found.head], dim=1)


WITH_LABEL = labelled(X, TIME, **conditioning(LABELS))
WITHOUT = labelled(X, TIME, **conditioning(torch.full_like(LABELS, NULL)))


def test_scale_1_is_the_conditional_network() -> None:
    torch.testing.assert_close(guided(1.0), WITH_LABEL, rtol=0, atol=0)


def test_scale_0_predicts_what_the_unconditional_network_predicts() -> None:
    torch.testing.assert_close(guided(0.0)[:, :2], WITHOUT[:, :2], rtol=0, atol=0)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 4.0, -1.0])
def test_the_variance_head_is_the_conditional_one_at_every_scale(scale: float) -> None:
    torch.testing.assert_close(guided(scale)[:, 2:], WITH_LABEL[:, 2:], rtol=0, atol=0)


@pytest.mark.parametrize("scale", [0.25, 3.0, -2.0])
def test_the_prediction_moves_on_the_line_through_both_networks(scale: float) -> None:
    expected = WITHOUT[:, :2] + scale * (WITH_LABEL[:, :2] - WITHOUT[:, :2])
    torch.testing.assert_close(guided(scale)[:, :2], expected, rtol=0, atol=1e-12)


def test_labels_given_by_the_caller_are_left_as_they_are() -> None:
    given = conditioning(LABELS.clone())
    around(labelled, 2.0, given)(X, AT)
    assert torch.equal(given["y"], LABELS)
    assert given["z"].shape == (3,)


def test_a_network_without_a_variance_head_is_guided_whole() -> None:
    def one_head(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return labelled(x, time, **conditioning)[:, :2]

    ours = around(one_head, 3.0, conditioning(LABELS), ONE_HEAD)(X, AT).x_start
    torch.testing.assert_close(ours, 3.0 * WITH_LABEL[:, :2] - 2.0 * WITHOUT[:, :2], rtol=0, atol=1e-12)


def test_a_sampler_takes_a_guided_network_like_any_other() -> None:
    def constant(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return conditioning["y"].to(x.dtype).view(-1, 1, 1, 1).expand_as(x) * 0.01

    def direct(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, 0.01 * (NULL + 2.5 * (4 - NULL)))

    sampler = SamplerDDIM(GaussianDiffusion(cosine_schedule(6)))
    guided = around(constant, 2.5, {"y": torch.full((3,), 4)}, sampler.diffusion)
    ours = sampler.draw(sampler.clipped(guided), X)
    torch.testing.assert_close(ours, sampler.sample(direct, X.shape, noise=X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("place", [3, TIME])
def test_both_halves_see_the_times_and_one_repeated_by_expansion_stays_one(place: int | Tensor) -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        seen.append(time)
        return x

    around(network, 2.0, conditioning(LABELS), ONE_HEAD)(X, ONE_HEAD.grid.level(place, X))
    assert torch.equal(seen[0], torch.as_tensor(place).expand(3).repeat(2))
    assert (seen[0].stride(0) == 0) == isinstance(place, int)


def test_two_networks_are_asked_in_turn_with_the_same_result() -> None:
    def another(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return labelled(x, time, **conditioning)

    one = around(labelled, 2.0, conditioning(LABELS))
    of_another = around(another, 2.0, conditioning(LABELS)).unconditional
    two = ClassifierFreeGuidance(one.conditional, of_another, 2.0)
    for ours, theirs in zip(vars(two(X, AT)).values(), vars(one(X, AT)).values(), strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)


def test_a_network_that_is_told_of_no_class_by_leaving_the_label_out_is_asked_twice() -> None:
    def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        y = conditioning.get("y", torch.full((len(x),), NULL))
        return torch.sin(x + y.to(x.dtype).view(-1, 1, 1, 1))

    with_label = ONE_HEAD.denoiser(network, conditioning={"y": LABELS}, clip=False)
    ours = ClassifierFreeGuidance(with_label, ONE_HEAD.denoiser(network, clip=False), 2.0)(X, AT).x_start
    expected = 2.0 * torch.sin(X + LABELS.view(-1, 1, 1, 1)) - torch.sin(X + NULL)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def test_an_output_that_is_no_tensor_is_refused() -> None:
    def broken(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return (x,)  # pyright: ignore[reportReturnType]

    with pytest.raises(SettingsError, match=r"^network: a tensor wanted as its output, got tuple; give a function"):
        around(broken, 2.0, conditioning(LABELS))(X, AT)


def test_a_predicted_mean_is_guided_as_well() -> None:
    process = TWO_HEADS.replace(model_mean_type=ModelMeanType.PREVIOUS_X)
    found: Denoised = around(labelled, 3.0, conditioning(LABELS), process)(X, AT)
    assert found.mean is not None
    torch.testing.assert_close(found.mean, 3.0 * WITH_LABEL[:, :2] - 2.0 * WITHOUT[:, :2], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "output",
    [torch.tensor(1.0), torch.zeros(6), torch.zeros(3, 4, 4, 4), torch.zeros(6, 1, 4, 4), torch.zeros(6, 4, 4)],
)
def test_an_output_of_another_shape_is_refused(output: Tensor) -> None:
    with pytest.raises(SettingsError, match="network") as error:
        around(lambda x, time, **_: output, 2.0, conditioning(LABELS))(X, AT)
    assert "wanted, got (" in str(error.value) or "got 1;" in str(error.value)
