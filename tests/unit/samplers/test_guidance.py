"""Classifier-free guidance is linear in the scale and touches the prediction head alone."""

import pytest
import torch
from torch import Tensor

from idm.diffusion import GaussianDiffusion
from idm.samplers import ClassifierFreeGuidance, SamplerDDIM
from idm.schedules import cosine_schedule

NULL = 10
X = torch.linspace(-2.0, 2.0, 3 * 2 * 4 * 4, dtype=torch.float64).view(3, 2, 4, 4)
TIME = torch.tensor([5, 0, 3])
LABELS = torch.tensor([1, 4, 9])


def labelled(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """Two heads that depend on everything: label, time and an extra condition."""
    per_sample = [value.to(x.dtype).view(-1, 1, 1, 1) for value in (conditioning["y"], time, conditioning["z"])]
    y, tau, z = per_sample
    return torch.cat([torch.sin(x + 0.1 * y) + z, torch.cos(x - 0.2 * y + 0.01 * tau)], dim=1)


def conditioning(labels: Tensor) -> dict[str, Tensor]:
    return {"y": labels, "z": torch.tensor([0.5, -1.0, 2.0])}


def guided(scale: float) -> Tensor:
    return ClassifierFreeGuidance(labelled, scale, NULL)(X, TIME, **conditioning(LABELS))


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
    ClassifierFreeGuidance(labelled, 2.0, NULL)(X, TIME, **given)
    assert torch.equal(given["y"], LABELS)
    assert given["z"].shape == (3,)


def test_a_network_without_a_variance_head_is_guided_whole() -> None:
    def one_head(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return labelled(x, time, **conditioning)[:, :2]

    ours = ClassifierFreeGuidance(one_head, 3.0, NULL)(X, TIME, **conditioning(LABELS))
    torch.testing.assert_close(ours, 3.0 * WITH_LABEL[:, :2] - 2.0 * WITHOUT[:, :2], rtol=0, atol=1e-12)


def test_a_sampler_takes_a_guided_network_like_any_other() -> None:
    def constant(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return conditioning["y"].to(x.dtype).view(-1, 1, 1, 1).expand_as(x) * 0.01

    def direct(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, 0.01 * (NULL + 2.5 * (4 - NULL)))

    sampler = SamplerDDIM(GaussianDiffusion(cosine_schedule(6)))
    labels = {"y": torch.full((3,), 4)}
    ours = sampler.sample(ClassifierFreeGuidance(constant, 2.5, NULL), X.shape, noise=X, model_kwargs=labels)
    torch.testing.assert_close(ours, sampler.sample(direct, X.shape, noise=X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("time", [torch.tensor(3.0).expand(3), torch.tensor([3.0, 1.0, 2.0])])
def test_both_halves_see_the_times_and_one_repeated_by_expansion_stays_one(time: Tensor) -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        seen.append(time)
        return x

    ClassifierFreeGuidance(network, 2.0, NULL)(X, time, **conditioning(LABELS))
    assert torch.equal(seen[0], torch.cat([time, time]))
    assert (seen[0].stride(0) == 0) == (time.stride(0) == 0)
