import pytest
import torch

from idm.core.errors import SettingsError
from idm.restoration import Custom, Mask, Observation


def test_an_observation_knows_its_variance_and_what_is_missing() -> None:
    mask = Mask((1, 3), torch.tensor([[True, False, True]]))
    observation = Observation(mask, torch.tensor([[1.0, 2.0]]), 0.5)
    assert observation.variance == 0.25
    assert observation.residual(torch.tensor([[[0.25, 9.0, 1.0]]])).tolist() == [[0.75, 1.0]]


def test_observations_are_selected_repeated_or_not() -> None:
    observation = Observation(Custom(lambda x: x), torch.tensor([[1.0], [2.0]]), 0.1)
    selected = observation.select(torch.tensor([1, 1, 0]))
    assert selected.values.flatten().tolist() == [2.0, 2.0, 1.0]
    assert selected.noise == 0.1


def test_noise_below_0_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"noise: a number >= 0 wanted"):
        Observation(Custom(lambda x: x), torch.zeros(1, 1), -0.1)


def test_a_custom_operator_returns_a_row_per_sample() -> None:
    assert Custom(lambda x: x.square()).apply(torch.full((2, 1), 3.0)).tolist() == [[9.0], [9.0]]
    with pytest.raises(SettingsError, match=r"operator: a tensor \[2, ...\] wanted from the function.*got \(1,\)"):
        Custom(lambda x: x.sum()[None]).apply(torch.ones(2, 1))
