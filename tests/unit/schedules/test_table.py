"""Looking steps up: no axes for an int, broadcastable ones for a batch, nothing for a step that is not there."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.schedules import StepTable


@dataclass(frozen=True)
class Row:
    first: torch.Tensor
    second: torch.Tensor


FIRST, SECOND = np.array([1.0, 2.0, 3.0]) / 3.0, np.array([0.1, 0.2, 0.3])


def table() -> StepTable[Row]:
    return StepTable(Row, second=SECOND, first=FIRST)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("t", [0, 1, 2])
def test_an_int_gives_numbers_in_the_datas_dtype(t: int, dtype: torch.dtype) -> None:
    row = table().at(t, torch.zeros(2, 1, dtype=dtype))
    assert row.first.shape == row.second.shape == ()
    assert torch.equal(row.first, torch.tensor(FIRST[t], dtype=dtype))
    assert torch.equal(row.second, torch.tensor(SECOND[t], dtype=dtype))


@pytest.mark.parametrize("t", [1, torch.tensor([1])])
def test_gradients_flow_past_numbers_that_were_first_asked_for_in_inference_mode(t: int | torch.Tensor) -> None:
    shared, x = table(), torch.ones(1, 1, requires_grad=True)
    with torch.inference_mode():
        shared.at(t, x)
    (shared.at(t, x).first * x).sum().backward()
    assert x.grad is not None
    assert float(x.grad) == pytest.approx(FIRST[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 1, 5), (4, 1, 5, 5), (4, 1, 2, 2, 2)])
def test_a_batch_of_steps_gives_one_number_per_sample_in_the_datas_dtype(
    dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    row = table().at(torch.tensor([2, 0, 0, 1]), torch.zeros(shape, dtype=dtype))
    assert row.first.shape == (4,) + (1,) * (len(shape) - 1)
    assert torch.equal(row.first.flatten(), torch.as_tensor(FIRST[[2, 0, 0, 1]]).to(dtype))
    assert torch.equal(row.second.flatten(), torch.as_tensor(SECOND[[2, 0, 0, 1]]).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_data_are_served_in_float32(dtype: torch.dtype) -> None:
    row = table().at(torch.tensor([1]), torch.zeros(1, 1, dtype=dtype))
    assert row.first.dtype == torch.float32


@pytest.mark.parametrize("t", [-1, 3, 100])
def test_a_step_outside_of_the_chain_is_refused(t: int) -> None:
    with pytest.raises(SettingsError, match=rf"t: a step in \[0, 3\) wanted, got {t}"):
        table().at(t, torch.zeros(1, 1))


def test_a_truth_value_is_no_step() -> None:
    looked_up = table()
    looked_up.at(1, torch.zeros(1, 1))
    with pytest.raises(SettingsError, match="wanted, got bool True"):
        looked_up.at(True, torch.zeros(1, 1))


@pytest.mark.parametrize("t", [-1, 3])
def test_a_batch_with_a_step_outside_of_the_chain_is_refused(t: int) -> None:
    with pytest.raises(IndexError, match=r"t: steps in \[0, 3\) wanted"):
        table().at(torch.tensor([0, t]), torch.zeros(2, 1))


def test_the_same_table_serves_several_dtypes() -> None:
    shared, t = table(), torch.tensor([1])
    for dtype in (torch.float32, torch.float64, torch.float32):
        row = shared.at(t, torch.zeros(1, 1, dtype=dtype))
        assert row.first.dtype == dtype
