"""Any function as an operator."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.restoration import Custom, Observation

WRONG: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "raises": (lambda x: x.view(2, 7), r"a function of data \(1, 3\) wanted, got one that raises RuntimeError \("),
    "no gradient": (lambda x: x.detach().square(), "a function that torch can differentiate wanted by DPS"),
    "no row for each": (lambda x: x.sum(), r"a tensor \[1, \.\.\.\] wanted from the function"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_function_that_cannot_be_an_operator_is_refused_in_a_line(case: str) -> None:
    function, told = WRONG[case]
    sampler = SamplerDDIM(SHORT.respace([0]), clip_denoised=False)
    with pytest.raises(SettingsError, match=f"^operator: {told}") as refused:
        restore(sampler, Linear(random(3, 3)), Observation(Custom(function), random(2, 3)), random(2, 3), method=DPS())
    assert len(refused.value.lines) == 1


def test_a_number_for_each_sample_is_an_observation() -> None:
    weights, x, o = 0.4 * random(3, 3), random(2, 3), random(2, 1)
    sampler = SamplerDDIM(SHORT.respace([0]), clip_denoised=False)
    functions: list[Callable[[Tensor], Tensor]] = [lambda x: x.sum(1), lambda x: x.sum(1, keepdim=True)]
    flat, kept = (
        restore(sampler, Linear(weights), Observation(Custom(function), o), x, method=DPS(0.7))
        for function in functions
    )
    sign = (o - (x @ weights).sum(1, keepdim=True)).sign()
    torch.testing.assert_close(flat, x @ weights + 0.7 * sign * weights.sum(1), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(flat, kept, rtol=0, atol=0)
