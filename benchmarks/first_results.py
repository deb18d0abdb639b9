"""What somebody sees who trains on his own data for the first time: five kinds of data, inferred settings, few steps.

The data are made up, with a structure that an eye can judge: heartbeats on twelve leads, galaxies of 16 bits, coloured
shapes in folders of classes, ellipsoids in volumes, two moons. Each is written as a newcomer would have it, and
``idm train --data`` is called as the README has it. A picture of data above samples, and what was printed, are kept.

    python benchmarks/first_results.py --out runs/first
    python benchmarks/first_results.py --out runs/first --only signals,points --steps 300
"""

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from idm.cli import main as idm

mpl.use("Agg")
NUM_SHOWN = 8
Array = NDArray[np.generic]


def heartbeats(rng: np.random.Generator, count: int = 600) -> Array:
    """Twelve leads of 256 points: P, QRS and T waves at 3 to 5 beats, each lead a mixture of its own; float32."""
    times = np.linspace(0.0, 1.0, 256)
    leads = np.random.default_rng(1).normal(size=(12, 5))
    waves = np.empty((count, 12, 256), dtype=np.float32)
    for i in range(count):
        rate, start = rng.uniform(3, 5), rng.uniform(0, 1)
        phase = (times * rate + start) % 1.0
        centres = np.array([0.2, 0.38, 0.42, 0.46, 0.7]) + rng.normal(0, 0.006, 5)
        widths, heights = np.array([0.03, 0.012, 0.014, 0.013, 0.05]), np.array([0.15, -0.15, 1.0, -0.25, 0.3])
        bumps = heights[:, None] * np.exp(-0.5 * ((phase - centres[:, None]) / widths[:, None]) ** 2)
        waves[i] = (1.0 + 0.4 * leads) @ bumps + rng.normal(0, 0.01, (12, 256))
    return waves


def stamps(rng: np.random.Generator, count: int = 1000) -> Array:
    """Stars and galaxies of 32 x 32 pixels in 16 bits, above a sky of some noise."""
    y, x = np.mgrid[:32, :32] - 15.5
    pictures = np.empty((count, 32, 32), dtype=np.uint16)
    for i in range(count):
        angle, flat, size = rng.uniform(0, np.pi), rng.uniform(0.3, 1.0), rng.uniform(1.5, 5.0)
        across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        light = rng.uniform(8_000, 40_000) * np.exp(-np.hypot(across / flat, along) / size)
        pictures[i] = np.clip(light + rng.normal(2_000, 150, (32, 32)), 0, 65_535)
    return pictures


def shape_picture(rng: np.random.Generator, kind: str) -> Array:
    """A disc, a square or a ring of one colour on another, 64 x 64 RGB."""
    y, x = np.mgrid[:64, :64] - rng.uniform(24, 40, (2, 1, 1))
    radius, fore, back = rng.uniform(10, 20), rng.uniform(60, 255, 3), rng.uniform(0, 120, 3)
    distance = {"disc": np.hypot(x, y), "square": np.maximum(abs(x), abs(y)), "ring": abs(np.hypot(x, y) - radius) * 3}
    share = np.clip(radius - distance[kind] + 0.5, 0, 1)[..., None]
    return np.rint(share * fore + (1 - share) * back).astype(np.uint8)


def volumes(rng: np.random.Generator, count: int = 200) -> Array:
    """Ellipsoids with a core in volumes of 24 x 24 x 12; float32."""
    z, y, x = np.mgrid[:24, :24, :12].astype(np.float32)
    found = np.empty((count, 24, 24, 12), dtype=np.float32)
    for i in range(count):
        centre, radii = rng.uniform([9, 9, 4], [15, 15, 8]), rng.uniform([5, 5, 2.5], [9, 9, 4.5])
        squares = [((axis - c) / r) ** 2 for axis, c, r in zip((z, y, x), centre, radii, strict=True)]
        distance = np.sqrt(sum(squares))
        found[i] = 1 / (1 + np.exp(8 * (distance - 1))) + 0.8 * np.exp(-4 * distance**2) + rng.normal(0, 0.02)
    return found


def moons(rng: np.random.Generator, count: int = 2000) -> Array:
    """Two half circles, 2-D points."""
    angle, side = rng.uniform(0, np.pi, count), rng.integers(0, 2, count)
    x = np.where(side, 1 - np.cos(angle), np.cos(angle))
    y = np.where(side, 0.5 - np.sin(angle), np.sin(angle))
    return (np.stack([x, y], 1) + rng.normal(0, 0.06, (count, 2))).astype(np.float32)


def save_shapes(path: Path, rng: np.random.Generator, count: int = 300) -> Path:
    """Write pictures into a folder of classes."""
    for kind in ("disc", "square", "ring"):
        (path / kind).mkdir(parents=True, exist_ok=True)
        for i in range(count // 3):
            Image.fromarray(shape_picture(rng, kind)).save(path / kind / f"{i:03d}.png")
    return path


def save_array(make: Callable[[np.random.Generator], Array]) -> Callable[[Path, np.random.Generator], Path]:
    """Return what writes an array to a file."""

    def save(path: Path, rng: np.random.Generator) -> Path:
        np.save(path.with_suffix(".npy"), make(rng))
        return path.with_suffix(".npy")

    return save


@dataclass(frozen=True)
class Kind:
    """A kind of data: how it is written, and how one sample is drawn on axes."""

    save: Callable[[Path, np.random.Generator], Path]
    draw: Callable[[Axes, Array], object]
    said: tuple[str, ...] = ()
    """What an array does not tell by its shape alone, and ``idm train`` asks for."""


def draw_leads(axes: Axes, wave: Array) -> None:
    """Draw four of the leads above one another."""
    for lead in range(4):
        axes.plot(wave[lead] - 2.5 * lead, linewidth=0.7)


def draw_rgb(axes: Axes, picture: Array) -> None:
    """Draw a picture whose channels come last, as in a file, or first, as in the arrays of ``idm sample``."""
    axes.imshow(picture if picture.shape[-1] == 3 else np.moveaxis(picture, 0, -1))


KINDS = {
    "signals": Kind(save_array(heartbeats), draw_leads, ("data.source.channels=first",)),
    "stamps": Kind(save_array(stamps), lambda axes, picture: axes.imshow(picture, cmap="gray")),
    "pictures": Kind(save_shapes, draw_rgb),
    "volumes": Kind(
        save_array(volumes),
        lambda axes, volume: axes.imshow(volume[:, :, volume.shape[2] // 2]),
        ("data.source.channels=none",),
    ),
    "points": Kind(save_array(moons), lambda axes, points: axes.scatter(*points.T, s=2)),
}


def called(*arguments: object) -> tuple[int, str]:
    """Call the program, and return its exit code and all that it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = idm([str(argument) for argument in arguments])
    return code, out.getvalue()


def read_samples(path: Path) -> Array:
    """Return data as they were written."""
    if path.is_dir():
        files = sorted(path.rglob("*.png"))
        return np.stack([np.asarray(Image.open(file)) for file in files[:: max(1, len(files) // NUM_SHOWN)]])
    return np.load(path)


def save_figure(path: Path, kind: Kind, rows: Sequence[tuple[str, Array]]) -> None:
    """Draw data above samples; points all in one picture each."""
    points = rows[0][1].ndim == 2
    columns = 1 if points else NUM_SHOWN
    figure, grid = plt.subplots(
        len(rows), columns, figsize=(1.25 * max(columns, 3), 1.55 * len(rows) * (2 if points else 1))
    )
    for (name, samples), line in zip(rows, np.reshape(grid, (len(rows), columns)), strict=True):
        line[0].set_title(name, loc="left", fontsize=8)
        for axes, sample in zip(line, [samples[:1000]] if points else samples, strict=False):
            kind.draw(axes, sample)
            axes.set_axis_off()
    figure.tight_layout(pad=0.6, h_pad=1.2)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def first_result(name: str, out: Path, steps: int, options: Sequence[str]) -> dict[str, Any]:
    """Write data, train on them with what is inferred, sample, and draw both."""
    kind, rng = KINDS[name], np.random.default_rng(0)
    out.mkdir(parents=True, exist_ok=True)
    data, run, began = kind.save(out / name, rng), out / f"run-{name}", time.monotonic()
    sets = [part for option in (f"training.num_steps={steps}", *kind.said, *options) for part in ("--set", option)]
    code, said = called("train", "--data", data, "--out", run, *sets)
    seconds = time.monotonic() - began
    assert code == 0, said
    (out / f"{name}.txt").write_text(said, encoding="utf-8")
    num = 1000 if name == "points" else 16
    code, sampled = called("sample", run, "--num", num, "--no-trajectory", "--out", out / f"samples-{name}")
    assert code == 0, sampled
    with np.load(out / f"samples-{name}" / "samples.npz") as arrays:
        samples = arrays["data"]
    save_figure(out / f"{name}.png", kind, [("data", read_samples(data)), ("samples", samples)])
    losses = [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    warnings = [line for line in said.splitlines() if line.startswith("warning")]
    return {"name": name, "steps": steps, "seconds": round(seconds), "losses": losses, "warnings": warnings}


def main() -> None:
    """Go through the kinds of data that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--set", action="append", default=[], dest="options", metavar="PATH=VALUE")
    given = parser.parse_args()
    for name in given.only.split(","):
        found = first_result(name, given.out, given.steps, given.options)
        (given.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        first, last = found["losses"][0], found["losses"][-1]
        print(f"{name}: {found['seconds']} s, loss {first:.3f} to {last:.3f}; {found['warnings']}", flush=True)


if __name__ == "__main__":
    main()
