"""A long run of a tiny model: memory, open files and speed at its end are those of its beginning.

python -m tests.reliability.soak [STEPS]; a run of all steps writes its row into docs/reliability.md.
"""

import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch

from idm.core.progress import SILENT
from idm.core.terminal import TERMINAL
from idm.data import SOURCES, Codec, Dataset
from idm.diffusion import GaussianDiffusion
from idm.networks import MLP
from idm.schedules import cosine_schedule
from idm.timesteps import LossSecondMoment
from idm.training import Trainer, TrainingSettings, TrainStep
from idm.training.spread import Alone

from ..figures import PAGE, Figure, here, write

STEPS, EVERY, START = 100_000, 1_000, 10_000
LARGEST_SLOPE = 1.0
"""MB per 10,000 steps."""

LARGEST_SLOWDOWN = 1.3


@dataclass(frozen=True)
class Moment:
    """The process at a step: resident memory in MB, open files, and the processor time so far in seconds."""

    step: int
    memory: float
    files: int
    time: float


def look(step):
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Moment(
        step, pages * resource.getpagesize() / 1e6, len(list(Path("/proc/self/fd").iterdir())), time.process_time()
    )


def soak(folder, steps, every):
    """Train, and return the process at every so many steps."""
    torch.set_num_threads(1)
    moments = []
    np.save(folder / "points.npy", np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32))
    source = SOURCES.build("arrays", {"path": str(folder / "points.npy")})
    dataset = Dataset(source, Codec.fit(source), np.arange(500))
    settings = TrainingSettings(
        num_steps=steps, batch_size=8, log_interval=100, save_interval=every, sample_interval=every
    )
    network = MLP(in_channels=2, out_channels=2, width=8, num_layers=1)
    step = TrainStep(
        network,
        GaussianDiffusion(cosine_schedule(20)),
        LossSecondMoment(20),
        dataset,
        settings,
        seed=0,
        device=torch.device("cpu"),
    )
    preview = lambda number, averaged: moments.append(look(number))  # noqa: E731
    describe = lambda averaged: {}  # noqa: E731
    Trainer(
        Alone(network),
        step,
        folder / "run",
        describe=describe,
        preview=preview,
        listener=TERMINAL if sys.stderr.isatty() else SILENT,
    ).run()
    return moments


def slope(moments):
    """Growth of memory in MB per 10,000 steps, by least squares."""
    return float(np.polyfit([m.step for m in moments], [m.memory for m in moments], 1)[0]) * 10_000


def slowdown(moments):
    """Processor time of a step in the last tenth of the run over that in the second tenth: medians, of even moments."""
    times = np.diff([moment.time for moment in moments])
    tenth = max(len(times) // 10, 1)
    return float(np.median(times[-tenth:]) / np.median(times[tenth : 2 * tenth]))


def main():
    steps, began = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        moments = soak(Path(folder), steps, EVERY)
    late = [moment for moment in moments if moment.step >= min(START, steps // 2)]
    growth, files, slower = slope(late), {moment.files for moment in late}, slowdown(moments)
    print(f"{steps:,} steps: memory {growth:+.2f} MB per 10,000 steps, at the end {late[-1].memory:.0f} MB")
    print(f"open files {min(files)} to {max(files)}; time of a step {slower:.2f} times that of the beginning")
    if steps == STEPS:
        found = f"{growth:+.2f} MB per 10,000 steps, {slower:.2f} times, {min(files)} to {max(files)} open files"
        promise = f"{STEPS:,} steps of a tiny network: memory, time of a step at the end over the beginning, files"
        write(PAGE, [Figure(promise, found, time.monotonic() - began)], here(), date.today())
    return int(growth >= LARGEST_SLOPE or len(files) > 1 or slower > LARGEST_SLOWDOWN)


if __name__ == "__main__":
    sys.exit(main())
