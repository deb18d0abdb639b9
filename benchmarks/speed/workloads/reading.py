"""Batches of images from a folder of files, beside torch's DataLoader around Pillow."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from idm.bench.harness import Contestant
from idm.bench.table import Plan, Row, Table
from idm.data import Codec, Dataset, ImageFolder, batch_indices

NUM_IMAGES, SIZE, BATCH = 512, 64, 64
PLAIN, WORKERS, OURS = "DataLoader", "DataLoader, a worker per processor", "idm"


def reading(folder: Path) -> list[Plan]:
    """The first epoch, for which the folder is opened, and a later one; no size of network takes part."""
    return [partial(_first_epoch, folder / "images"), partial(_later_epoch, folder / "images")]


def _first_epoch(folder: Path) -> Table:
    _write_images(folder)
    return _table("first epoch", folder, lambda: _epoch(_open(folder), 0))


def _later_epoch(folder: Path) -> Table:
    _write_images(folder)
    dataset = _open(folder)
    return _table("later epoch, ours from memory,", folder, lambda: _epoch(dataset, 1))


def _table(which: str, folder: Path, ours: Contestant) -> Table:
    workers = os.cpu_count() or 1
    rows = {PLAIN: Row(_loader(folder, 0)), WORKERS: Row(_loader(folder, workers)), OURS: Row(ours)}
    title = f"{which} of {NUM_IMAGES} PNG files, {SIZE} x {SIZE}, batch {BATCH}"
    return Table("reading", title, rows, images=NUM_IMAGES)


def _open(folder: Path) -> Dataset:
    source = ImageFolder(folder)
    return Dataset(source, Codec.fit(source), np.arange(len(source)))


def _epoch(dataset: Dataset, number: int) -> int:
    steps = NUM_IMAGES // BATCH
    order = (batch_indices(0, number * steps + step, BATCH, len(dataset)) for step in range(steps))
    return sum(len(x) for x, _ in dataset.batches(order))


class PlainImages(TorchDataset[Tensor]):
    """Files, opened one by one."""

    def __init__(self, folder: Path) -> None:
        """List the files."""
        self.files = sorted(folder.iterdir())

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        """Return an image [c, h, w] in [-1, 1]."""
        with Image.open(self.files[index]) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
        return torch.from_numpy(pixels / 127.5 - 1.0).permute(2, 0, 1)


def _loader(folder: Path, workers: int) -> Callable[[], int]:
    loader = DataLoader(
        PlainImages(folder), batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda: sum(len(x) for x in loader)


def _write_images(folder: Path) -> None:
    """Write smooth random pictures, which compress about as well as photographs; once."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(NUM_IMAGES):
        coarse = Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = smooth + generator.integers(-4, 5, smooth.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{i:04d}.png")
