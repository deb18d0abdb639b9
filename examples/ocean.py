"""Profiles of the ocean from a NetCDF file: temperature and salinity over depth, beside a Gaussian of full covariance.

    tools/fetch_data.py data --only fields
    python examples/ocean.py --data data/fields/levitus_climatology.cdf --out runs/ocean

docs/examples/ocean.md says what came out, and how long it took.
"""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
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

DEPTHS = (0, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1000, 1200, 1500)
"""Of the values of a profile, m; the file goes on to 5,000 m, where most of the sea is not so deep."""

LOWEST, STEP, LEVELS = np.array([-3.0, 31.0]), np.array([0.05, 0.01]), 701
"""Smallest value of each channel (°C, PSU), what it is rounded to, and how many steps there are."""

FILL = -99.0
BLOCK_DEGREES = 10

STEPS = 800


def read_profiles(path: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Profiles of the open sea in whole numbers [n, 2, depths], and the block of the map that each is in."""
    axes = {"sample_axes": ("YAXLEVITR", "XAXLEVITR"), "missing": "fill", "fill": FILL}
    source = SOURCES.build("netcdf", {"path": str(path), **axes})
    values = source.read(np.arange(len(source)))[..., : len(DEPTHS)]
    rounded = np.rint((values - LOWEST[:, None]) / STEP[:, None])
    whole = ((rounded >= 0) & (rounded < LEVELS)).all((1, 2))
    latitude, longitude = np.divmod(np.flatnonzero(whole), 360)
    return rounded[whole].astype(np.int16), latitude // BLOCK_DEGREES * 36 + longitude // BLOCK_DEGREES


def in_units(profiles: Integers) -> npt.NDArray[np.float64]:
    """Degrees and PSU of whole numbers."""
    return profiles.astype(np.float64) * STEP[:, None] + LOWEST[:, None]


def settings(num_steps: int) -> dict[str, object]:
    """What differs from the settings that are inferred: whole blocks apart, levels where the bits are."""
    own = {"batch_size": 128, "model_channels": 32, "channel_mult": [1, 2], "attention_resolutions": [2]}
    data = {"data.source.channels": "first", "data.range": [0, LEVELS - 1], "data.group_by": "block"}
    return for_minutes(num_steps, own | data | for_bits(-2.0, 13.0))


def draw(panels: dict[str, Integers], path: Path) -> None:
    """Save temperature over depth and salinity over depth, and one over the other."""
    figure = Figure(figsize=(9, 3.2 * len(panels)), layout="constrained")
    for row, (title, profiles) in zip(figure.subplots(len(panels), 3, squeeze=False), panels.items(), strict=True):
        temperature, salinity = in_units(profiles).transpose(1, 0, 2)
        for axes, values in zip(row, (temperature, salinity), strict=False):
            axes.plot(values.T, DEPTHS, linewidth=0.6, alpha=0.6)
            axes.set(ylim=(DEPTHS[-1], 0), ylabel="depth, m")
        row[0].set(title=title, xlabel="temperature, °C", xlim=(-3, 32))
        row[1].set(xlabel="salinity, PSU", xlim=(31, 38))
        row[2].plot(salinity.T, temperature.T, linewidth=0.6, alpha=0.6)
        row[2].set(xlabel="salinity, PSU", ylabel="temperature, °C", xlim=(31, 38), ylim=(-3, 32))
    figure.savefig(path, dpi=70)


def main(data: Path, out: Path, num_steps: int = STEPS, num: int = 600, budget: int = 30) -> None:
    (profiles, blocks), start = read_profiles(data), time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "profiles.npz", x=profiles, block=blocks)
    run = idm.train(idm.make_experiment(out / "profiles.npz", settings=settings(num_steps)), out / "run")
    minutes = (time.process_time() - start) / 60
    bits, numbers = bits_of(run, None, budget, num)
    seen = np.delete(np.arange(len(profiles)), numbers_to_score(run))
    gaussian = {"Gaussian of full covariance": gaussian_bits(profiles[seen], profiles[numbers])}
    figures = {"steps": num_steps, "core minutes of training": round(minutes, 1), "profiles trained on": len(seen)}
    write_figures(out, figures | beside(bits, gaussian))
    draw({"held out": profiles[numbers[:100]], "drawn": run.sample(100, seed=0)}, out / "ocean.png")


if __name__ == "__main__":
    main(*told("Profiles of the ocean: train, score, draw.", "levitus_climatology.cdf", "runs/ocean", STEPS))
