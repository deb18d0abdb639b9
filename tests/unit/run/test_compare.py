"""Two runs on the same samples."""

import math
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.core.progress import Listener, Progress
from idm.data import SOURCES, Codec, Dataset
from idm.data.base import Indices
from idm.data.reading.reader import Batch
from idm.run import Data, Run, open_run_data
from idm.run.comparing import ComparedBounds, Comparison, EqualTerms, agree

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
    for budget in (0, 6):
        found = runs[0].compare(runs[0], num=5, budget=budget)
        assert (found.difference.mean, found.difference.standard_error, found.p_value) == (0.0, 0.0, 1.0)


def test_a_sample_of_the_terms_gives_the_difference_to_its_error(runs: tuple[Run, Run]) -> None:
    whole, few = runs[0].compare(runs[1]), runs[0].compare(runs[1], budget=8)
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
    assert repr(ComparedBounds(np.ones(1), np.zeros(1))) == "ComparedBounds(+1.0000 bits/dim, cannot be told, 1 sample)"


def test_other_samples_and_other_levels_are_refused(runs: tuple[Run, Run], tmp_path: Path) -> None:
    other = tiny(tmp_path, data={"source": {"name": "digits"}, "held_out": 40, "split_seed": 5})
    with pytest.raises(DataError, match=r"compare: the same held-out samples of both runs wanted, got 40 and 40"):
        runs[0].compare(other)
    codec = replace(runs[0].spec.codec, levels=None)
    with pytest.raises(SettingsError, match="compare: bits/dim of the same levels wanted"):
        runs[0].compare(replace(runs[1], spec=replace(runs[1].spec, codec=codec)))
    with pytest.raises(SettingsError, match="budget: an even number"):
        runs[0].compare(runs[1], num=2, budget=5)
    assert torch.isfinite(torch.from_numpy(runs[0].compare(runs[1], num=2, steps=3).first)).all()


class Unheard(Listener):
    """Must hear nothing."""

    def follow(self, what: str, total: int, **options: Any) -> AbstractContextManager[Progress]:
        raise AssertionError(what)


@pytest.mark.parametrize(
    ("given", "said"), [({"budget": 8}, "budget: a chain of 8 "), ({"steps": 7}, "steps: a number ")], ids=str
)
def test_what_the_second_run_cannot_do_is_refused_before_the_first_is_scored(
    runs: tuple[Run, Run], given: Any, said: str
) -> None:
    short = replace(runs[1], diffusion=runs[1].diffusion.respace(list(range(6))))
    with pytest.raises(SettingsError, match=said):
        runs[0].compare(short, num=2, listener=Unheard(), **given)


def test_samples_are_told_apart_by_a_single_level_and_read_in_pieces(
    runs: tuple[Run, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).integers(60_000, 2**16, (20, 1, 8, 8), dtype=np.uint16)
    codec, others = Codec.quantized("uint16", 2**16), values.copy()
    others[19, 0, 7, 7] -= 1
    data = open_run_data(runs[0])

    def held_out(name: str, samples: NDArray[np.uint16]) -> Data:
        np.save(tmp_path / f"{name}.npy", samples)
        source = SOURCES.build("arrays", {"path": str(tmp_path / f"{name}.npy")})
        return replace(data, held_out=Dataset(source, codec, np.arange(20)))

    first, second = held_out("first", values), held_out("second", others)
    run = replace(runs[0], spec=replace(runs[0].spec, codec=codec))
    both = run, run
    batch, sizes = Dataset.batch, list[int]()

    def seen(self: Dataset, indices: Indices) -> Batch:
        sizes.append(len(indices))
        return batch(self, indices)

    monkeypatch.setattr(Dataset, "batch", seen)
    monkeypatch.setattr("idm.data.base.BLOCK_BYTES", 3 * 4 * 64)
    Comparison(both, (first, first))
    assert (max(sizes), sum(sizes)) == (3, 40)
    Comparison(both, (first, second), EqualTerms(num=19))
    with pytest.raises(DataError, match="compare: the same held-out samples of both runs wanted, got 20 and 20"):
        Comparison(both, (first, second))


def test_continuous_samples_are_those_that_come_back_through_either_range() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    narrow, wide = (Codec("float32", None, (offset,), (scale,)) for offset, scale in ((0.0, 1.0), (0.5, 30.0)))
    back = [codec.decode(codec.encode(x)) for codec in (narrow, wide)]
    assert not np.array_equal(*back)
    assert agree(*back, (narrow, wide))
    assert not agree(back[0], back[1] + np.float32(1e-3), (narrow, wide))
