"""From a command to the first images: whole processes, start-up included."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from idm.bench.harness import Contestant
from idm.bench.table import Plan, Row, Table
from idm.core.progress import SILENT
from idm.presets import PRESETS
from idm.run import Run
from idm.settings import resolve
from idm.tasks import train
from idm.training import ema_name

NUM_IMAGES, STEPS = 16, 25
PLAIN, OURS = "plain script", "idm sample"

SCRIPT = """\
import torch
from safetensors.torch import load_file

from idm.networks import UNet

network = UNet(**{options!r})
network.load_state_dict(load_file({weights!r}))
network.eval()
x, y = torch.randn({shape!r}), torch.arange({num}) % {num_classes}
with torch.no_grad():
    for t in reversed(range({steps})):
        output = network(x, torch.full(({num},), float(t)), y=y)
"""
"""Imports torch, builds the network, loads its weights and calls it as often; no sampler, no files."""


def start(folder: Path) -> list[Plan]:
    """Sixteen digits of the demonstration's network by DDIM; no size of U-Net takes part."""
    return [partial(_start, folder / "start")]


def _start(folder: Path) -> Table:
    overrides = ["training.num_steps=1", "training.sample_interval=0"]
    run = train(
        resolve(PRESETS.build("digits", {}), overrides=overrides), folder / "run", device="cpu", listener=SILENT
    )
    script = folder / "plain.py"
    script.write_text(plain_script(run), encoding="utf-8")
    command = ["-m", "idm", "sample", str(folder / "run"), "--num", str(NUM_IMAGES), "--sampler", "ddim"]
    command += ["--steps", str(STEPS), "--device", "cpu", "--out", str(folder / "samples")]
    rows = {PLAIN: Row(_process([str(script)])), OURS: Row(_process(command))}
    title = f"cold start: {NUM_IMAGES} digits, DDIM {STEPS} steps, a process each"
    return Table("start", title, rows, images=NUM_IMAGES)


def plain_script(run: Run) -> str:
    """Write out the script for the network of a run with labels."""
    classes = run.require_classes("cold start")
    channels = run.spec.shape[0]
    given = {
        "in_channels": channels,
        "out_channels": run.diffusion.out_channels(channels),
        "num_classes": classes + 1,
    }
    weights = run.name / f"{ema_name(run.experiment.training.ema_rates[0])}.safetensors"
    return SCRIPT.format(
        options=vars(run.experiment.network.options) | given,
        weights=str(weights),
        shape=(NUM_IMAGES, *run.spec.shape),
        num=NUM_IMAGES,
        num_classes=classes,
        steps=STEPS,
    )


def _process(arguments: Sequence[str]) -> Contestant:
    return partial(subprocess.run, [sys.executable, *arguments], check=True, capture_output=True)
