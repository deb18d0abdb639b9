"""Conditions beside patches: the same place is cut from both, whatever the split, and with other data, too."""

import numpy as np
import pytest
import torch

from idm.core.errors import DataError
from idm.core.progress import SILENT
from idm.run import load, open_data, open_data_to_score
from idm.run.other_conditions import read_conditions
from idm.settings import from_plain
from idm.settings.experiment import DataSettings
from idm.tasks import train

FINE = np.arange(24 * 36, dtype=np.float32).reshape(1, 24, 36)
"""Each place of a map has its own value, so that a patch tells where it was cut."""


def means(fine, factor=2):
    *others, height, width = fine.shape
    blocks = fine.reshape(*others, height // factor, factor, width // factor, factor)
    return blocks.mean(axis=(-3, -1), dtype=np.float32)


def plain(folder, condition=None, **changes):
    """Settings of patches of 8 x 8 in one map beside one of half its size, both arrays without an axis of samples."""
    one = {"name": "arrays", "samples": "whole", "channels": "first"}
    of_condition = one | {"path": str(folder / "coarse.npy")} | (condition or {})
    source = one | {"path": str(folder / "fine.npy")}
    return {"source": source, "condition": of_condition, "patch_size": 8, "held_out": 0.25} | changes


def opened(folder, condition=None, **changes):
    return open_data(from_plain(DataSettings, plain(folder, condition, **changes)))


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "fine.npy", FINE)
    np.save(tmp_path / "coarse.npy", means(FINE))
    return tmp_path


def parts_of(data):
    """Patches of each part and their conditions, in their own units."""
    for part in (data.train, data.held_out):
        x, y = part.batch(np.arange(len(part)))
        yield data.spec.codec.decode(x), data.spec.condition.codec.decode(y)


@pytest.mark.parametrize("changes", [{}, {"patch_stride": 4}, {"patch_stride": [2, 6]}, {"random_flip": True}])
def test_a_patch_has_the_condition_of_its_own_place_on_both_sides_of_the_split(folder, changes):
    data = opened(folder, **changes)
    assert data.spec.condition.shape == (1, 4, 4)
    assert len(data.held_out) > 0
    for fine, coarse in parts_of(data):
        np.testing.assert_allclose(coarse, means(fine), atol=0.05)


def test_rasters_have_the_condition_of_their_name_and_number_of_patches_with_missing_values_is_kept(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    maps = [FINE[0] + 1000 * number for number in range(4)]
    maps[1][3, 3] = np.nan
    for part in ("fine", "coarse"):
        (tmp_path / part).mkdir()
    for number, values in enumerate(maps):
        tifffile.imwrite(tmp_path / "fine" / f"{number}.tif", values)
        tifffile.imwrite(tmp_path / "coarse" / f"{number}.tif", np.nan_to_num(means(values)))
    tifffile.imwrite(tmp_path / "coarse" / "7.tif", means(FINE[0]) - 5000)  # of no raster
    source = {"name": "tiff", "path": str(tmp_path / "fine"), "missing": "skip"}
    condition = {"name": "tiff", "path": str(tmp_path / "coarse")}
    data = open_data(
        from_plain(DataSettings, {"source": source, "condition": condition, "patch_size": 8, "held_out": 0.25})
    )
    assert len(data.train) + len(data.held_out) == 4 * 3 * 4 - 1
    for fine, coarse in parts_of(data):
        np.testing.assert_allclose(coarse, means(fine), atol=0.3)
    holes = np.where(np.isnan(means(maps[1])), np.nan, means(maps[2])).astype(np.float32)
    tifffile.imwrite(tmp_path / "coarse" / "2.tif", holes)
    told = {"source": source, "condition": condition | {"missing": "skip"}, "patch_size": 8, "held_out": 0.25}
    with pytest.raises(DataError, match=r"got 1 of 47 patches that miss some; set data\.condition\.missing=fill$"):
        open_data(from_plain(DataSettings, told))
    told["condition"]["missing"] = "fill"
    assert open_data(from_plain(DataSettings, told)).spec.condition.shape == (1, 4, 4)


@pytest.mark.parametrize(
    ("coarse", "changes", "said"),
    [
        (
            FINE[:, ::5, ::5],
            {},
            r"^data\.condition: beside patches, rasters of the size .*\(24, 36\).* got \(5, 8\); crop",
        ),
        (np.repeat(FINE, 2, 2), {}, r"^data\.condition: beside patches, rasters .*, got \(24, 72\); crop or resize"),
        (
            means(FINE),
            {"patch_size": 9},
            r"^data\.patch_size: multiples of \[2,2\] wanted, .*; set data\.patch_size to",
        ),
        (means(FINE), {"patch_stride": 3}, r"^data\.patch_stride: multiples of \[2,2\] wanted, .* got \[3,3\]; set"),
        (
            np.concatenate([means(FINE)] * 2),
            {"condition": {"samples": "entries", "channels": "none"}},
            r"got 2 \(array of .*\); give as many$",
        ),
    ],
)
def test_what_cannot_be_cut_alike_is_refused_in_a_line_that_says_what_to_do(folder, coarse, changes, said):
    np.save(folder / "coarse.npy", coarse)
    with pytest.raises(DataError, match=said) as caught:
        opened(folder, **changes)
    assert len(caught.value.lines) == 1


def test_conditions_may_be_finer_along_one_axis_and_that_is_said(folder):
    np.save(folder / "coarse.npy", FINE[:, ::2])
    data = opened(folder)
    assert data.spec.condition.shape == (1, 4, 8)
    for fine, coarse in parts_of(data):
        np.testing.assert_allclose(coarse, fine[:, :, ::2], atol=0.05)
    assert any("4 x 8 places beside 8 x 8 of samples are enlarged by 2 and 1" in line for line in data.remarks)


@pytest.fixture
def run(experiment, folder):
    settings = experiment(data=plain(folder), training__label_dropout=0.0)
    train(settings, folder / "run", device="cpu", listener=SILENT)
    return load(folder / "run", device="cpu")


def test_other_rasters_are_cut_beside_theirs_and_samples_are_drawn_for_patches_of_coarse_ones(run, folder):
    np.save(folder / "others.npy", FINE[:, :16, :24])
    np.save(folder / "theirs.npy", means(FINE[:, :16, :24]))
    data = open_data_to_score(run, folder / "others.npy", condition=folder / "theirs.npy")
    assert len(data.held_out) == 6
    for fine, coarse in list(parts_of(data))[1:]:
        np.testing.assert_allclose(coarse, means(fine), atol=0.05)
    read = read_conditions(run, folder / "theirs.npy", most=9)
    expected = means(FINE[:, :16, :24]).reshape(2, 4, 3, 4).swapaxes(1, 2).reshape(6, 1, 4, 4)
    np.testing.assert_allclose(np.stack([one.values for one in read]), expected, atol=0.05)
    assert run.sample(2, condition=expected[:2]).shape == (2, 1, 8, 8)
    np.save(folder / "theirs.npy", means(FINE))
    with pytest.raises(DataError, match=r"conditions of shape \(1, 8, 12\) or larger wanted, got \(1, 12, 18\)"):
        open_data_to_score(run, folder / "others.npy", condition=folder / "theirs.npy")


def test_a_condition_of_one_sample_needs_no_axis_of_samples(run, folder):
    patch = means(FINE)[:, :4, 4:8]
    for values in (patch, patch[0], patch[None]):
        np.save(folder / "one.npy", values)
        (found,) = read_conditions(run, folder / "one.npy", most=9)
        np.testing.assert_allclose(found.values, patch, atol=0.05)
    assert torch.is_tensor(run.sample(1, condition=patch)) or run.sample(1, condition=patch).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("coarse", "channels", "said"),
    [
        (np.zeros((1, 3)), "first", r"of 0; save them as an array \[n, channels, 1, 1\]$"),
        (
            np.zeros((1, 1, 12, 18)),
            "none",
            r"of 3; save .* \[n, channels, size, size\], or set .*channels=first or last",
        ),
        (
            np.zeros((1, 12, 18)),
            "first",
            r"of 1; save .* \[n, channels, size, 1\], or set data\.condition\.channels=none",
        ),
    ],
)
def test_fields_of_other_axes_are_refused_with_the_layout_that_has_the_right_ones(folder, coarse, channels, said):
    np.save(folder / "coarse.npy", coarse + np.arange(coarse.shape[-1], dtype=np.float32))
    with pytest.raises(DataError, match=said):
        opened(folder, {"samples": "entries", "channels": channels})


@pytest.mark.parametrize("count", [1, 5])
def test_arrays_of_two_axes_are_signals_beside_patches_of_signals(tmp_path, count):
    fine = np.arange(count * 256, dtype=np.float32).reshape(count, 1, 256)
    coarse = fine.reshape(count, 64, 4).mean(axis=2)
    np.save(tmp_path / "fine.npy", fine)
    np.save(tmp_path / "coarse.npy", coarse)
    both = [{"name": "arrays", "path": str(tmp_path / f"{part}.npy")} for part in ("fine", "coarse")]
    told = {"source": both[0], "condition": both[1], "patch_size": 64, "held_out": 0}
    data = open_data(from_plain(DataSettings, told))
    x, y = data.train.batch(np.arange(len(data.train)))
    assert y.shape == (4 * count, 1, 16)
    pairs = data.spec.codec.decode(x).reshape(-1, 16, 4).mean(axis=2), data.spec.condition.codec.decode(y)[:, 0]
    np.testing.assert_allclose(pairs[1], pairs[0], atol=0.1)
    np.save(tmp_path / "coarse.npy", np.concatenate([coarse] * 2))
    with pytest.raises(DataError, match=rf"got {2 * count} \(array of shape \({2 * count}, 64\), read as .*\); give"):
        open_data(from_plain(DataSettings, told))
