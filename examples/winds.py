"""Winds over the sea from a NetCDF file: two channels on a map, in windows, beside a Gaussian of full covariance.

    tools/fetch_data.py data --only fields
    python examples/winds.py --data data/fields/monthly_navy_winds.cdf --out runs/winds

docs/examples/winds.md says what came out, and how long it took.
"""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scored import (
    Integers,
    beside,
    bits_of,
    for_bits,
    for_minutes,
    gaussian_bits,
    numbers_to_score,
    told,
    write_figures,
)

import idm
from idm.data import SOURCES

SIDE, STRIDE = 16, 8
"""Places of a window along both axes, 40 degrees; and from one window to the next."""

STEP, LARGEST = 0.1, 300
"""What winds are rounded to, m/s; and the largest whole number that is allowed for."""

MONTHS = 12

STEPS = 1_000


def read_winds(path: Path) -> npt.NDArray[np.float32]:
    """Eastward and northward wind of every month, m/s [months, 2, latitude, longitude]."""
    source = SOURCES.build("netcdf", {"path": str(path)})
    return source.read(np.arange(len(source)))


def cut(winds: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Windows in whole numbers [n, 2, side, side], and the year of each."""
    rounded = np.rint(winds / STEP).clip(-LARGEST, LARGEST).astype(np.int16)
    windows = np.lib.stride_tricks.sliding_window_view(rounded, (SIDE, SIDE), (2, 3))[:, :, ::STRIDE, ::STRIDE]
    across = windows.shape[2] * windows.shape[3]
    years = np.repeat(np.arange(len(winds)) // MONTHS, across)
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 2, SIDE, SIDE), years


def settings(num_steps: int) -> dict[str, object]:
    """What differs from the settings that are inferred: whole years apart, levels where the bits are."""
    own = {"batch_size": 32, "model_channels": 32, "channel_mult": [1, 2], "attention_resolutions": [2]}
    data = {"data.source.channels": "first", "data.range": [-LARGEST, LARGEST], "data.group_by": "year"}
    return for_minutes(num_steps, own | data | for_bits(-2.0, 12.0))


def train(windows: Integers, years: npt.NDArray[np.int64], out: Path, num_steps: int) -> idm.Run:
    """Train on windows of most years."""
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "windows.npz", x=windows, year=years)
    return idm.train(idm.make_experiment(out / "windows.npz", settings=settings(num_steps)), out / "run")


def main(data: Path, out: Path, num_steps: int = STEPS, num: int = 200, budget: int = 24) -> None:
    (windows, years), start = cut(read_winds(data)), time.process_time()
    run = train(windows, years, out, num_steps)
    minutes = (time.process_time() - start) / 60
    bits, numbers = bits_of(run, None, budget, num)
    seen = np.delete(np.arange(len(windows)), numbers_to_score(run))
    gaussian = {"Gaussian of full covariance": gaussian_bits(windows[seen], windows[numbers])}
    figures = {"steps": num_steps, "core minutes of training": round(minutes, 1), "windows trained on": len(seen)}
    write_figures(out, figures | beside(bits, gaussian))
    shown = np.concatenate([windows[numbers[:4]], run.sample(4, seed=0)])
    run.picture(shown, columns=4).save(out / "winds.png")


if __name__ == "__main__":
    main(*told("Winds over the sea: train, score, draw.", "monthly_navy_winds.cdf", "runs/winds", STEPS))
