"""Whole numbers are taken in every form that means one, and nothing else is."""

import numpy as np
import pytest
import torch

from idm.core.counts import holds_several, whole_number
from idm.core.errors import SettingsError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3), torch.tensor([3])])
def test_whatever_means_three_is_three(value: object) -> None:
    found = whole_number(value, "num")
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize(
    "value", [3.0, 3.5, np.float32(3), True, np.True_, torch.tensor(True), torch.tensor([1, 2]), "3", None, [3]]
)
def test_everything_else_is_refused_in_one_line(value: object) -> None:
    with pytest.raises(SettingsError) as error:
        whole_number(value, "num", "a number of samples")
    (line,) = error.value.lines
    assert line.startswith("num: a number of samples wanted, got ")


def test_a_text_and_what_has_no_axes_are_one_value() -> None:
    assert [holds_several(value) for value in ([3], (), range(2), np.array([3]), torch.tensor([3]))] == [True] * 5
    assert not any(holds_several(value) for value in ("34", 3, None, np.array(3), np.int64(3), torch.tensor(3)))
