"""Features of networks in files and folders, beside what the networks say themselves."""

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


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class LikeInception(nn.Module):
    """What the network of FID takes: colours from 0 to 255, and a flag without which it says other things."""

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        if return_features:
            return img.mean((2, 3))
        return torch.zeros(1, 1)


def test_torchscript_is_called_with_samples_and_known_by_the_hash_of_its_file(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Means()), str(tmp_path / "means.pt"))
    found = find_features(str(tmp_path / "means.pt"), IMAGES)
    torch.testing.assert_close(found(IMAGES), IMAGES.double().mean((2, 3)), rtol=1e-6, atol=1e-7)
    sha256 = hashlib.sha256((tmp_path / "means.pt").read_bytes()).hexdigest()
    assert (found.name, found.version, found.sha256) == ("means.pt", "torch.jit.save", sha256)


def test_the_network_of_fid_sees_three_colours_of_256_levels(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(LikeInception()), str(tmp_path / "inception.pt"))
    levels = torch.tensor([0.0, 100.0, 255.0]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    found = find_features(str(tmp_path / "inception.pt"), IMAGES)(levels / 127.5 - 1)
    torch.testing.assert_close(found, torch.tensor([[0.0] * 3, [100.0] * 3, [255.0] * 3]).double())


def test_an_exported_program_is_called_with_any_number_of_samples(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=1000)
    program = torch.export.export(Means(), (IMAGES,), dynamic_shapes={"x": {0: batch}})
    torch.export.save(program, tmp_path / "means.pt2")
    found = find_features(str(tmp_path / "means.pt2"), IMAGES)
    many = IMAGES.repeat(20, 1, 1, 1)
    torch.testing.assert_close(found(many), many.double().mean((2, 3)), rtol=1e-6, atol=1e-7)
    assert found.version == "torch.export.save"


def test_a_program_of_one_number_of_samples_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    path = tmp_path / "fixed.pt2"
    torch.export.save(torch.export.export(Means(), (IMAGES,)), path)
    with pytest.raises(
        DataError, match=r"any number of samples wanted, got one of 5 alone; .* dynamic first"
    ) as refused:
        find_features(str(path), IMAGES)
    advice = str(refused.value).rpartition("dynamic_shapes=")[2]
    assert advice == '({0: torch.export.Dim("n", min=1)},)'
    shapes = ({0: torch.export.Dim("n", min=1)},)
    torch.export.save(torch.export.export(Means(), (IMAGES,), dynamic_shapes=shapes), path)
    found = find_features(str(path), IMAGES)
    assert [len(found(IMAGES.repeat(13, 1, 1, 1)[:number])) for number in (1, 64, 65)] == [1, 64, 65]


@pytest.mark.parametrize("name", ["none.pt", "none.pt2", "folder/none"])
def test_what_is_missing_is_told_with_where_to_get_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"got nothing there.*nothing is downloaded.*get .*from https://"):
        find_features(str(tmp_path / name), IMAGES)


@pytest.mark.parametrize("name", ["damaged.pt", "damaged.pt2"])
def test_another_file_is_refused_in_a_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK not a network")
    with pytest.raises(DataError, match=r"a network that torch\..* wrote wanted, got another file") as raised:
        find_features(str(tmp_path / name), IMAGES)
    assert "\n" not in str(raised.value)


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


@torch.no_grad()
def test_a_dinov2_is_the_transformer_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dinov2, "SIDE", PATCH * GRID)  # as large as it was trained on, so that nothing is resized
    weights = published()
    x = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    shown = (0.5 * x + 0.5 - mean) / deviation
    patches = shown.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
    projection = weights["embeddings.patch_embeddings.projection.weight"].flatten(1)
    tokens = patches @ projection.T + weights["embeddings.patch_embeddings.projection.bias"]
    tokens = torch.cat([weights["embeddings.cls_token"].expand(4, -1, -1), tokens], 1)
    tokens = tokens + weights["embeddings.position_embeddings"]
    for layer in range(LAYERS):
        tokens = layer_of_torch(weights, layer)(tokens)
    norm = nn.LayerNorm(WIDTH, eps=1e-6)
    norm.load_state_dict({"weight": weights["layernorm.weight"], "bias": weights["layernorm.bias"]})
    found = DINOv2(weights, HEADS, 1e-6)(x)
    torch.testing.assert_close(found, norm(tokens[:, 0]), rtol=1e-4, atol=1e-5)


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
