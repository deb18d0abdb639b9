"""An electrocardiogram of 11 bits: train on windows of it, score those that come later, beside an autoregression.

    tools/fetch_data.py data --only ecg
    python examples/ecg.py --data data/ecg/ecg.dat --out runs/ecg

takes about 25 minutes on one core. docs/examples/ecg.md says what came out.
"""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy import stats
from scored import Floats, beside, bits_of, for_bits, for_minutes, told, write_figures

import idm

WINDOW, HOP = 512, 32
"""Values of a sample, 1.4 s; and from the beginning of one training window to that of the next."""

RATE_HZ = 360
SHARE_TO_TEST = 0.1
Ints = npt.NDArray[np.int64]

STEPS = 10_000


def read_ecg(path: Path) -> Ints:
    """The values of SciPy's recording [n], 0 to 2,047."""
    with np.load(path, allow_pickle=False) as file:
        values = file["ecg"]
    if values.ndim != 1 or values.dtype.kind not in "ui" or values.min() < 0 or values.max() > 2047:
        raise ValueError(f"{path}: whole numbers from 0 to 2047 along one axis wanted")
    return values.astype(np.int64)


def cut(values: Ints, hop: int, window: int = WINDOW) -> npt.NDArray[np.uint16]:
    """Windows [m, 1, window] that begin every ``hop`` values."""
    return np.lib.stride_tricks.sliding_window_view(values, window)[::hop, None].astype(np.uint16)


def lags(values: Ints, order: int) -> Floats:
    """What an autoregression sees of each value from the one numbered ``order`` on: the last ones, and 1."""
    past = np.lib.stride_tricks.sliding_window_view(values, order)[:-1, ::-1]
    return np.hstack([past, np.ones((len(past), 1))]).astype(np.float64)


def autoregression_bits(train: Ints, test: Ints, order: int, rounds: int = 10) -> Floats:
    """Bits of every value of ``test``, which follows ``train``, given the ``order`` values before it.

    The residuals have a Student t-distribution, whose degrees of freedom and scale are fitted by maximum likelihood,
    and the weights of the linear prediction by reweighted least squares (Lange, Little & Taylor 1989). A value has the
    probability of its bin.
    """
    seen, wanted = lags(train, order), train[order:]
    weights, freedom, scale = np.linalg.lstsq(seen, wanted)[0], 3.0, 1.0
    for _ in range(rounds):
        residual = wanted - seen @ weights
        freedom, _, scale = stats.t.fit(residual[::7], floc=0)
        root = np.sqrt((freedom + 1) / (freedom + (residual / scale) ** 2))
        weights = np.linalg.lstsq(seen * root[:, None], wanted * root)[0]
    residual = test - lags(np.concatenate([train[-order:], test]), order) @ weights
    upper, lower = (stats.t.cdf((residual + half) / scale, freedom) for half in (0.5, -0.5))
    return -np.log2(np.maximum(upper - lower, 1e-12))


def settings(num_steps: int) -> dict[str, object]:
    """What differs from the settings that are inferred: a small network, and levels where the bits are."""
    own = {"batch_size": 16, "model_channels": 24, "channel_mult": [1, 2, 2, 2], "attention_resolutions": [8]}
    data = {"data.source.channels": "first", "data.range": [0, 2047], "data.held_out": 0}
    return for_minutes(num_steps, own | data | for_bits(-1.0, 14.0))


def draw(panels: dict[str, npt.NDArray[np.generic]], path: Path) -> None:
    """Save windows of each kind, four beside each other."""
    figure = Figure(figsize=(10, 1.7 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 4, sharex=True, sharey=True, squeeze=False)
    for row, (title, windows) in zip(grid, panels.items(), strict=True):
        row[0].set_ylabel(title)
        for axes, window in zip(row, windows, strict=False):
            axes.plot(np.arange(window.shape[-1]) / RATE_HZ, window[0], linewidth=0.8)
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    figure.savefig(path, dpi=80)


def main(data: Path, out: Path, num_steps: int = STEPS, window: int = WINDOW, budget: int = 60) -> None:
    values, start = read_ecg(data), time.process_time()
    train, test = np.split(values, [round(len(values) * (1 - SHARE_TO_TEST))])
    out.mkdir(parents=True, exist_ok=True)
    later = cut(test, window, window)
    np.save(out / "train.npy", cut(train, HOP, window))
    np.save(out / "test.npy", later)
    run = idm.train(idm.make_experiment(out / "train.npy", settings=settings(num_steps)), out / "run")
    minutes = (time.process_time() - start) / 60
    bits, numbers = bits_of(run, out / "test.npy", budget)
    orders = {f"autoregression of order {order}": order for order in (4, 32)}
    of_values = {name: autoregression_bits(train, test[: later.size], order) for name, order in orders.items()}
    baselines = {name: values.reshape(-1, window).mean(1)[numbers] for name, values in of_values.items()}
    figures = {"steps": num_steps, "core minutes of training": round(minutes, 1)} | beside(bits, baselines)
    write_figures(out, figures)
    drawn = run.sample(8, seed=0)
    draw({"held out": later, "drawn": drawn[:4], "drawn too": drawn[4:]}, out / "ecg.png")


if __name__ == "__main__":
    main(*told("An electrocardiogram: train, score, draw.", "ecg.dat, of SciPy's older wheels", "runs/ecg", STEPS))
