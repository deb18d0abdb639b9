"""Features of a DINOv2, beside a transformer of torch with the same weights."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from idm.core.errors import DataError, SettingsError
from idm.metrics.features import dinov2, find_features
from idm.metrics.features.dinov2 import DINOv2

IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1

WIDTH, HEADS, LAYERS, PATCH, GRID = 12, 3, 2, 4, 3


def drawn(*shape: int, seed: int) -> Tensor:
    return 0.3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def published() -> dict[str, Tensor]:
    """Weights of a small DINOv2, under the names that published ones have."""
    shapes = {
        "embeddings.cls_token": (1, 1, WIDTH),
        "embeddings.position_embeddings": (1, 1 + GRID**2, WIDTH),
        "embeddings.patch_embeddings.projection.weight": (WIDTH, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "layernorm.weight": (WIDTH,),
        "layernorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        norms = [f"norm{i}.{part}" for i in (1, 2) for part in ("weight", "bias")]
        of_layer = dict.fromkeys((*norms, "layer_scale1.lambda1", "layer_scale2.lambda1"), (WIDTH,))
        for name in ("attention.attention.query", "attention.attention.key", "attention.attention.value"):
            of_layer |= {f"{name}.weight": (WIDTH, WIDTH), f"{name}.bias": (WIDTH,)}
        of_layer |= {"attention.output.dense.weight": (WIDTH, WIDTH), "attention.output.dense.bias": (WIDTH,)}
        of_layer |= {"mlp.fc1.weight": (4 * WIDTH, WIDTH), "mlp.fc1.bias": (4 * WIDTH,)}
        of_layer |= {"mlp.fc2.weight": (WIDTH, 4 * WIDTH), "mlp.fc2.bias": (WIDTH,)}
        shapes |= {f"encoder.layer.{layer}.{name}": shape for name, shape in of_layer.items()}
    return {name: drawn(*shape, seed=number) for number, (name, shape) in enumerate(shapes.items())}


def layer_of_torch(weights: dict[str, Tensor], layer: int) -> nn.TransformerEncoderLayer:
    """The same layer by torch, which has no scales of its own: they are in the last linear maps of either half."""
    made = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="gelu", norm_first=True, batch_first=True, layer_norm_eps=1e-6
    )
    own = {name.removeprefix(f"encoder.layer.{layer}."): value for name, value in weights.items()}
    first, second = own["layer_scale1.lambda1"], own["layer_scale2.lambda1"]
    asked = [f"attention.attention.{part}" for part in ("query", "key", "value")]
    made.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([own[f"{name}.weight"] for name in asked]),
            "self_attn.in_proj_bias": torch.cat([own[f"{name}.bias"] for name in asked]),
            "self_attn.out_proj.weight": first[:, None] * own["attention.output.dense.weight"],
            "self_attn.out_proj.bias": first * own["attention.output.dense.bias"],
            "linear1.weight": own["mlp.fc1.weight"],
            "linear1.bias": own["mlp.fc1.bias"],
            "linear2.weight": second[:, None] * own["mlp.fc2.weight"],
            "linear2.bias": second * own["mlp.fc2.bias"],
            **{f"norm{i}.{part}": own[f"norm{i}.{part}"] for i in (1, 2) for part in ("weight", "bias")},
        }
    )
    return made.eval()


def features_of(weights: dict[str, Tensor], x: Tensor, positions: Tensor, layers: list[nn.Module]) -> Tensor:
    """The class token of images that are as large as the network sees them, of positions that are those of its grid."""
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    shown = (0.5 * x + 0.5 - mean) / deviation
    patches = shown.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
    projection = weights["embeddings.patch_embeddings.projection.weight"].flatten(1)
    tokens = patches @ projection.T + weights["embeddings.patch_embeddings.projection.bias"]
    tokens = torch.cat([weights["embeddings.cls_token"].expand(len(x), -1, -1), tokens], 1) + positions
    registers = weights.get("embeddings.register_tokens", torch.zeros(1, 0, WIDTH))  # they have no place
    tokens = torch.cat([tokens, registers.expand(len(x), -1, -1)], 1)  # nor any order
    for layer in layers:
        tokens = layer(tokens)
    norm = nn.LayerNorm(WIDTH, eps=1e-6)
    norm.load_state_dict({"weight": weights["layernorm.weight"], "bias": weights["layernorm.bias"]})
    return norm(tokens[:, 0])


def images(side: int) -> Tensor:
    return torch.rand(4, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def test_a_dinov2_is_the_transformer_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dinov2, "SIDE", PATCH * GRID)  # as large as it was trained on, so that nothing is resized
    weights, x = published(), images(PATCH * GRID)
    layers = [layer_of_torch(weights, layer) for layer in range(LAYERS)]
    expected = features_of(weights, x, weights["embeddings.position_embeddings"], layers)
    torch.testing.assert_close(DINOv2(weights, HEADS, 1e-6)(x), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("num_registers", "left"), [(0, 1.0), (4, 1.0 / 9.0)])
def test_positions_of_a_larger_grid_are_picked_and_of_one_with_registers_smoothed(
    monkeypatch: pytest.MonkeyPatch, num_registers: int, left: float
) -> None:
    """A grid of 15 x 15 is brought to 5 x 5: each place of these lies on the middle of 3 x 3 of those.

    Picked, the middle one stays as it is. Smoothed, weights are those of the cubic kernel w(j / 3) along either axis:
    its shifts by whole numbers add up to 1, so that these add up to 3, and w(0) = 1 keeps a third; w(1) = w(2) = 0.
    What is the same everywhere stays, either way.
    """
    monkeypatch.setattr(dinov2, "SIDE", PATCH * 5)
    weights, x = published(), images(PATCH * 5)
    same, one = drawn(WIDTH, seed=100), drawn(WIDTH, seed=101)
    of_class = drawn(1, 1, WIDTH, seed=102)
    wide, narrow = same.repeat(15, 15, 1), same.repeat(5, 5, 1)
    wide[7, 7] += one
    narrow[2, 2] += left * one
    stored, expected = (torch.cat([of_class, grid.flatten(0, 1)[None]], 1) for grid in (wide, narrow))
    weights["embeddings.position_embeddings"] = stored
    if num_registers:
        weights["embeddings.register_tokens"] = drawn(1, num_registers, WIDTH, seed=103)
    layers = [layer_of_torch(weights, layer) for layer in range(LAYERS)]
    found = DINOv2(weights, HEADS, 1e-6)(x)
    torch.testing.assert_close(found, features_of(weights, x, expected, layers), rtol=1e-4, atol=1e-5)
    without = {name: value for name, value in weights.items() if name != "embeddings.register_tokens"}
    moved = float((found - DINOv2(without, HEADS, 1e-6)(x)).abs().max())
    assert (moved > 1e-3) == bool(num_registers)


@torch.no_grad()
def test_a_perceptron_with_a_gate_multiplies_its_second_half_by_swish_of_its_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dinov2, "SIDE", PATCH * GRID)
    hidden, weights, x, layers = 8, published(), images(PATCH * GRID), list[nn.Module]()

    def gated(both: Tensor) -> Tensor:
        gate, value = both[..., :hidden], both[..., hidden:]
        return gate / (1.0 + torch.exp(-gate)) * value

    for layer in range(LAYERS):
        made, name = layer_of_torch(weights, layer), f"encoder.layer.{layer}."
        for part in ("weight", "bias"):
            del weights[f"{name}mlp.fc1.{part}"], weights[f"{name}mlp.fc2.{part}"]
        inward, outward = drawn(2 * hidden, WIDTH, seed=200 + layer), drawn(WIDTH, hidden, seed=210 + layer)
        of_in, of_out = drawn(2 * hidden, seed=220 + layer), drawn(WIDTH, seed=230 + layer)
        weights |= {f"{name}mlp.weights_in.weight": inward, f"{name}mlp.weights_in.bias": of_in}
        weights |= {f"{name}mlp.weights_out.weight": outward, f"{name}mlp.weights_out.bias": of_out}
        scale = weights[f"{name}layer_scale2.lambda1"]
        made.linear1, made.linear2 = nn.Linear(WIDTH, 2 * hidden), nn.Linear(hidden, WIDTH)
        made.linear1.load_state_dict({"weight": inward, "bias": of_in})
        made.linear2.load_state_dict({"weight": scale[:, None] * outward, "bias": scale * of_out})
        made.activation, made.activation_relu_or_gelu = gated, 0  # else torch takes its own in one piece
        layers.append(made)
    expected = features_of(weights, x, weights["embeddings.position_embeddings"], layers)
    torch.testing.assert_close(DINOv2(weights, HEADS, 1e-6)(x), expected, rtol=1e-4, atol=1e-5)


def test_a_folder_of_a_dinov2_is_read_and_sees_images_of_any_size(tmp_path: Path) -> None:
    save_file(published(), tmp_path / "model.safetensors")
    about = {"model_type": "dinov2", "num_attention_heads": HEADS, "layer_norm_eps": 1e-6}
    (tmp_path / "config.json").write_text(json.dumps(about))
    found = find_features(str(tmp_path), IMAGES)
    assert found(IMAGES).shape == (5, WIDTH)
    assert found.sha256 == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    torch.testing.assert_close(found(IMAGES.expand(-1, 3, -1, -1)), found(IMAGES))
    with pytest.raises(SettingsError, match="images, grey or in colours, wanted"):
        found(torch.zeros(2, 1, 9))
    (tmp_path / "config.json").write_text(json.dumps(about | {"num_attention_heads": 5}))
    with pytest.raises(DataError, match="attention heads that divide 12 wanted"):
        find_features(str(tmp_path), IMAGES)
