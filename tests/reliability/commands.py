"""Command lines: any verb with options left out, repeated, misspelt or given odd values, in any order."""

import random
import shutil
from pathlib import Path
from typing import Any

import typer

from idm.cli import main
from idm.cli.app import make_app

from .checkpoints import make_runs
from .configs import SHORT
from .harness import Make
from .mutations import misspelt

VERBS: dict[str, Any] = typer.main.get_command(make_app()).commands
PATHS = (
    "run",
    "../points.npy",
    "missing",
    "..",
    ".",
    "run/checkpoints",
    "",
    "/dev/null",
    "x" * 300,
    "ü/ö",
    "-",
    "a\nb",
)
PLACES = (
    "o",
    "o/p/q",
    "run",
    "run/experiment.yaml",
    "",
    "x" * 300,
    "ü",
    "o.safetensors",
    "run/checkpoints/step-00000002",
)
NUMBERS = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.5",
    "",
    "x",
    "1e3",
    "nan",
    "inf",
    "-inf",
    str(2**31),
    str(2**63),
    "9" * 400,
    "\uff11",
    "0x1",
)
WORDS = (
    "digits",
    "ddim",
    "ddpm",
    "cpu",
    "float32",
    "bfloat16",
    "0",
    "0,1",
    "held-out:0",
    "held-out:0-3",
    "held-out:9-1",
)
ODD = (
    "",
    " ",
    "none",
    "ü",
    "a\nb",
    "x" * 5_000,
    "[",
    "{}",
    "%s",
    "1h",
    "0s",
    "90s",
    "a,b",
    ",",
    "../..",
    "held-out:",
    "meta",
)
SETTINGS = (
    "seed=1",
    "seed=2020-13-45",
    "sampler.steps=2",
    "sampler.eta=nan",
    "sampler.name=ddpm",
    "sampler=1",
    "sampler.steps",
    "=1",
    "a.b.c.d=1",
    "..=1",
    "sampler.=1",
    "training.learning_rate=[",
    "network.width={a: 1}",
    "data.source.name=custom",
    "seed=" + "[" * 3_000,
)
SMALL = {"--num", "--samples", "--rounds", "--workers", "--steps", "--sampler-steps", "--flow-steps"}
"""Options for which large numbers are only much work."""

NEVER = {"--compile", "--speed"}
"""Options that take minutes."""

ALWAYS = {
    "train": [*SHORT[2:], "--device", "cpu"],
    "demo": ["--set=training.num_steps=0"],
    "bench": ["--only", "nothing"],
    "sample": ["--device", "cpu", "--no-trajectory"],
    "watch": ["--once"],
    "tradeoff": ["--device", "cpu", "--calls", "1,2", "--samples", "30", "--num", "2"],
    "report": ["--device", "cpu", "--budget", "1000", "--sections", "samples,bound,cost"],
    "check-math": ["--quick", "--", "none"],
}
"""What follows a verb so that it ends soon."""


def make_commands(folder: Path) -> Make:
    """Return what makes command lines, in a folder with a run and data."""
    make_runs(folder)
    return _make


def _make(rng: random.Random, folder: Path):
    verb = rng.choice(sorted(VERBS))
    shutil.copytree(folder.parent / rng.choice(["points", "digits"]), folder / "run")
    arguments = _arguments(verb, rng)
    if rng.random() < 0.05:
        verb = misspelt(verb, rng)
    before = rng.choices([[], ["--debug"], ["--version"], ["--json"]], [30, 0, 1, 1])[0]
    return lambda: main([*before, verb, *arguments, *ALWAYS.get(verb, [])])


def _arguments(verb: str, rng: random.Random) -> list[str]:
    parts = [_part(parameter, rng) for parameter in VERBS[verb].params if parameter.opts[-1] not in NEVER]
    parts = [part for part in parts if part]
    if rng.random() < 0.3:
        rng.shuffle(parts)
    if parts and rng.random() < 0.15:
        parts.append(rng.choice(parts))
    tokens = [token for part in parts for token in part]
    if tokens and rng.random() < 0.15:
        tokens.pop(rng.randrange(len(tokens)))
    if rng.random() < 0.1:
        tokens.insert(
            rng.randrange(len(tokens) + 1), rng.choice(["--nonsense", "--", "-", "-x", "--=", "--out=", "-h"])
        )
    if tokens and rng.random() < 0.1:
        at = rng.randrange(len(tokens))
        tokens[at] = misspelt(tokens[at], rng)
    return tokens


def _part(parameter: Any, rng: random.Random) -> list[str]:
    """An argument, or now and then an option with its value."""
    is_option = parameter.param_type_name == "option"
    needed = parameter.required or not is_option
    if rng.random() > (0.93 if needed else 0.2):
        return []
    name = rng.choice(parameter.opts)
    if getattr(parameter, "is_flag", False):
        return [name]
    value = _value(parameter, rng)
    if not is_option:
        return [value] if not value.startswith("-") else []
    return [f"{name}={value}"] if rng.random() < 0.3 else [name, value]


def _value(parameter: Any, rng: random.Random) -> str:
    kind, name = str(parameter.type_descriptor.annotation), parameter.opts[-1]
    if rng.random() < 0.1:
        return rng.choice([*ODD, *(word for word in NUMBERS if len(word) < 6)])
    if name == "run":
        return rng.choice(["run"] * 8 + list(PATHS))
    if name == "--out":
        return rng.choice(PLACES)
    if name == "--set":
        return rng.choice(SETTINGS)
    if "int" in kind or "float" in kind:
        return rng.choice([word for word in NUMBERS if len(word) < 6] if name in SMALL else NUMBERS)
    return rng.choice(PATHS if "Path" in kind or name in ("--data", "path") else WORDS)
