"""What tests of metrics of a user's own share."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idm.metrics import Figure
from idm.run import Run, load

OWN = """
import os
import torch
from idm.metrics import BySample, Comparison, Figure, Kind, Needs

class Mean(BySample):
    sees = "values"
    needs = Needs.SAMPLES | Needs.HELD_OUT

    def look(self, evidence):
        return lambda of: FACTOR * of.x.flatten(1).mean(1, keepdim=True)

    def beside(self, evidence):
        return evidence.held_out

    def judge(self, rows, real, evidence):
        note = f"{len(rows)} samples, {len(real)} real"
        return [Figure.mean_of("mean", rows[:, 0], note=note), Figure.mean_of("mean_of_real", real[:, 0])]

class Torn(Comparison):
    sees = "torn"

    def look(self, evidence):
        def look(of):
            if os.environ.get("RANK") == "1":
                raise ValueError("torn")
            return of.x.flatten(1)
        return look

    def prepare(self, pool):
        return lambda first: []

    kinds = ()

class ByClass(Comparison):
    sees = "by class"
    kinds = (Kind("by_class", "by class"),)

    def look(self, evidence):
        def look(of):
            flat = of.x.flatten(1)
            assert (flat.amax(1) > flat.amin(1)).all()
            return torch.nn.functional.one_hot(of.y, 10) * flat.mean(1, keepdim=True)
        return look

    def prepare(self, pool):
        return lambda first: [float((pool[first].mean(0) - pool[~first].mean(0)).norm())]

class Other(Mean):
    factor = 2.0

    def look(self, evidence):
        return lambda of: self.factor * of.x.flatten(1).mean(1, keepdim=True)

class Third(Other):
    factor = 5.0

class Nothing(Other):
    factor = float("nan")

def held(evidence):
    return Figure("held", float(evidence.samples.x.double().mean()), note=str(evidence.samples.x.data_ptr()))

def means(x):
    return FACTOR * x.flatten(1)[:, 20:23]
"""


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> Run:
    return load(tiny_run, device="cpu")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Write the module of a user's own, or write it anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def written(factor: float) -> None:
        (tmp_path / "own_rows.py").write_text(f"FACTOR = {factor}\n{OWN}")
        sys.modules.pop("own_rows", None)
        importlib.invalidate_caches()

    written(1.0)
    yield written
    sys.modules.pop("own_rows", None)


def by_name(found: dict[str, list[Figure]]) -> dict[str, float]:
    return {figure.name: figure.value for figures in found.values() for figure in figures}
