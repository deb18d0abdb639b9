"""Patches are the same whatever is read together, and few reads give those that lie beside each other."""

import numpy as np
import pytest

from idm.data import SOURCES
from idm.data.patch_bands import bands_of, read_patches
from idm.data.patches import Patches

RASTER = np.random.default_rng(0).integers(0, 250, (2, 24, 40)).astype(np.uint8)


@pytest.fixture
def source(tmp_path):
    np.save(tmp_path / "a.npy", RASTER[None])
    return SOURCES.build("arrays", {"path": str(tmp_path / "a.npy"), "channels": "first"})


@pytest.mark.parametrize("stride", [3, 8, 11])
def test_windows_in_any_order_are_slices(source, stride):
    places = np.array([(y, x) for y in range(0, 20, stride) for x in range(0, 32, stride)])
    firsts = np.random.default_rng(1).permutation(np.concatenate([places, places[:3]]))
    found = read_patches(source, 0, firsts, (4, 8))
    np.testing.assert_array_equal(found, np.stack([RASTER[:, y : y + 4, x : x + 8] for y, x in firsts]))


def test_a_row_of_patches_is_one_band_and_distant_ones_are_single():
    row = list(bands_of(np.array([[4, x] for x in (16, 0, 8)]), 8))
    assert [(band.first, band.length, sorted(band.members.tolist())) for band in row] == [((4, 0), 24, [0, 1, 2])]
    apart = list(bands_of(np.array([[0, 0], [0, 900], [5, 0]]), 8))
    assert [(band.first, band.length) for band in apart] == [((0, 0), 8), ((0, 900), 8), ((5, 0), 8)]
    signal = list(bands_of(np.array([[8], [0], [16]]), 8))
    assert [(band.first, band.length) for band in signal] == [((0,), 24)]


def test_going_through_all_patches_takes_a_read_for_each_row(source, monkeypatch):
    reads: list[int] = []
    own = source.read_windows

    def counted(index, firsts, size):
        reads.append(len(firsts))
        return own(index, firsts, size)

    monkeypatch.setattr(source, "read_windows", counted)
    assert sum(len(block) for block in Patches(source, 8).blocks()) == 3 * 5
    assert sum(reads) == 3
