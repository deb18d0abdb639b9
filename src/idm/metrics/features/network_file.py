"""Features of a network in a file: TorchScript, or a program that ``torch.export`` wrote.

To open such a file runs code that it holds. So whoever computes names it, and no run or other file does. Nothing is
downloaded.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor
from torch.export import ExportedProgram

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.metrics.features.own import OwnFeatures

SAMPLES_PER_CALL = 64
"""Samples that the network sees together."""

WITH_FEATURES = "return_features"
"""What the network of FID has in TorchScript: an argument that asks for features, of images of 0 to 255."""

COLOURS = 3

INCEPTION = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"
"""Where the network of FID is to be had in TorchScript."""


@final
@dataclass(frozen=True, eq=False)
class Batched:
    """Calls a network a few samples at a time.

    Attributes:
        network: of samples [n, c, *space].
        device: where it computes.
    """

    network: Callable[[Tensor], Tensor]
    device: torch.device

    def __call__(self, x: Tensor) -> Tensor:
        """Return its features [n, d], on the CPU."""
        parts = x.to(torch.float32).split(SAMPLES_PER_CALL)
        return torch.cat([self.network(part.to(self.device)).flatten(1).cpu() for part in parts])


def features_in_file(name: str, device: torch.device) -> OwnFeatures:
    """Open a network in a file and run it; its version is the kind of file, its hash that of the file.

    It is called with float32 samples [n, c, *space] in the model's range, and returns a tensor with a row for each. The
    Inception of FID, which is known by its argument ``return_features``, is shown colours from 0 to 255 as it wants.

    Args:
        name: path of a file with one of the suffixes in ``OPENERS``.
        device: where to compute.

    Raises:
        DataError: there is no such file, it cannot be opened, or it takes one number of samples alone.
    """
    path = Path(name)
    kind, opened = OPENERS[path.suffix.lower()]
    if not path.is_file():
        raise DataError(
            f"features={name}: a network in a file ({kind}) wanted, got {kind_at(path)}; nothing is downloaded: get "
            f"the Inception of FID from {INCEPTION}, or save a network of your own"
        )
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        network = opened(path, device)
    except DataError:
        raise
    except Exception as error:  # what the file holds may raise anything
        raise DataError(
            f"features={name}: a network that {kind} wrote wanted, got another file ({one_line(error)}); save it anew"
        ) from error
    return OwnFeatures(path.name, Batched(network, device), kind, sha256)


def _script(path: Path, device: torch.device) -> Callable[[Tensor], Tensor]:
    module: Any = torch.jit.load(str(path), map_location=device).eval()
    known = {argument.name for argument in module.forward.schema.arguments}
    return partial(_as_inception, module) if WITH_FEATURES in known else module


def _as_inception(module: Callable[..., Tensor], x: Tensor) -> Tensor:
    return module((127.5 * (in_colours(x) + 1.0)).round().clamp(0, 255), return_features=True)


def in_colours(x: Tensor) -> Tensor:
    """Repeat grey images for three colours; return others as they are."""
    return x.expand(-1, COLOURS, *x.shape[2:]) if x.shape[1] == 1 else x


def _exported(path: Path, device: torch.device) -> Callable[[Tensor], Tensor]:
    program = torch.export.load(path)
    _refuse_one_number(path, program)
    module: Any = program.module()
    return module.to(device)


def _refuse_one_number(path: Path, program: ExportedProgram) -> None:
    """Refuse a program that takes one number of samples alone, as the last ones are fewer.

    Raises:
        DataError: it does.
    """
    first = next(iter(program.graph_signature.user_inputs))
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.name == first]
    if isinstance(shapes[0][0], int):
        raise DataError(
            f"features={path}: a program of any number of samples wanted, got one of {shapes[0][0]} alone; export it "
            'with a dynamic first axis: dynamic_shapes=({0: torch.export.Dim("n", min=1)},)'
        )


OPENERS: Mapping[str, tuple[str, Callable[[Path, torch.device], Callable[[Tensor], Tensor]]]] = {
    ".pt": ("torch.jit.save", _script),
    ".ts": ("torch.jit.save", _script),
    ".pt2": ("torch.export.save", _exported),
}
"""What wrote a file, by its suffix, and what opens it."""
