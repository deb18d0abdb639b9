"""Weight files: where the state dict may lie, and what is refused in one line."""

import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.interop.openai import unet_from_flags
from idm.interop.weights import locate_weights, read_weights, refuse_other_weights, usable

from ...hostile import cheap

SMALL = {"image_size": 32, "num_channels": 4, "num_res_blocks": 1, "num_heads": 2}
"""Flags of a small network."""


def stored(shift: float = 0.0) -> dict[str, Tensor]:
    return {"a.weight": torch.full((2,), shift), "b.weight": torch.full((3,), 1.0 + shift)}


def prefixed(prefix: str, shift: float = 0.0) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in stored(shift).items()}


OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4}]}


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (stored(), ""),
        (OrderedDict(stored()), ""),
        (prefixed("module."), "names without 'module.'"),
        (prefixed("module._orig_mod."), "names without 'module._orig_mod.'"),
        ({"model": stored(), "epoch": 3}, "entry 'model'"),
        ({"state_dict": prefixed("module."), "optimizer": OPTIMIZER}, "entry 'state_dict', names without 'module.'"),
        ({"model_state_dict": stored(), "ema": 0.999}, "entry 'model_state_dict'"),
        ({"model": stored(9), "ema": stored()}, "entry 'ema', not 'model'"),
        ({"ema_model": stored(), "model": stored(9)}, "entry 'ema_model', not 'model'"),
        ({"model": {"state_dict": stored()}}, "entry 'model.state_dict'"),
        (
            {
                "model": stored(9),
                "ema": {**prefixed("online_model.", 9), **prefixed("ema_model."), "step": torch.ones(1)},
            },
            "entry 'ema', not 'model', names without 'ema_model.'",
        ),
        ({"net": stored(9), "net_ema": stored()}, "entry 'net_ema', not 'net'"),
        (
            {"model": stored(9), "ema_0.999": stored(8), "ema_0.9999": stored(), "step": 7},
            "entry 'ema_0.9999', not 'ema_0.999', not 'model'",
        ),
        ({**stored(), "step": 7}, ""),
        ({**stored(), "step": torch.tensor(7)}, ""),
        ({"state_dict": {**prefixed("model."), "betas": torch.ones(5)}}, "entry 'state_dict', names without 'model.'"),
        (
            {"state_dict": {**prefixed("net.", 9), **prefixed("net_ema."), "lpips.c.weight": torch.ones(1)}},
            "entry 'state_dict', names without 'net_ema.'",
        ),
        ({"module": prefixed("model.module.")}, "entry 'module', names without 'model.module.'"),
    ],
)
def test_the_state_dict_is_found_and_an_average_taken(tmp_path: Path, content: Any, note: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    found = locate_weights(tmp_path / "w.pt")
    assert found.note == note
    assert {name: value.tolist() for name, value in found.tensors.items()} == {
        "a.weight": [0.0, 0.0],
        "b.weight": [1.0, 1.0, 1.0],
    }
    assert read_weights(tmp_path / "w.pt").keys() == found.tensors.keys()


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ({**stored(), "pos_embed": torch.ones(1)}, ["pos_embed"]),
        ({**stored(), "pos_embed": torch.ones(1), "alphas_cumprod": torch.ones(1), "step": 3}, ["pos_embed"]),
        (
            {**prefixed("net."), "vae.c.weight": torch.ones(1), "pos_embed": torch.ones(1)},
            ["vae.c.weight", "pos_embed"],
        ),
        ({**prefixed("model."), **prefixed("unet.more.")}, ["unet.more.a.weight", "unet.more.b.weight"]),
        ({**prefixed("module.net."), "module.vae.c.weight": torch.ones(1)}, ["vae.c.weight"]),
        ({**prefixed("model."), "model_ema.decay": torch.ones(1), "model_ema.aweight": torch.ones(1)}, []),
        ({**prefixed("net."), "loss.logvar": torch.ones(1), "loss.c.d.weight": torch.ones(1)}, []),
    ],
)
def test_what_no_network_here_has_keeps_its_name_and_is_refused_by_it(
    tmp_path: Path, content: Any, kept: list[str]
) -> None:
    torch.save(content, tmp_path / "w.pt")
    found = read_weights(tmp_path / "w.pt")
    assert found.keys() == {*stored(), *kept}
    refused = pytest.raises(CheckpointError, match=r"unknown \(" + ", ".join(map(re.escape, kept)))
    with refused if kept else nullcontext():
        refuse_other_weights(tmp_path / "w.pt", found, stored())


def test_names_that_come_with_and_without_a_prefix_are_left_as_they_are(tmp_path: Path) -> None:
    torch.save({**prefixed("module."), "a.weight": torch.ones(2)}, tmp_path / "w.pt")
    assert read_weights(tmp_path / "w.pt").keys() == {"module.a.weight", "module.b.weight", "a.weight"}


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(prefixed("module."), tmp_path / "w.safetensors")
    assert read_weights(tmp_path / "w.safetensors").keys() == stored().keys()


RAW = {
    "empty.pt": b"",
    "text.pt": b"hello",
    "stack.pt": b"\x80\x02e.",
    "items.pt": b"\x80\x02}u.",
    "call.pt": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "deep.pt": b"\x80\x02" + b"}X\x05\x00\x00\x00model" * 20_000 + b"}" + b"s" * 20_000 + b".",
    "code.pt": pickle.dumps(print),
    "empty.safetensors": b"",
    "text.safetensors": b"hello",
    "header.safetensors": b"\xff" * 16,
    "list.safetensors": (8).to_bytes(8, "little") + b"[1,2,3] ",
    "long.safetensors": (66).to_bytes(8, "little")
    + b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,8]}}',
}


@pytest.mark.parametrize("name", RAW)
def test_files_that_are_damaged_or_something_else_are_refused_in_a_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(RAW[name])
    with pytest.raises(CheckpointError, match=rf"{name}: a state dict .* wanted, got a damaged file") as error:
        locate_weights(tmp_path / name)
    assert len(error.value.lines) == 1


@pytest.mark.parametrize("kept", [1, 100, 0.5, -1])
def test_files_that_are_cut_off_are_refused(tmp_path: Path, kept: float) -> None:
    torch.save(stored(), tmp_path / "w.pt")
    whole = (tmp_path / "w.pt").read_bytes()
    (tmp_path / "w.pt").write_bytes(whole[: int(kept * len(whole)) if kept == 0.5 else int(kept)])
    with pytest.raises(CheckpointError, match="got a damaged file"):
        locate_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (3, "got int;"),
        ([1, 2], "got list;"),
        (torch.zeros(3), "got Tensor;"),
        ({}, "got an empty dict;"),
        ({1: torch.zeros(2)}, r"got a dict of 1 \(Tensor\);"),
        ({"a": torch.zeros(2), "b": 3}, r"got a dict of 'a' \(Tensor\), 'b' \(int\);"),
        (
            {"optimizer": OPTIMIZER, "x": 1, "y": 2, "z": 3},
            r"got a dict of 'optimizer' \(dict\), 'x' \(int\), 'y' \(int\), \.\.\.;",
        ),
        ({"model": {"model": {"model": {"model": {"model": stored()}}}}}, r"got a dict of 'model' \(dict\);"),
        ({"ema": [stored()]}, r"got a dict of 'ema' \(list\);"),
    ],
)
def test_what_holds_no_state_dict_is_refused_with_what_it_holds(tmp_path: Path, content: Any, told: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"tensors by name, such as time_embed\.0\.weight\) wanted, " + told):
        locate_weights(tmp_path / "w.pt")


def test_folders_are_no_weights(tmp_path: Path) -> None:
    (tmp_path / "w.pt").mkdir()
    with pytest.raises(CheckpointError, match="got a folder; check the path"):
        locate_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda value: value.to(torch.int32), "got int32 in b.weight"),
        (lambda value: value > 0, "got bool in b.weight"),
        (lambda value: value.to(torch.complex64), "got complex64 in b.weight"),
        (lambda value: value.to_sparse(), "got a sparse tensor in b.weight"),
        (lambda value: value * float("nan"), "got NaN or infinity in b.weight"),
        (lambda value: value.double() * 1e300, "got NaN or infinity in b.weight"),
        (lambda value: torch.ones(1).expand(value.shape), "got fewer numbers than its shape has in b.weight"),
        (lambda value: value.to("meta"), "got fewer numbers than its shape has in b.weight"),
    ],
)
def test_weights_that_are_no_finite_numbers_are_refused(change: Callable[[Tensor], Tensor], told: str) -> None:
    weights = stored() | {"b.weight": change(stored()["b.weight"])}
    with pytest.raises(CheckpointError, match=f"weights w.pt: finite floating-point numbers wanted, {told}"):
        usable(Path("w.pt"), weights)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32_in_memory_of_their_own(dtype: torch.dtype) -> None:
    whole = torch.arange(4, dtype=dtype)
    found = usable(Path("w.pt"), {"a": whole[:2], "b": whole[2:]})
    assert [value.tolist() for value in found.values()] == [[0.0, 1.0], [2.0, 3.0]]
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert {value.untyped_storage().nbytes() for value in found.values()} == {8}


def network(**flags: Any) -> dict[str, Tensor]:
    with torch.device("meta"):
        return unet_from_flags(SMALL | flags).state_dict()


def resblock_updown() -> dict[str, Tensor]:
    """Names of guided-diffusion's network whose residual blocks change the resolution."""
    return {name.replace(".op.", ".in_layers.0."): value for name, value in network().items()}


def classifier() -> dict[str, Tensor]:
    return {name: value for name, value in network().items() if not name.startswith("output_blocks")}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (resblock_updown, r"got a network that changes the resolution by residual blocks \(resblock_updown\)"),
        (classifier, "got a classifier"),
        (lambda: {"conv_in.weight": torch.ones(1), "down_blocks.0.resnets.0.x": torch.ones(1)}, "network of diffusers"),
        (lambda: {"init_conv.weight": torch.ones(1), "downs.0.0.x": torch.ones(1)}, "denoising-diffusion-pytorch"),
        (lambda: network(learn_sigma=True), "instead of .*; check the flags, learn_sigma first"),
        (lambda: network(class_cond=True), r"1 unknown \(label_emb\.weight\); check the flags, class_cond first"),
        (lambda: network(attention_resolutions="16"), "check the flags, attention_resolutions first"),
        (lambda: network(num_channels=8), "check the flags, num_channels first"),
        (lambda: network(num_res_blocks=2), "check the flags, num_res_blocks and image_size first"),
        (lambda: network(use_scale_shift_norm=False), "check the flags, use_scale_shift_norm first"),
    ],
)
def test_weights_of_another_network_are_refused_with_what_they_are_or_the_flag_to_look_at(
    found: Callable[[], dict[str, Tensor]], told: str
) -> None:
    with pytest.raises(CheckpointError, match=told) as error:
        refuse_other_weights(Path("w.pt"), found(), network())
    assert len(error.value.lines) == 1


def test_the_names_that_were_found_and_expected_are_told() -> None:
    with pytest.raises(
        CheckpointError, match=r"missing \(time_embed\.0\.weight, .* 2 unknown \(a\.weight, b\.weight\)"
    ):
        refuse_other_weights(Path("w.pt"), stored(), network())


def endless_tuple() -> bytes:
    """A pickle of a dict, whose name is a tuple that holds another one twice, and so on, 60 deep: of 2**60 parts."""
    twice = b"".join(b"h%c\x86q%c" % (number, number + 1) for number in range(60))
    return b"\x80\x02})q\x00" + twice + b"K\x01s."


LEGACY = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
"""What stands before the pickle of the content in a file of the older kind."""


def legacy(path: Path, content: bytes) -> None:
    path.write_bytes(LEGACY + content + pickle.dumps([], 2))


def archive(path: Path, content: bytes, name: str = "data.pkl", compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "a", compression) as file:
        for member, text in {name: content, "version": b"3", "byteorder": b"little"}.items():
            file.writestr(f"weights/{member}", text)


def behind(path: Path, content: bytes) -> None:
    """A file of the older kind, at whose end an archive begins."""
    legacy(path, content)
    archive(path, b"\x80\x02}.")


ENDLESS, BYTEARRAY = "tuples within tuples without end", b"\x80\x02c%s\nbytearray\nJ\x00\x00\x00\x10\x85R."
DEEP = b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s."
LONG = b"\x80\x02]" + b"N0" * 2**22 + b"."
ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "endless": (lambda path: archive(path, endless_tuple()), ENDLESS),
    "endless, legacy": (lambda path: legacy(path, endless_tuple()), ENDLESS),
    "endless, before an archive": (lambda path: behind(path, endless_tuple()), ENDLESS),
    "endless, in capitals": (lambda path: archive(path, endless_tuple(), "DATA.PKL"), ENDLESS),
    "deep": (lambda path: archive(path, DEEP), ENDLESS),
    "bytearray": (lambda path: archive(path, BYTEARRAY % b"builtins"), "a bytearray"),
    "bytearray, of Python 2": (lambda path: archive(path, BYTEARRAY % b"__builtin__"), "a bytearray"),
    "bytearray, legacy": (lambda path: legacy(path, BYTEARRAY % b"builtins"), "a bytearray"),
    "compressed": (lambda path: archive(path, LONG, compression=zipfile.ZIP_DEFLATED), "a compressed archive"),
    "long": (lambda path: archive(path, LONG), r"8,388,612 bytes, of which more than 8,388,608 are no numbers"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_costs_far_more_than_its_size_is_refused_by_name_before_it_is_made(tmp_path: Path, kind: str) -> None:
    path, (write, told) = tmp_path / "weights.pt", ODD[kind]
    write(path)
    with pytest.raises(CheckpointError, match=f"a state dict .* wanted, got {told}") as error:
        cheap(lambda: read_weights(path))
    assert len(error.value.lines) == 1


def test_a_long_pickle_of_the_older_kind_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idm.interop.pickles.LARGEST_PICKLE_BYTES", 1_000)
    legacy(tmp_path / "w.pt", pickle.dumps({"model": {}, "more": [0.5] * 200}, 2))
    with pytest.raises(CheckpointError, match="of which more than 1,000 are no numbers"):
        read_weights(tmp_path / "w.pt")
    legacy(tmp_path / "w.pt", pickle.dumps({"model": stored()}, 2)[:10] + bytes(2_000))
    with pytest.raises(CheckpointError, match="got a damaged file"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("legacy", [False, True])
def test_what_torch_saves_has_no_such_names(tmp_path: Path, legacy: bool) -> None:
    network = unet_from_flags(SMALL)
    optimizer = torch.optim.AdamW(network.parameters())
    content = {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "sizes": [(1, 2)] * 1000}
    content |= {"losses": tuple(range(20_000)), "steps": [tuple(range(2_000))] * 10}
    torch.save(content, tmp_path / "all.pt", _use_new_zipfile_serialization=not legacy)
    assert read_weights(tmp_path / "all.pt").keys() == network.state_dict().keys()
