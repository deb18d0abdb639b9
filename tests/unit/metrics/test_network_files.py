"""Features of networks in files, beside what the networks say themselves."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from idm.core.errors import DataError
from idm.metrics.features import find_features

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
