"""Files of settings, most of them wrong: grammar-aware changes of valid ones, and of their text."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from idm.cli import main
from idm.settings.listing import every_setting

from .harness import Make
from .mutations import ODD, damaged, misspelt

TRAINING = {
    "num_steps": 1,
    "batch_size": 2,
    "ema_rates": [0.9],
    "log_interval": 1,
    "save_interval": 1,
    "sample_interval": 0,
    "bound_interval": 0,
}
POINTS = {
    "data": {"source": {"name": "arrays", "path": "../points.npy"}},
    "schedule": {"name": "cosine", "num_timesteps": 10},
    "network": {"name": "mlp", "width": 8, "num_layers": 1},
    "training": TRAINING,
    "sampler": {"name": "ddim", "steps": 2},
}
UNET = {"name": "unet", "model_channels": 4, "num_res_blocks": 1, "channel_mult": [1], "num_heads": 1}
DIGITS = {
    **POINTS,
    "data": {"source": {"name": "digits"}, "held_out": 97},
    "network": {**UNET, "attention_resolutions": []},
    "training": {**TRAINING, "label_dropout": 0.1},
}
SHORT = ["--data", "../points.npy", *(f"--set=training.{name}={value}" for name, value in TRAINING.items())]
"""Options that make training take a moment whatever a file says."""

SETTINGS = every_setting()
SMALL = {"integer": (1, 2, 3, 4), "number": (0.1, 0.5, 0.9, 1.0), "true or false": (True, False)}
COSTLY = {"data.workers": (0, 1, 300), "training.compile": (False,), "data.timeout": (20.0, 0)}
"""Settings with whose values the time of one input could grow without a limit: what they are drawn from."""

LENGTHS = {
    "network.num_layers",
    "network.num_res_blocks",
    "network.channel_mult",
    "training.num_steps",
    "training.batch_size",
    "training.posthoc_sigma_rels",
    "training.ema_rates",
}
"""Settings that say how long a valid job is: no numbers above a few hundred are drawn for them."""

BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
TEXTS = (
    "",
    "#",
    "---\n---\n",
    "[1, 2]",
    "just words",
    "a: [",
    "\ttraining: 1",
    "training: {num_steps: 1, num_steps: 2}",
    "training: !!python/object/apply:os.system ['exit 1']",
    "training: !!binary aGVsbG8=",
    "training: !!set {a, b}",
    "training: !unknown {a: b}",
    "training: *missing",
    "training: &a {num_steps: *a}",
    "? {a: b}\n: c",
    "? [a, b]\n: c",
    "1: 2",
    "null: 1",
    "2020-01-01: 2020-01-01",
    "seed: 2020-01-01",
    "seed: " + "9" * 10_000,
    "seed: 1:30:00",
    "seed: 0x7fffffff",
    "training: " + "[" * 3_000 + "]" * 3_000,
    "training: " + "{a: " * 3_000 + "}" * 3_000,
    "<<: {seed: 1}",
    "training: {<<: [1]}",
    "%YAML 9.9\n---\nseed: 1",
    BOMB,
)
TOML = (
    "seed = 1",
    "[training]\nnum_steps = 1",
    "a = [",
    "seed = 1\nseed = 2",
    "seed = 1979-05-27",
    "x = " + "[" * 3_000,
)


def make_configs(folder: Path) -> Make:
    """Return what makes settings files, on data in the folder."""
    np.save(folder / "points.npy", np.random.default_rng(0).normal(size=(12, 2)).astype("float32"))
    return _make


def _make(rng: random.Random, folder: Path):
    content, suffix, whole = _content(rng)
    path = folder / f"settings.{suffix}"
    path.write_bytes(content)
    return lambda: main(["train", str(path), "--out", "run", "--device", "cpu", *([] if whole else SHORT)])


def _content(rng: random.Random) -> tuple[bytes, str, bool]:
    """Return a file, its suffix, and whether it says how long to train."""
    plain: Any = json.loads(json.dumps(rng.choice([POINTS, POINTS, DIGITS])))
    if rng.random() < 0.08:
        return rng.choice(TEXTS).encode("utf-8", "surrogatepass"), "yaml", False
    if rng.random() < 0.04:
        return rng.choice(TOML).encode(), "toml", False
    for _ in range(rng.choice([1, 1, 2, 3])):
        _change(plain, rng)
    text = yaml.safe_dump(plain, allow_unicode=rng.random() < 0.5, sort_keys=False)
    content, suffix = text.encode("utf-8", "surrogatepass"), rng.choice(["yaml", "yml", "yaml", ""])
    if rng.random() < 0.15:
        return damaged(content, rng), suffix, False
    return content, suffix, True


def _change(plain: dict[str, Any], rng: random.Random) -> None:
    """Set a setting to a fitting or an odd value, or misspell or add a name."""
    setting = rng.choice(SETTINGS)
    *way, key = setting.path.split(".")
    home: Any = plain
    for name in way:
        home = home.setdefault(name, {}) if isinstance(home, dict) else {}
    if not isinstance(home, dict):
        return
    kind = rng.random()
    if kind < 0.12 and home:
        old = rng.choice(list(home))
        home[misspelt(old, rng)] = home.pop(old)
    elif kind < 0.16:
        home[rng.choice([1, None, True, 1.5, "", "a.b", "ü", "x" * 300])] = rng.choice(ODD)
    else:
        home[key] = _value(setting.path, setting.kind, rng)


def _value(path: str, kind: str, rng: random.Random) -> Any:
    if path in COSTLY and rng.random() < 0.8:
        return rng.choice(COSTLY[path])
    if rng.random() < 0.5:
        for word, values in SMALL.items():
            if word in kind:
                return [rng.choice(values)] if "..." in kind else rng.choice(values)
        return rng.choice(kind.split(" | "))
    odd = [
        value for value in ODD if not _long(path, value) and not (path in COSTLY and isinstance(value, (int, float)))
    ]
    return rng.choice(odd)


def _long(path: str, value: Any) -> bool:
    return path in LENGTHS and isinstance(value, (int, float)) and value > 300
