"""Coloured emoji of 64 x 64 pixels from a folder: train a U-Net, with copies of a drawing on one side of the split.

    tools/fetch_data.py data --only emoji
    python examples/emoji.py --data data/emoji --out runs/emoji

docs/examples/emoji.md says what came out, and how long it took.
"""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fashion import histogram_bits
from scored import beside, bits_of, for_minutes, numbers_to_score, told, write_figures

import idm
from idm.data import SOURCES

GROUPS = ["(*)-*", "(*).png"]
"""A drawing is called by its code points: what follows the first are skin tones, genders, and parts of others."""

STEPS = 1_400


def settings(num_steps: int) -> dict[str, object]:
    """What differs from the settings that are inferred: transparency on white, whole drawings apart."""
    own = {"batch_size": 8, "model_channels": 24, "channel_mult": [1, 2, 2, 2], "attention_resolutions": [8]}
    data = {"data.source.pixels": "white", "data.source.labels": "none", "data.group_pattern": GROUPS}
    return for_minutes(num_steps, own | data)


def read_drawings(folder: Path) -> npt.NDArray[np.uint8]:
    """All drawings on white, [n, 3 * height * width], in the order in which training numbers them."""
    source = SOURCES.build("image_folder", {"path": str(folder), "pixels": "white", "labels": "none"})
    return source.read(np.arange(len(source))).reshape(len(source), -1)


def main(data: Path, out: Path, num_steps: int = STEPS, num: int = 40, budget: int = 10) -> None:
    start = time.process_time()
    run = idm.train(idm.make_experiment(data, settings=settings(num_steps)), out / "run")
    minutes = (time.process_time() - start) / 60
    bits, numbers = bits_of(run, None, budget, num)
    drawings = read_drawings(data)
    seen = np.delete(drawings, numbers_to_score(run), axis=0)
    histograms = histogram_bits(seen, drawings[numbers])
    figures = {"steps": num_steps, "core minutes of training": round(minutes, 1), "drawings trained on": len(seen)}
    write_figures(out, figures | beside(bits, {"histograms": histograms}))
    shown = drawings[numbers[:8]].reshape(-1, *run.spec.shape)
    run.picture(np.concatenate([shown, run.sample(16, seed=0, sampler=run.sampler(steps=12))]), columns=8).save(
        out / "emoji.png"
    )


if __name__ == "__main__":
    main(*told("Emoji: train, score, draw.", "the folder of drawings", "runs/emoji", STEPS))
