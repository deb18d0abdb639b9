"""Whatever takes a path takes a text, too."""

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import idm
from idm.core.files import write_atomically
from idm.core.progress import SILENT
from idm.data import Codec
from idm.report import Page, save_animation, save_grid, save_picture, save_singles
from idm.settings import Experiment, from_plain, resolve
from idm.storage import latest_checkpoint, open_checkpoint
from idm.training import verify_checkpoint, verify_run

POINTS: dict[str, dict[str, object]] = {
    "data": {"held_out": 2},
    "schedule": {"num_timesteps": 3},
    "network": {"name": "mlp", "width": 8, "num_layers": 1},
    "sampler": {"steps": 2},
    "training": {"num_steps": 1, "batch_size": 2, "sample_interval": 0},
}


def public_callables() -> Iterator[tuple[str, object]]:
    """Functions and constructors that the rooms below the command line list, without those of results."""
    for room in pkgutil.iter_modules(idm.__path__):
        if not room.ispkg or room.name == "cli":
            continue
        module = import_module(f"idm.{room.name}")
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isfunction(thing) or (inspect.isclass(thing) and not is_dataclass(thing)):
                yield f"{room.name}.{name}", thing


def test_every_public_function_that_takes_a_path_takes_a_text() -> None:
    seen = 0
    for name, thing in public_callables():
        try:
            parameters = inspect.signature(thing).parameters.values()  # type: ignore[arg-type]
        except ValueError:  # a constructor of Python's own
            continue
        for parameter in parameters:
            words = str(parameter.annotation).replace("idm.schedules.path.Path", "")  # one from data to noise
            if "Path" in words:
                seen += 1
                assert "str" in words, f"{name}: {parameter}"
    assert seen > 10


def test_a_run_is_trained_opened_and_verified_in_a_folder_given_as_text(tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32))
    source = {"source": {"name": "arrays", "path": str(tmp_path / "points.npy")}}
    experiment = from_plain(Experiment, POINTS | {"data": POINTS["data"] | source})
    folder = str(tmp_path / "run")
    run = idm.train(experiment, folder, device="cpu", listener=SILENT)
    assert idm.load(folder).checkpoint == run.checkpoint == open_checkpoint(folder).path
    assert latest_checkpoint(folder) is not None
    assert verify_run(folder) == [verify_checkpoint(str(run.checkpoint))]
    assert resolve(Experiment(), file=f"{folder}/experiment.yaml") == run.experiment


@pytest.mark.parametrize("name", ["a.png", "made/b.png"])
def test_pictures_and_pages_are_written_to_paths_given_as_text(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    codec, x = Codec.quantized("uint8", 256), torch.zeros(1, 1, 4, 4)
    picture = Image.new("RGB", (2, 2))
    written = [
        save_grid(name, x, codec),
        save_picture(name, picture),
        save_animation("c.gif", [picture]),
        Page("title", "lead").write("d.html"),
        write_atomically("e", b""),
        *save_singles("singles", codec.decode(x), codec),
    ]
    assert all(path.is_file() for path in written)
