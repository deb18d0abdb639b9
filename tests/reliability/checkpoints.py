"""Runs whose checkpoints are damaged, or wrong in a consistent way, with manifests that fit."""

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from idm.cli import main
from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.storage.manifest import make_manifest
from idm.tasks import train

from .configs import DIGITS, POINTS, make_configs
from .harness import Make
from .mutations import changed, damaged, misspelt

RUNS = ("points", "digits")
STEPS = {"num_steps": 2, "save_interval": 1, "snapshot_interval": 1}
LENGTHS = ("num_layers", "num_res_blocks", "channel_mult", "num_steps")


def make_runs(folder: Path) -> None:
    """Train two tiny models of points and of digits."""
    make_configs(folder)
    (folder / "here").mkdir()
    before = Path.cwd()
    os.chdir(folder / "here")
    for name, plain in (("points", POINTS), ("digits", DIGITS)):
        settings = from_plain(Experiment, {**plain, "training": {**plain["training"], **STEPS}})
        train(settings, folder / name, device="cpu", listener=SILENT)
    os.chdir(before)


def make_checkpoints(folder: Path) -> Make:
    """Return what makes damaged runs of two models, trained in the folder."""
    make_runs(folder)
    return _make


def _make(rng: random.Random, folder: Path):
    name = rng.choice(RUNS)
    run = folder / "run"
    shutil.copytree(folder.parent / name, run)
    older, newer = sorted((run / "checkpoints").glob("step-*"))
    if rng.random() < 0.6:
        shutil.rmtree(older)
    change = rng.choices(list(CHANGES), list(CHANGES.values()))[0]
    change(newer, rng)
    command = rng.choices(list(COMMANDS), list(COMMANDS.values()))[0]
    return lambda: main([part.replace("RUN", str(run)) for part in command])


COMMANDS = {
    ("info", "RUN"): 4,
    ("info", "RUN", "--json"): 1,
    ("verify", "RUN"): 4,
    ("watch", "--once", "RUN"): 2,
    ("sample", "RUN", "--num", "2", "--device", "cpu"): 4,
    ("train", "--out", "RUN", "--set", "training.num_steps=3", "--device", "cpu"): 4,
    ("fit-solver", "RUN", "--calls", "2", "--device", "cpu"): 1,
    ("train-classifier", "RUN", "--steps", "1", "--batch-size", "2", "--device", "cpu"): 1,
    ("sample", "RUN", "--num", "2", "--autoguidance", "2", "--device", "cpu"): 1,
    ("ema", "RUN", "--sigma-rel", "0.08", "--device", "cpu"): 1,
    ("evaluate", "RUN", "--num", "2", "--device", "cpu"): 1,
    ("encode", "RUN", "held-out:0", "--steps", "2", "--device", "cpu"): 1,
    ("interpolate", "RUN", "held-out:0", "held-out:0", "--num", "2", "--steps", "2", "--device", "cpu"): 1,
}


def sign(folder: Path) -> None:
    """Write a manifest that fits what is in a folder now."""
    manifest = folder / "manifest.json"
    try:
        manifest.unlink(missing_ok=True)
        document = make_manifest(folder, int(folder.name[-8:]), None)
    except OSError:  # a folder or pipe among the files, or in the manifest's place
        return
    manifest.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _any_file(folder: Path, rng: random.Random, pattern: str = "*") -> Path:
    return rng.choice(sorted(path for path in folder.glob(pattern) if path.is_file()))


def damage_a_file(folder: Path, rng: random.Random) -> None:
    """Damage the bytes of any file of the run."""
    home = rng.choice([folder, folder, folder, folder.parents[1]])
    path = _any_file(home, rng)
    path.write_bytes(damaged(path.read_bytes(), rng))


def damage_and_sign(folder: Path, rng: random.Random) -> None:
    """Damage the bytes of a file and write a manifest that fits."""
    path = _any_file(folder, rng)
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        length = 8 + int.from_bytes(content[:8], "little")
        content = damaged(content[:length], rng) + content[length:]
    else:
        content = damaged(content, rng)
    path.write_bytes(content)
    sign(folder)


def change_a_document(folder: Path, rng: random.Random) -> None:
    """Change values of a document and write a manifest that fits."""
    path = _any_file(folder, rng, "[!m]*.json")
    document = json.loads(path.read_text())
    for _ in range(rng.choice([1, 1, 2])):
        document = changed(document, rng)
    if not _too_long(document):
        path.write_text(json.dumps(document))
        sign(folder)


def _too_long(document: Any) -> bool:
    """Whether lengths of a valid network or job are so large that it would only take long."""
    text = json.dumps(document)
    return any(f'"{name}": 1{"0" * 20}' in text for name in LENGTHS)


def change_the_manifest(folder: Path, rng: random.Random) -> None:
    """Change values of the manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(changed(json.loads(path.read_text()), rng), indent=1) + "\n")


def change_tensors(folder: Path, rng: random.Random) -> None:
    """Leave tensors out, add, rename, reshape or convert them, or fill them with odd values; the manifest fits."""
    path = _any_file(folder, rng, "*.safetensors")
    tensors = load_file(path)
    for _ in range(rng.choice([1, 1, 3])):
        if tensors:
            _change_one(tensors, rng)
    save_file(tensors, path)
    sign(folder)


def _change_one(tensors: dict[str, torch.Tensor], rng: random.Random) -> None:
    name = rng.choice(sorted(tensors))
    value = tensors[name]
    match rng.randrange(8):
        case 0:
            del tensors[name]
        case 1:
            tensors[misspelt(name, rng)] = tensors.pop(name)
        case 2:
            tensors["extra"] = torch.zeros(3)
        case 3:
            tensors[name] = value.flatten()[: rng.choice([0, 1, 2])].clone()
        case 4:
            tensors[name] = value[None].clone()
        case 5:
            kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
            tensors[name] = value.to(rng.choice(kinds))
        case 6:
            odd = rng.choice([float("nan"), float("inf"), -1.0, 1e30, 0.0])
            tensors[name] = torch.full_like(value, odd if value.is_floating_point() else rng.choice([-1, 2**31 - 1]))
        case _:
            tensors[name] = torch.zeros(value.shape[::-1], dtype=value.dtype)


def replace_a_file(folder: Path, rng: random.Random) -> None:
    """Put nothing, a folder, a pipe, a link or a file of another kind in the place of a file."""
    path, other = _any_file(folder, rng), _any_file(folder, rng).read_bytes()
    path.unlink()
    match rng.randrange(7):
        case 0:
            path.mkdir()
        case 1:
            os.mkfifo(path)
        case 2:
            path.symlink_to(path.name)
        case 3:
            path.symlink_to("/dev/zero")
        case 4:
            path.write_bytes(b"")
        case 5:
            path.write_bytes(other)
        case _:
            pass
    if rng.random() < 0.5 and not path.is_symlink() and not path.is_fifo():
        sign(folder)


CHANGES = {
    damage_a_file: 25,
    damage_and_sign: 20,
    change_a_document: 25,
    change_the_manifest: 5,
    change_tensors: 20,
    replace_a_file: 5,
}
