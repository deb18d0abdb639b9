"""The demonstrations on real data run, on made-up data of the same kind; their baselines are what algebra says."""

import gzip
import json
import math
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from scipy.io import netcdf_file

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch):
    def load(name: str) -> ModuleType:
        return import_module(name)

    monkeypatch.syspath_prepend(EXAMPLES)
    return load


def figures_in(out: Path, picture: str) -> dict[str, str]:
    with Image.open(out / picture) as image:
        assert min(image.size) > 30
    figures = json.loads((out / "figures.json").read_text())
    assert all(math.isfinite(float(str(value).split()[0])) for value in figures.values())
    return figures


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4) for size in values.shape) + values.tobytes()


def write_netcdf(path: Path, axes: dict[str, int], variables: dict[str, np.ndarray], units: str) -> Path:
    with netcdf_file(path, "w") as file:
        for axis, size in axes.items():
            file.createDimension(axis, size)
        for name, values in variables.items():
            variable = file.createVariable(name, "f4", tuple(axes))
            variable[:], variable.units, variable.missing_value = values, units, np.float32(-1e10)
    return path


def test_ecg(example, tmp_path: Path) -> None:
    ecg = example("ecg")
    times = np.arange(3_000)
    values = 1_000 + 200 * np.sin(times / 20) + np.random.default_rng(0).normal(0, 3, len(times))
    with (tmp_path / "ecg.dat").open("wb") as file:
        np.savez(file, ecg=values.astype(np.uint16))
    ecg.main(tmp_path / "ecg.dat", tmp_path / "out", num_steps=2, window=32, budget=4)
    figures = figures_in(tmp_path / "out", "ecg.png")
    assert figures["samples scored"] == 9
    assert "diffusion less autoregression of order 4" in figures
    np.savez(tmp_path / "other.npz", ecg=values - 2_000)
    with pytest.raises(ValueError, match="0 to 2047"):
        ecg.read_ecg(tmp_path / "other.npz")


def test_an_autoregression_finds_the_entropy_of_its_own_law(example) -> None:
    rng, values = np.random.default_rng(0), np.zeros(20_000)
    noise = 5 * rng.standard_t(4, len(values))
    for i in range(2, len(values)):
        values[i] = 1.6 * values[i - 1] - 0.7 * values[i - 2] + noise[i]
    whole = np.rint(values + 1_000).astype(np.int64)
    bits = example("ecg").autoregression_bits(whole[:16_000], whole[16_000:], 4)
    assert len(bits) == 4_000
    # Rounding three values moves the residual by less than its own scale: little above the entropy of the t.
    entropy = stats.t(4, scale=5).entropy() / math.log(2)
    assert entropy - 0.05 < bits.mean() < entropy + 0.1


def test_fashion(example, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("t10k", 20)):
        pixels, classes = rng.integers(0, 256, (count, 8, 8), np.uint8), np.arange(count, dtype=np.uint8) % 10
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(classes)))
    fashion, out = example("fashion"), tmp_path / "out"
    fashion.main(tmp_path, out, num_steps=2, num=6, budget=4)
    assert figures_in(out, "fashion.png")["samples scored"] == 6
    seen = np.array([[0], [0], [7]], np.uint8)  # three images of one pixel: 2.5 and 1.5 of 3 + 128 counts
    found = fashion.histogram_bits(seen, np.array([[0], [7], [9]], np.uint8))
    assert np.allclose(found, -np.log2(np.array([2.5, 1.5, 0.5]) / 131))
    apart = fashion.by_class(seen, np.array([0, 1, 1]), seen, np.array([0, 1, 1]))
    assert np.allclose(apart, -np.log2([1.5 / 129, 1.5 / 130, 1.5 / 130]))


def test_winds(example, tmp_path: Path) -> None:
    axes = {"time": 132, "lat": 16, "lon": 32}
    fields = {name: np.random.default_rng(i).normal(0, 4, (132, 16, 32)) for i, name in enumerate(("UWND", "VWND"))}
    path = write_netcdf(tmp_path / "winds.cdf", axes, fields, "M/S")
    winds = example("winds")
    windows, years = winds.cut(winds.read_winds(path))
    assert windows.shape == (132 * 3, 2, 16, 16)
    assert np.array_equal(np.bincount(years), [36] * 11)
    assert np.array_equal(windows[4, 1], np.rint(10 * fields["VWND"][1, :, 8:24].astype(np.float32)))
    winds.main(path, tmp_path / "out", num_steps=2, num=4, budget=4)
    figures = figures_in(tmp_path / "out", "winds.png")
    assert figures["windows trained on"] == 10 * 36


def test_ocean(example, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    axes = {"ZAXLEVITR": 20, "YAXLEVITR": 180, "XAXLEVITR": 360}
    temperature = np.full(tuple(axes.values()), -1e10, np.float32)
    salinity = temperature.copy()
    temperature[:, 40:60, 100:120], salinity[:, 40:60, 100:120] = 10.0, 35.0
    temperature[:16, 40:60, 100:120] += rng.normal(0, 1, (16, 20, 20))
    salinity[:, 45] = 40.0  # saltier than is allowed for
    path = write_netcdf(tmp_path / "ocean.cdf", axes, {"TEMP": temperature, "SALT": salinity}, "")
    ocean = example("ocean")
    profiles, blocks = ocean.read_profiles(path)
    assert profiles.shape == (380, 2, 16)
    assert set(blocks) == {154, 155, 190, 191}
    assert abs(ocean.in_units(profiles)[0, 0] - temperature[:16, 40, 100]).max() <= 0.0251
    ocean.main(path, tmp_path / "out", num_steps=2, num=8, budget=4)
    assert figures_in(tmp_path / "out", "ocean.png")["samples scored"] == 8


def test_a_gaussian_finds_the_entropy_of_its_own_law(example) -> None:
    covariance = 100 * np.array([[4.0, 1.8], [1.8, 1.0]])
    drawn = np.rint(np.random.default_rng(0).multivariate_normal([3, -5], covariance, 12_000)).astype(np.int16)
    bits = example("scored").gaussian_bits(drawn[:6_000], drawn[6_000:])
    entropy = 0.25 * math.log2((2 * math.pi * math.e) ** 2 * np.linalg.det(covariance))
    assert abs(bits.mean() - entropy) < 4 * bits.std() / len(bits) ** 0.5 + 0.01


def test_emoji(example, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for drawing in range(12):
        for tone in ("", "-1f3fb", "-1f3fc"):
            pixels = rng.integers(0, 256, (16, 16, 4), np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"1f4{drawing:02x}{tone}.png")
    emoji, out = example("emoji"), tmp_path / "out"
    emoji.main(tmp_path, out, num_steps=2, num=2, budget=4)
    trained_on = int(figures_in(out, "emoji.png")["drawings trained on"])
    assert trained_on < 36
    assert trained_on % 3 == 0


def test_relief(example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heights = np.random.default_rng(0).normal(0, 900, (132, 257)).cumsum(0).clip(-9_000, 9_000)
    path = write_netcdf(tmp_path / "relief.cdf", {"lat": 132, "lon": 257}, {"ROSE": heights}, "METERS")
    relief = example("relief")
    fine = relief.read_relief(path)
    assert fine.shape == (128, 256)
    assert abs(20 * fine - heights[2:-2, :-1]).max() <= 10.01
    assert relief.coarse_of(fine)[3, 5] == fine[24:32, 40:48].mean(dtype=np.float32)
    for name, value in (("SHRINKS", (0.1,)), ("DRAWS", 3), ("STRIDE", 16)):
        monkeypatch.setattr(relief, name, value)
    relief.main(path, tmp_path / "out", num_steps=4, num=4, shown=4)
    figures = figures_in(tmp_path / "out", "relief.png")
    assert figures["samples scored"] == 4
    assert "CRPS of diffusion less interpolation" in figures


def test_a_regression_on_means_is_the_law_of_a_gaussian_given_these(example) -> None:
    relief, rng = example("relief"), np.random.default_rng(0)
    # Blocks of 8 x 8 are flat but for noise: given its mean a block is that mean, with the noise's own deviation 3.
    blocks = rng.normal(0, 50, (3_000, 4, 4)).repeat(8, 1).repeat(8, 2)
    fine = np.rint(blocks + rng.normal(0, 3, blocks.shape)).astype(np.int16)
    found = relief.baselines(fine[:2_800], fine[2_800:])
    known = np.log2(3 * math.sqrt(2 * math.pi * math.e))  # bits of a value; 16 of 1,024 are told by the means
    assert known - 0.2 < found["regression"].bits.mean() < known + 0.3
    assert found["interpolation"].bits.mean() > found["regression"].bits.mean()
    draws = found["regression"].draws(50)
    assert relief.scores(fine[2_800:2_850], draws)["spread, m"].mean() == pytest.approx(20 * 3, rel=0.1)
