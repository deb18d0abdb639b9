"""The names of the field and the strategies behind them."""

from enum import Enum

import pytest

from idm.diffusion import LossType, ModelMeanType, ModelVarType, Objective, Prediction, ReverseVariance
from idm.diffusion.names import strategy

FAMILIES = [(ModelMeanType, Prediction), (ModelVarType, ReverseVariance), (LossType, Objective)]
MEMBERS = [member for family, _ in FAMILIES for member in family]


@pytest.mark.parametrize(("family", "kind"), FAMILIES)
def test_every_name_stands_for_a_strategy_of_its_own(family: type[Enum], kind: type) -> None:
    assert len(family.__members__) == len(list(family))
    assert all(isinstance(member.value, kind) for member in family)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_name_and_its_strategy_are_resolved_to_the_strategy(member: Enum) -> None:
    assert strategy(member) is member.value
    assert strategy(member.value) is member.value


@pytest.mark.parametrize(
    ("loss_type", "regression", "weight"),
    [
        (LossType.MSE, True, 1.0),
        (LossType.RESCALED_MSE, True, 0.4),
        (LossType.KL, False, 1.0),
        (LossType.RESCALED_KL, False, 400.0),
    ],
)
def test_the_four_losses_weigh_the_bound_by_1_t_over_1000_1_and_t(
    loss_type: LossType, regression: bool, weight: float
) -> None:
    assert loss_type.value.regression is regression
    assert loss_type.value.vb_weight(400) == pytest.approx(weight, rel=1e-12)
