"""What is compared of samples."""

import sys
from pathlib import Path

import pytest
import torch

from idm.core.errors import DataError, SettingsError, UnknownNameError
from idm.metrics import FeatureExtractor
from idm.metrics.features import find_features

DATA = torch.randn(9, 2, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "size"), [("pca", 8), ("pca:3", 3), ("values", 72), ("random", 96)])
def test_features_do_not_depend_on_what_else_is_seen(name: str, size: int) -> None:
    found = find_features(name, DATA)
    assert isinstance(found, FeatureExtractor)
    whole = found(DATA)
    assert whole.shape == (9, size)
    torch.testing.assert_close(torch.cat([found(DATA[:2]), found(DATA[2:])]), whole, rtol=1e-6, atol=1e-6)
    again = find_features(name, DATA)
    assert (again.name, again.version, again.sha256) == (found.name, found.version, found.sha256)


def test_random_convolutions_are_those_of_channels_and_axes_alone() -> None:
    one, other, signals = (find_features("random", x) for x in (DATA, 2 * DATA + 1, DATA.flatten(2)))
    assert one.sha256 == other.sha256 != signals.sha256
    assert signals(DATA.flatten(2)).shape == (9, 96)


def test_random_convolutions_see_a_constant_as_a_mean_without_deviation_far_from_the_edges() -> None:
    found = find_features("random", torch.ones(1, 1, 40))(torch.ones(1, 1, 400))
    deviation_of_first = found[0, 16:32]
    kernel_sums = find_features("random", torch.ones(1, 1, 40)).weights[0].sum((1, 2)).double()
    mean = torch.where(kernel_sums > 0, kernel_sums, 0.2 * kernel_sums)
    torch.testing.assert_close(found[0, :16], mean, rtol=0.1, atol=0.05)
    assert float(deviation_of_first.max()) < 0.2


def test_points_have_no_convolutions_and_unknown_names_are_refused() -> None:
    with pytest.raises(SettingsError, match="features: samples with a spatial axis wanted for random"):
        find_features("random", DATA.flatten(1))
    with pytest.raises(UnknownNameError, match="features"):
        find_features("inception", DATA)
    with pytest.raises(UnknownNameError, match=r"features\.number"):
        find_features("values:3", DATA)


OWN = """
import torch
def mean(x):
    return x.flatten(1).mean(1, keepdim=True)
mean.version = 3
def flat(x):
    return x.mean()
def fails(x):
    raise RuntimeError("no")
class Net:
    sha256 = "abc"
    def __call__(self, x):
        return x.flatten(1)[:, :2]
"""


def test_features_of_ones_own_are_imported_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_features.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        mean, net = (find_features(f"own_features:{name}", DATA) for name in ("mean", "Net"))
        assert (mean.name, mean.version, net.sha256) == ("own_features:mean", "3", "abc")
        torch.testing.assert_close(mean(DATA)[:, 0], DATA.double().mean((1, 2, 3)), rtol=1e-6, atol=1e-7)
        assert net(DATA).shape == (9, 2)
        for name, said in (("flat", r"a tensor \[9, d\] wanted"), ("fails", "got RuntimeError")):
            with pytest.raises(DataError, match=said):
                find_features(f"own_features:{name}", DATA)(DATA)
        with pytest.raises(DataError, match="a function wanted"):
            find_features("own_features:none", DATA)
    finally:
        sys.modules.pop("own_features", None)
