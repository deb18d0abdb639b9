"""Fashion-MNIST from its IDX files: train a small U-Net by class, score it beside histograms of every pixel, draw.

    tools/fetch_data.py data --only fashion-mnist
    python examples/fashion.py --data data/fashion-mnist --out runs/fashion

docs/examples/fashion.md says what came out, and how long it took.
"""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scored import Floats, beside, bits_of, for_minutes, in_words, told, write_figures

import idm
from idm.data import SOURCES

Pixels = npt.NDArray[np.uint8]
LEVELS = 256

STEPS = 500


def read_part(path: Path, part: str) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Images [n, height * width] and classes of the files of a part, "train" or "test"."""
    source = SOURCES.build("idx", {"path": str(path), "split": part})
    assert source.labels is not None
    return source.read(np.arange(len(source))).reshape(len(source), -1), source.labels


def histogram_bits(seen: Pixels, scored: Pixels) -> Floats:
    """Bits/dim of each image under a histogram of every pixel; half is added to every count."""
    places = np.arange(seen.shape[1])
    counts = np.full((seen.shape[1], LEVELS), 0.5)
    np.add.at(counts, (places, seen), 1.0)
    shares = counts / counts.sum(1, keepdims=True)
    return -np.log2(shares[places, scored]).mean(1)


def by_class(seen: Pixels, classes: npt.NDArray[np.int64], scored: Pixels, its: npt.NDArray[np.int64]) -> Floats:
    """The same with histograms of every class."""
    bits = np.empty(len(scored))
    for one in np.unique(its):
        bits[its == one] = histogram_bits(seen[classes == one], scored[its == one])
    return bits


def settings(num_steps: int) -> dict[str, object]:
    """What differs from the settings that are inferred: a network for minutes."""
    own = {"batch_size": 16, "model_channels": 32, "channel_mult": [1, 2, 2], "attention_resolutions": [4]}
    return for_minutes(num_steps, own)


def main(data: Path, out: Path, num_steps: int = STEPS, num: int = 500, budget: int = 18) -> None:
    (seen, classes), (scored, its) = read_part(data, "train"), read_part(data, "test")
    start = time.process_time()
    run = idm.train(idm.make_experiment(data, settings=settings(num_steps)), out / "run")
    minutes = (time.process_time() - start) / 60
    bits, numbers = bits_of(run, data, budget, num)
    baselines = {
        "histograms": histogram_bits(seen, scored[numbers]),
        "histograms by class": by_class(seen, classes, scored[numbers], its[numbers]),
    }
    every = {
        "histograms, all to test": histogram_bits(seen, scored),
        "histograms by class, all to test": by_class(seen, classes, scored, its),
    }
    words = {name: in_words(found) for name, found in every.items()}
    write_figures(
        out, {"steps": num_steps, "core minutes of training": round(minutes, 1)} | beside(bits, baselines) | words
    )
    drawn = run.sample(40, labels=list(range(10)), seed=0, sampler=run.sampler(steps=25))
    run.picture(drawn, labels=list(range(10)) * 4, columns=10).save(out / "fashion.png")


if __name__ == "__main__":
    main(*told("Fashion-MNIST: train, score, draw.", "the folder of the four IDX files", "runs/fashion", STEPS))
