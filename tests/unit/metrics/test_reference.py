"""Reference statistics in files, and features that are kept: they are read as written, and nothing is believed."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from idm.core.errors import DataError
from idm.metrics import Evidence, Frechet, Identity, Labelled, Moments, Reference, moments_of, read_reference
from idm.metrics.features import FEATURES, FeatureCache, PrincipalComponents, Values, find_features, parts_of, restored
from idm.metrics.features.cache import read_moments, write_moments
from idm.storage.fit_file import hash_of

ROWS = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 100.0


def test_moments_that_come_in_pieces_are_those_of_the_whole() -> None:
    found = moments_of(iter(ROWS.split(7)))
    assert found is not None
    assert found.num == 40
    np.testing.assert_allclose(found.mean.numpy(), ROWS.numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance.numpy(), np.cov(ROWS.numpy().T), rtol=1e-9, atol=1e-12)
    assert moments_of(iter([])) is None
    assert moments_of(iter([ROWS[:1]])) is None
    assert moments_of(iter([torch.zeros(3, 5000)])) is None


def test_the_distance_from_moments_is_that_of_gaussians() -> None:
    # Of two Gaussians on a line: (m_1 - m_2)^2 + (s_1 - s_2)^2.
    x = torch.tensor([[1.0], [3.0]], dtype=torch.float64)  # mean 2, variance 2
    moments = Moments(torch.tensor([5.0]), torch.tensor([[8.0]]), 1_000)
    (figure,) = Frechet().measure(Evidence(Labelled(x), features=Values(), moments=moments))
    assert figure.name == "frechet_moments"
    assert figure.value == pytest.approx(9.0 + 2.0)
    assert "2 samples and the moments of 1,000 real" in figure.note
    assert figure.null is None
    every = Moments(torch.tensor([6.0]), torch.tensor([[8.0]]), 50_000)  # of samples, of which the rows are some
    (figure,) = Frechet().measure(Evidence(Labelled(x), features=Values(), moments=moments, drawn_moments=every))
    assert figure.value == pytest.approx(1.0)
    assert "50,000 samples and the moments of 1,000 real" in figure.note


def made(**changes: Any) -> Reference:
    components = PrincipalComponents.of(torch.randn(9, 1, 2, 2, generator=torch.Generator().manual_seed(1)), 3)
    given: dict[str, Any] = {
        "identity": Identity.of(components),
        "shape": (1, 2, 2),
        "codec": {"dtype": "float32"},
        "data": "contents=abc",
        "rows": ROWS.float(),
        "moments": moments_of([ROWS]),
        "fitted": parts_of(components),
    }
    return Reference(**given | changes)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    reference, path = made(), tmp_path / "statistics.safetensors"
    path.write_bytes(reference.to_bytes())
    found = read_reference(path)
    assert (found.identity, found.shape, found.codec, found.data) == (
        reference.identity,
        (1, 2, 2),
        {"dtype": "float32"},
        "contents=abc",
    )
    assert found.rows is not None
    assert found.moments is not None
    torch.testing.assert_close(found.rows, ROWS.float(), rtol=0, atol=0)
    assert (found.num_features, found.moments.num) == (3, 40)
    again = restored("pca", (1, 2, 2), found.fitted)
    assert again is not None
    assert Identity.of(again) == reference.identity
    assert restored("mine:features", (1, 2, 2), {}) is None


def test_features_of_a_file_that_do_not_suit_its_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="components of 9 values wanted"):
        restored("pca", (1, 3, 3), made().fitted)
    with pytest.raises(KeyError):
        restored("pca", (1, 2, 2), {})
    with pytest.raises(ValueError, match="at most 4,096 channels"):
        restored("random", (10**9, 2), {})


NO_TENSORS: dict[str, Tensor] = {}
DAMAGED = {
    "no features": ({"rows": None, "mean": None, "covariance": None}, {}),
    "rows of features": ({"rows": torch.zeros(3)}, {}),
    "as many features as moments": ({"rows": torch.zeros(5, 4)}, {}),
    "a mean and a covariance": ({"covariance": torch.zeros(2, 2)}, {}),
    "a symmetric covariance": ({"covariance": torch.arange(9.0).view(3, 3)}, {}),
    "is not finite": ({"rows": torch.full((5, 3), torch.nan)}, {}),
    "tensors of float32 or float64": ({"rows": torch.zeros(5, 3, dtype=torch.int64)}, {}),
    "a shape of samples": ({}, {"shape": [1, -2]}),
    "samples of fewer values": ({}, {"shape": [1, 10**9]}),
    "the number of samples": ({}, {"num": "many"}),
    "a short text": ({}, {"data": "x" * 5_000}),
    "of another format": ({}, {"format": 2}),
}


@pytest.mark.parametrize("said", DAMAGED)
def test_a_file_whose_parts_do_not_fit_is_refused_in_a_line(tmp_path: Path, said: str) -> None:
    path, (tensors, words) = tmp_path / "statistics.safetensors", DAMAGED[said]
    path.write_bytes(made().to_bytes())
    header = path.read_bytes()
    size = int.from_bytes(header[:8], "little")
    known = json.loads(json.loads(header[8 : 8 + size])["__metadata__"]["reference"])
    parts = {name: value for name, value in (load_file(path) | tensors).items() if value is not None}
    save_file(parts, path, {"reference": json.dumps(known | {"sha256": hash_of(parts)} | words)})
    with pytest.raises(DataError, match="reference statistics wanted, got another file") as raised:
        read_reference(path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no safetensors at all", b"\xff" * 100])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="reference statistics wanted"):
        read_reference(tmp_path / "a.safetensors")
    save_file({"rows": torch.zeros(3, 3)}, tmp_path / "b.safetensors")
    with pytest.raises(DataError, match="reference statistics wanted"):
        read_reference(tmp_path / "b.safetensors")


def test_features_are_made_once_for_the_same_data_and_extractor(tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> Tensor:
        calls.append(1)
        return ROWS

    cache, size = FeatureCache(tmp_path / "kept"), (40, 3)
    components = PrincipalComponents.of(ROWS, 2)
    for data in ("a", "a", "b"):
        torch.testing.assert_close(
            cache.rows(components, partial(dict, data=data), size, make), ROWS.float(), rtol=0, atol=0
        )
    assert len(calls) == 2
    for _ in range(2):  # whatever has no hash may be other code by now
        cache.rows(Values(), partial(dict, data="a"), size, make)
        FeatureCache().rows(components, partial(dict, data="a"), size, make)
    assert len(calls) == 6
    for path in (tmp_path / "kept").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    cache.rows(components, partial(dict, data="a"), size, make)
    assert len(calls) == 7


def test_moments_are_read_as_they_were_written_and_not_from_a_file_of_anything_else(tmp_path: Path) -> None:
    path, found = tmp_path / "moments.safetensors", moments_of([ROWS])
    assert found is not None
    write_moments(path, found.mean, found.covariance)
    read = read_moments(path, 3)
    assert read is not None
    torch.testing.assert_close(read[0], ROWS.double().mean(0), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(read[1], torch.cov(ROWS.double().T), rtol=1e-12, atol=1e-12)
    assert read_moments(path, 2) is None
    assert read_moments(tmp_path / "none", 3) is None
    for mean, covariance in ((ROWS[0].float(), found.covariance), (found.mean, found.covariance * torch.nan)):
        write_moments(path, mean, covariance)
        assert read_moments(path, 3) is None


@pytest.mark.parametrize("name", FEATURES)
def test_all_features_of_the_package_are_found_again_by_what_a_file_says_of_them(name: str) -> None:
    data = torch.randn(9, 2, 4, 4, generator=torch.Generator().manual_seed(2))
    made = find_features(name, data)
    again = restored(made.name, (2, 4, 4), parts_of(made))
    assert again is not None
    assert Identity.of(again) == Identity.of(made)
    torch.testing.assert_close(again(data), made(data), rtol=0, atol=0)
