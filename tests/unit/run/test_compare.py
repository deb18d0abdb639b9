"""Two runs on the same samples."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from idm.core.errors import DataError, SettingsError
from idm.run import Run
from idm.run.comparing import ComparedBounds

from .test_evaluate import tiny


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("compared")
    data = {"source": {"name": "digits"}, "held_out": 40}
    return tiny(folder / "a", data=data), tiny(folder / "b", data=data, seed=1)


def test_differences_are_those_of_the_bounds_on_equal_terms(runs: tuple[Run, Run]) -> None:
    first, second = runs
    found = first.compare(second, num=6)
    alone = [run.evaluate(num=6).bound for run in runs]
    for values, bound in zip((found.first, found.second), alone, strict=True):
        assert bound is not None
        np.testing.assert_allclose(values, bound.vlb.total_bpd.numpy(), rtol=1e-5)
    turned = second.compare(first, num=6)
    assert turned.difference.mean == pytest.approx(-found.difference.mean, rel=1e-5)
    assert turned.p_value == pytest.approx(found.p_value, rel=1e-4)


def test_a_run_is_as_good_as_itself(runs: tuple[Run, Run]) -> None:
    for calls in (0, 6):
        found = runs[0].compare(runs[0], num=5, calls=calls)
        assert (found.difference.mean, found.difference.standard_error, found.p_value) == (0.0, 0.0, 1.0)


def test_a_sample_of_the_terms_gives_the_difference_to_its_error(runs: tuple[Run, Run]) -> None:
    whole, few = runs[0].compare(runs[1]), runs[0].compare(runs[1], calls=8)
    off = few.first - few.second - (whole.first - whole.second)
    assert abs(off.mean()) < 4 * off.std(ddof=1) / math.sqrt(len(off))


def test_p_values_and_intervals_are_those_of_student_s_t() -> None:
    found = ComparedBounds(np.array([1.0, 3.0]), np.array([0.0, 0.0]))  # 2 ± 1, with one degree of freedom: Cauchy's
    assert found.p_value == pytest.approx(1.0 - 2.0 / math.pi * math.atan(2.0))
    reach = math.tan(0.475 * math.pi)
    assert found.interval == pytest.approx((2.0 - reach, 2.0 + reach))
    assert "cannot be told" in repr(found)
    assert ComparedBounds(np.array([2.0, 2.1, 1.9]), np.zeros(3)).better == "second"
    assert ComparedBounds(np.zeros(3), np.array([2.0, 2.1, 1.9])).better == "first"
    assert math.isnan(ComparedBounds(np.ones(1), np.zeros(1)).p_value)
    assert ComparedBounds(np.ones(1), np.zeros(1)).better == "cannot be told"


def test_other_samples_and_other_levels_are_refused(runs: tuple[Run, Run], tmp_path: Path) -> None:
    other = tiny(tmp_path, data={"source": {"name": "digits"}, "held_out": 40, "split_seed": 5})
    with pytest.raises(DataError, match=r"compare: the same held-out samples of both runs wanted, got 40 and 40"):
        runs[0].compare(other)
    codec = replace(runs[0].spec.codec, levels=None)
    with pytest.raises(SettingsError, match="compare: bits/dim of the same levels wanted"):
        runs[0].compare(replace(runs[1], spec=replace(runs[1].spec, codec=codec)))
    with pytest.raises(SettingsError, match="calls: an even number"):
        runs[0].compare(runs[1], num=2, calls=5)
    assert torch.isfinite(torch.from_numpy(runs[0].compare(runs[1], num=2, steps=3).first)).all()
