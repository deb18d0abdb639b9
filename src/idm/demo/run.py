"""The chapters of the demonstration, in order and timed."""

import json
import platform
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from idm.core.terminal import TERMINAL
from idm.demo.pieces import draw, follow, reconstruct, walk
from idm.networks import num_parameters
from idm.presets import PRESETS
from idm.report import Bound, DemoContents, write_demo_page
from idm.run import Run, held_out_bound, open_run_data
from idm.run.stored import started_experiment
from idm.settings import Experiment
from idm.settings.files import fold, lay_and_fit
from idm.storage.results import results_in
from idm.tasks import train

SLOW_STEPS, FAST_STEPS, FEW_STEPS = 250, 25, 10
BOUND_STEPS = 100
PAGE, TITLE, WHAT = "report.html", "A diffusion model of handwritten digits", "the page of a demo"
NUM_SLOW, NUM_FAST = 200, 1000
"""Samples drawn for the classifier by the slow sampler and by the fast ones; 200 have a standard error below one
percent."""

ALL_STARTS = "Training, over all starts"
"""What the time of the first chapter is called on the page, which agrees with what it says of training."""

Say = Callable[[str], None]


class Chapters:
    """Names and wall-clock times of what was done."""

    def __init__(self, say: Say) -> None:
        """Announce each chapter with ``say``."""
        self.say = say
        self.times: list[tuple[str, float]] = []

    @contextmanager
    def chapter(self, name: str) -> Generator[None]:
        """Time a chapter."""
        self.say(name)
        start = time.monotonic()
        yield
        self.times.append((name, time.monotonic() - start))


def run_demo(out: str | Path, *, overrides: Iterable[str] = (), device: str | None = None, say: Say = print) -> Path:
    """Train on the digits and write a page of what the model can do.

    Args:
        out: the run folder; a finished or interrupted demo in it is continued.
        overrides: settings such as "training.num_steps=300".
        device: where to train; the best one found by default.
        say: told the name of each chapter.

    Returns:
        The page, ``out``/report.html.
    """
    out = Path(out)
    with results_in(out, (PAGE,)) as results:
        contents = _show(out, list(overrides), device, Chapters(say))
        written = results.put(WHAT, lambda folder: {"page": write_demo_page(folder / PAGE, contents)})
    return written["page"]


def _show(out: Path, overrides: Sequence[str], device: str | None, chapters: Chapters) -> DemoContents:
    """Train, and let the model do what the page shows."""
    with chapters.chapter("Training"):
        run = train(_experiment(out, overrides), out, device=device)
        data = open_run_data(run)
    available = run.diffusion.num_timesteps
    slow_steps, fast_steps, few_steps = (min(steps, available) for steps in (SLOW_STEPS, FAST_STEPS, FEW_STEPS))
    with chapters.chapter("Sampling with DDPM"):
        slow = draw(run, data, "DDPM", run.sampler(name="ddpm", steps=slow_steps), NUM_SLOW)
    with chapters.chapter("Sampling with DDIM"):
        fast = draw(run, data, "DDIM", run.sampler(name="ddim", steps=fast_steps), NUM_FAST)
    with chapters.chapter("Sampling with UniPC"):
        few = draw(run, data, "UniPC", run.sampler(name="multistep", steps=few_steps), NUM_FAST)
    with chapters.chapter("Scoring held-out digits"):
        steps = min(BOUND_STEPS, run.diffusion.num_timesteps)
        bound = held_out_bound(run, data, steps=steps, listener=TERMINAL)
    with chapters.chapter("Inverting and interpolating"):
        reconstruction, interpolations = reconstruct(run, data), walk(run, data)
        denoising = follow(run, run.sampler(name="ddpm", steps=slow_steps))
    assert bound.histogram is not None, "the digits are quantised"
    metrics = _metrics(out)
    trained_for = _training_seconds(metrics, chapters)
    return DemoContents(
        title=TITLE,
        lead=(
            f"Trained in {_rounded(trained_for)} on {run.spec.num_train:,} digits of 8 x 8 "
            f"pixels, and measured on {run.spec.num_held_out} digits it has never seen."
        ),
        facts=_facts(run),
        codec=run.spec.codec,
        class_names=run.spec.class_names or (),
        sample_sets=[slow.shown, fast.shown, few.shown],
        denoising=denoising,
        metrics=metrics,
        bound=Bound(bound.vlb, bound.timesteps, bound.histogram.mean, bound.fractions),
        reconstruction=reconstruction,
        interpolations=interpolations,
        classifier_accuracy=fast.recognition.real.mean,
        chapters=[(ALL_STARTS, trained_for), *chapters.times[1:]],
    )


def _experiment(out: Path, overrides: Sequence[str]) -> Experiment:
    """The digits with overrides; what nobody gave fits the number of steps, or is what the demo in the folder has."""
    digits = PRESETS.build("digits", {})
    return lay_and_fit(digits, {}, fold(overrides), digits.training, started_experiment(out))


def _metrics(out: Path) -> list[dict[str, float]]:
    """Read the figures of each line; what was not finite, as a gradient's norm may be, is left out."""
    rows = map(json.loads, (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [{name: float(value) for name, value in row.items() if value is not None} for row in rows]


def _training_seconds(metrics: Sequence[Mapping[str, float]], chapters: Chapters) -> float:
    """Time the training took in all, also where this call only continued it or found it finished."""
    return metrics[-1]["seconds"] if metrics else chapters.times[0][1]


def _rounded(seconds: float) -> str:
    """Write a time as one whole number."""
    count, unit = (round(seconds / 60), "minutes") if seconds >= 90 else (max(1, round(seconds)), "seconds")
    return f"{count} {unit}"


def _facts(run: Run) -> list[tuple[str, str]]:
    experiment, parameters = run.experiment, num_parameters(run.network)
    training: Any = experiment.training
    return [
        ("Network", f"{experiment.network.name}, {parameters:,} parameters"),
        ("Steps of the chain", f"{run.diffusion.num_timesteps:,} ({experiment.schedule.name} schedule)"),
        ("Training", f"{run.step:,} steps of {training.batch_size} images"),
        ("Prediction", experiment.diffusion.prediction.name.lower()),
        ("Variance", experiment.diffusion.variance.name.lower()),
        ("Seed", str(experiment.seed)),
        ("Device", f"{run.device.type}, threads: {torch.get_num_threads()}"),
        ("Versions", f"Python {platform.python_version()}, torch {torch.__version__}"),
    ]
