"""Features of a DINOv2 (Oquab et al. 2023) in a folder of config.json and model.safetensors; none of its code is run.

Tensors have the names that the published folders give them. What is compared is the class token after the last norm, of
images of 224 x 224, as Stein et al. (2023) do.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.metrics.features.network_file import Batched, in_colours
from idm.metrics.features.own import OwnFeatures

CONFIG, WEIGHTS = "config.json", "model.safetensors"
LARGEST_CONFIG_BYTES = 2**20
VERSION = "DINOv2, class token, 224 x 224"
SIDE = 224
"""Pixels that images are brought to."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours that the network was trained on, in [0, 1]."""

PUBLISHED = "https://huggingface.co/facebook/dinov2-large"
"""Where such a folder is to be had."""

CLASS, REGISTERS, POSITIONS = (f"embeddings.{name}" for name in ("cls_token", "register_tokens", "position_embeddings"))
PATCHES = "embeddings.patch_embeddings.projection"


@final
@dataclass(frozen=True, eq=False)
class DINOv2:
    """A vision transformer, as a function of its weights.

    Attributes:
        weights: tensors by their published names.
        num_heads: of attention.
        epsilon: of the norms.
    """

    weights: Mapping[str, Tensor]
    num_heads: int
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return the class token [n, d] of images [n, c, h, w] in [-1, 1], grey or in colours.

        Raises:
            SettingsError: other samples than images.
        """
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise SettingsError(
                f"features: images, grey or in colours, wanted for a DINOv2, got samples of {tuple(x.shape[1:])}; take "
                "features=random"
            )
        patches = F.conv2d(_shown(x), self.weights[f"{PATCHES}.weight"], self.weights[f"{PATCHES}.bias"], self._patch)
        rows, columns = patches.shape[2:]
        tokens = torch.cat([self.weights[CLASS].expand(len(x), -1, -1), patches.flatten(2).mT], dim=1)
        tokens = tokens + self._positions(rows, columns)
        if REGISTERS in self.weights:
            registers = self.weights[REGISTERS].expand(len(x), -1, -1)
            tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        layer = 0
        while f"encoder.layer.{layer}.norm1.weight" in self.weights:
            tokens = self._layer(tokens, f"encoder.layer.{layer}.")
            layer += 1
        return self._norm(tokens[:, 0], "layernorm")

    @property
    def _patch(self) -> int:
        return self.weights[f"{PATCHES}.weight"].shape[-1]

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Return what tells places apart, interpolated from the grid of the size that it was trained on.

        Networks with registers (Darcet et al. 2024) were published with a smoothed interpolation, the others without.
        """
        known = self.weights[POSITIONS]
        side = round((known.shape[1] - 1) ** 0.5)
        grid = known[:, 1:].mT.unflatten(2, (side, side))
        smooth = REGISTERS in self.weights
        fitted = F.interpolate(grid, (rows, columns), mode="bicubic", align_corners=False, antialias=smooth)
        return torch.cat([known[:, :1], fitted.flatten(2).mT], dim=1)

    def _layer(self, x: Tensor, name: str) -> Tensor:
        seen = self._norm(x, f"{name}norm1")
        parts = (self._linear(seen, f"{name}attention.attention.{part}") for part in ("query", "key", "value"))
        query, key, value = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.weights[f"{name}layer_scale1.lambda1"] * self._linear(mixed, f"{name}attention.output.dense")
        return x + self.weights[f"{name}layer_scale2.lambda1"] * self._perceptron(self._norm(x, f"{name}norm2"), name)

    def _perceptron(self, x: Tensor, name: str) -> Tensor:
        if f"{name}mlp.weights_in.weight" in self.weights:  # the largest has a gate
            gate, value = self._linear(x, f"{name}mlp.weights_in").chunk(2, dim=-1)
            return self._linear(F.silu(gate) * value, f"{name}mlp.weights_out")
        return self._linear(F.gelu(self._linear(x, f"{name}mlp.fc1")), f"{name}mlp.fc2")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias, self.epsilon)


def _shown(x: Tensor) -> Tensor:
    """Bring images to the size and the colours that the network wants."""
    unit = (0.5 * in_colours(x) + 0.5).clamp(0.0, 1.0)
    sized = F.interpolate(unit, size=(SIDE, SIDE), mode="bicubic", align_corners=False, antialias=True)
    mean, deviation = (sized.new_tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return (sized.clamp(0.0, 1.0) - mean) / deviation


def features_in_folder(name: str, device: torch.device) -> OwnFeatures:
    """Read a DINOv2 from a folder; its hash is that of the file of weights.

    Args:
        name: path of the folder.
        device: where to compute.

    Raises:
        DataError: there is no such folder, or no DINOv2 in it.
    """
    folder = Path(name)
    config, weights = folder / CONFIG, folder / WEIGHTS
    for file in (config, weights):
        if not file.is_file():
            raise DataError(
                f"features={name}: a folder of a DINOv2 wanted, {CONFIG} and {WEIGHTS}, got {kind_at(file)} at "
                f"{file.name}; nothing is downloaded: get both from {PUBLISHED}, say"
            )
    try:
        words = _words(config)
        tensors = {key.removeprefix("dinov2."): value.float().to(device) for key, value in load_file(weights).items()}
        network = DINOv2(tensors, _heads(words, tensors), float(words["layer_norm_eps"]))
    except (OSError, LookupError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise DataError(
            f"features={name}: a folder of a DINOv2 wanted, got another ({one_line(error)}); get one from {PUBLISHED}"
        ) from error
    with weights.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return OwnFeatures(folder.resolve().name, Batched(network, device), VERSION, sha256)


def _words(config: Path) -> dict[str, Any]:
    with config.open("rb") as stream:
        words = json.loads(stream.read(LARGEST_CONFIG_BYTES))
    if not isinstance(words, dict) or not str(words.get("model_type")).startswith("dinov2"):
        raise ValueError(f"no DINOv2 in {CONFIG}")
    return words


def _heads(words: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> int:
    heads, width = words["num_attention_heads"], tensors[CLASS].shape[-1]
    if type(heads) is not int or heads < 1 or width % heads:
        raise ValueError(f"attention heads that divide {width} wanted")
    return heads
