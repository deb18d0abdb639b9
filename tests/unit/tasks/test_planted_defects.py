"""What metrics together make of 300 samples with a planted defect, and of real data in their place."""

from pathlib import Path

import numpy as np
import pytest

from idm.data import SOURCES
from idm.tasks import evaluate_samples

METRICS = (
    "frechet",
    "kid",
    "precision_recall",
    "density_coverage",
    "diversity",
    "modes",
    "two_sample",
    "sliced_wasserstein",
    "spectrum",
    "values",
)
ORDER = np.random.default_rng(0).permutation(1797)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """All digits [1797, 1, 8, 8] in an order of no meaning, as pixels of 8 bits."""
    return (15 * SOURCES.build("digits", {}).read(ORDER)).astype(np.uint8)


def _saved(path: Path, samples: np.ndarray) -> Path:
    np.savez(path, arr_0=samples)
    return path


def blurred(x: np.ndarray) -> np.ndarray:
    turned = (np.roll(x, (i, j), (2, 3)).astype(float) for i in (-1, 0, 1) for j in (-1, 0, 1))
    return np.rint(sum(turned) / 9).astype(np.uint8)


def brighter(x: np.ndarray) -> np.ndarray:
    return np.minimum(x.astype(int) + 30, 255).astype(np.uint8)


DEFECTS = {
    "blur": blurred,
    "duplicates": lambda x: np.concatenate([x[:150], x[:150]]),
    "histogram": brighter,
}


def compared(folder: Path, samples: np.ndarray, real: np.ndarray) -> list[str]:
    of_both = _saved(folder / "samples.npz", samples), _saved(folder / "real.npz", real)
    found = evaluate_samples(*of_both, metrics=METRICS).worse_than_chance
    assert found is not None
    return found


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_of_300_samples_is_flagged(defect: str, digits: np.ndarray, tmp_path: Path) -> None:
    assert compared(tmp_path, DEFECTS[defect](digits[:300]), digits[300:])


@pytest.mark.slow
@pytest.mark.parametrize("missing", [3, 8])
def test_a_class_that_is_missing_from_300_samples_is_flagged(missing: int, digits: np.ndarray, tmp_path: Path) -> None:
    labels = SOURCES.build("digits", {}).labels[ORDER]
    without = np.flatnonzero(labels != missing)[:300]
    assert compared(tmp_path, digits[without], np.delete(digits, without, axis=0))


@pytest.mark.slow
def test_real_data_in_the_place_of_samples_raise_few_alarms(digits: np.ndarray, tmp_path: Path, prove: bool) -> None:
    """Where 5 % are flagged, more than 6 of 40 are once in 300 times, and both of 2 once in 400."""
    splits, most = (40, 6) if prove else (2, 1)
    alarms = 0
    for seed in range(splits):
        turned = digits[np.random.default_rng(seed).permutation(len(digits))]
        alarms += bool(compared(tmp_path, turned[:300], turned[300:]))
    assert alarms <= most
