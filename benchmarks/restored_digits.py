"""Half of each of 64 held-out digits is hidden and drawn again: does a classifier name what it names of the whole?

Halves in one piece and halves between what is seen, with the class told and without: half of a digit leaves several
classes possible, so that a classifier of the seen half is shown beside.

    python benchmarks/restored_digits.py runs/demo --out runs/restored-digits
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from sklearn.svm import SVC
from torch import Tensor

import idm
from idm.core.terminal import TERMINAL
from idm.metrics import Classifier
from idm.run import Run
from idm.run.own_data import open_run_data

NUM, DRAWS = 64, 2
SIDE = 8
HALVES: Mapping[str, Tensor] = {
    "left half": (torch.arange(SIDE) < SIDE // 2).expand(SIDE, SIDE),
    "top half": (torch.arange(SIDE) < SIDE // 2)[:, None].expand(SIDE, SIDE),
    "every other column": (torch.arange(SIDE) % 2 == 0).expand(SIDE, SIDE),
    "every other row": (torch.arange(SIDE) % 2 == 0)[:, None].expand(SIDE, SIDE),
    "checkerboard": (torch.arange(SIDE) + torch.arange(SIDE)[:, None]) % 2 == 0,
    "half of the pixels at random": torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(0))
    .view(SIDE, SIDE)
    .lt(SIDE * SIDE // 2),
}
"""What is seen of an image, by name: half of its pixels."""
WAYS: Mapping[str, tuple[str | None, dict[str, Any], dict[str, Any]]] = {
    "the default": (None, {}, {}),
    "PiGDM in 25 steps": ("pigdm", {}, {"name": "multistep", "tau": 1.0, "steps": 25}),
    "TMPD": ("tmpd", {}, {"name": "multistep", "tau": 1.0, "steps": 50}),
    "DDNM": ("ddnm", {}, {"name": "multistep", "tau": 1.0, "steps": 50}),
    "RePaint": ("repaint", {"jumps": 1}, {"name": "ddpm", "steps": 100}),
    "RePaint 10 times": ("repaint", {"jumps": 10}, {"name": "ddpm", "steps": 100}),
    "TDS with 16 particles": ("tds", {"particles": 16, "covariance": "isotropic"}, {"name": "ddpm", "steps": 50}),
}


def main() -> None:
    """Measure every way, and write the figures and pictures of the default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default=",".join(WAYS), help="ways, with commas between them")
    parser.add_argument("--seen", default=",".join(HALVES), help="what is seen, with commas between them")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    run, rows = idm.load(asked.run), []
    data = open_run_data(run)
    (x, y), (x_train, y_train) = data.held_out.first(NUM), data.train.first(len(data.train))
    if y is None or y_train is None:
        parser.error("a run whose data have classes wanted")
    judge = Classifier(x_train, y_train)
    whole = judge.correct(x, y).bool()
    print(f"named rightly of the whole images: {float(whole.float().mean()):.3f}")
    for half in [half for half in HALVES if half in asked.seen.split(",")]:
        seen = HALVES[half].expand(run.spec.shape)
        named = named_by_what_is_seen(x_train, y_train, x[whole], y[whole], seen)
        print(f"{half}: named rightly by a classifier of what is seen: {named:.3f}")
        for name in [way for way in WAYS if way in asked.only.split(",")]:
            for told in (False, True):
                row = measured(run, x, y, seen, judge, whole, name, told=told)
                rows.append({"seen": half, "way": name, "class told": told, **row})
                print(json.dumps(rows[-1]), flush=True)
    (asked.out / "restored.json").write_text(json.dumps(rows, indent=1) + "\n")


def measured(
    run: Run, x: Tensor, y: Tensor, seen: Tensor, judge: Classifier, whole: Tensor, name: str, *, told: bool
) -> dict[str, float]:
    """Restore, and count what is named rightly of images of which the whole is; root mean square error of draws."""
    method, options, sampler = WAYS[name]
    samples, start = run.restored(x), time.perf_counter()
    found = run.restore(
        samples,
        idm.restoration.Mask(run.spec.shape, seen),
        num=DRAWS,
        method=None if method is None else run.method(method, **options),
        sampler=run.sampler(**sampler) if sampler else None,
        labels=y.tolist() if told else None,
        listener=TERMINAL,
    )
    seconds = time.perf_counter() - start
    draws = run.spec.codec.encode(found.draws.reshape(-1, *run.spec.shape))
    right = judge.correct(draws, y.repeat_interleave(DRAWS)).view(-1, DRAWS)[whole]
    spread = (draws.view(NUM, DRAWS, *run.spec.shape) - x[:, None])[:, :, ~seen]
    return {
        "right": round(float(right.mean()), 3),
        "rms error": round(float(spread.square().mean().sqrt()), 3),
        "seconds a draw": round(seconds / NUM / DRAWS, 3),
    }


def named_by_what_is_seen(x_train: Tensor, y_train: Tensor, x: Tensor, y: Tensor, seen: Tensor) -> float:
    """Share of images whose class a classifier of what is seen, trained on as much of real ones, names."""
    made: Any = SVC  # what is told of its arguments in the library's stubs is not what it takes
    machine = made(gamma=16.0 / int(seen.sum()), C=10.0).fit(x_train[:, seen].numpy(), y_train.numpy())
    return float((machine.predict(x[:, seen].numpy()) == y.numpy()).mean())


if __name__ == "__main__":
    main()
