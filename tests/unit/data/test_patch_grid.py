"""Patches lie at equal distances, and those of different blocks share no place."""

import numpy as np
import pytest

from idm.data.cutting import slabs
from idm.data.patch_grid import MOST_BLOCKS, PatchGrid


def test_patches_side_by_side_begin_at_multiples_of_their_size():
    grid = PatchGrid.of((10, 7), (3, 2), (3, 2), in_blocks=False)
    assert (grid.counts, len(grid)) == ((3, 3), 9)
    assert grid.firsts_of(np.arange(9)).tolist() == [[y, x] for y in (0, 3, 6) for x in (0, 2, 4)]
    assert grid.num_covered == 9 * 6


def test_a_raster_among_others_is_one_block_and_loses_no_patch():
    grid = PatchGrid.of((20,), (8,), (4,), in_blocks=False)
    assert grid.firsts[0].tolist() == [0, 4, 8, 12]
    assert grid.blocks[0].tolist() == [0, 0, 0, 0]
    assert grid.num_covered == 20


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_about_as_many_blocks_as_wanted_are_made_of_a_large_raster(axes):
    grid = PatchGrid.of((1_000,) * axes, (2,) * axes, (2,) * axes, in_blocks=True)
    distinct = np.prod([len(set(blocks.tolist())) for blocks in grid.blocks])
    assert distinct == MOST_BLOCKS
    assert len(grid) == 500**axes  # patches that do not overlap are all kept


@pytest.mark.parametrize(
    ("space", "wanted"), [((64, 100_000), (1, 64)), ((128, 100_000), (1, 64)), ((100_000, 25_000), (16, 4))]
)
def test_blocks_of_oblong_rasters_are_about_square(space, wanted):
    grid = PatchGrid.of(space, (64, 64), (64, 64), in_blocks=True)
    assert tuple(len(set(blocks.tolist())) for blocks in grid.blocks) == wanted


@pytest.mark.parametrize(("length", "size", "stride"), [(200, 16, 4), (200, 16, 15), (97, 5, 1), (64, 60, 1)])
def test_blocks_keep_on_average_twice_what_one_loses(length, size, stride):
    grid = PatchGrid.of((length,), (size,), (stride,), in_blocks=True)
    overlapped = sum(0 < later < size for later in range(stride, length, stride))
    num_blocks, every = int(grid.blocks[0][-1]) + 1, (length - size) // stride + 1
    assert grid.num_divided == every - len(grid) == (num_blocks - 1) * overlapped
    assert num_blocks == 1 or len(grid) >= 2 * overlapped * num_blocks


@pytest.mark.parametrize(
    ("length", "size", "stride"), [(200, 16, 16), (200, 16, 4), (200, 16, 15), (97, 5, 1), (64, 60, 1), (30, 7, 9)]
)
def test_no_place_is_in_patches_of_two_blocks(length, size, stride):
    grid = PatchGrid.of((length,), (size,), (stride,), in_blocks=True)
    owner = np.full(length, -1)
    for first, block in zip(grid.firsts[0].tolist(), grid.blocks[0].tolist(), strict=True):
        assert first % stride == 0
        assert first + size <= length
        assert set(owner[first : first + size].tolist()) <= {-1, block}
        owner[first : first + size] = block
    assert np.count_nonzero(owner >= 0) == grid.num_covered
    every = (length - size) // stride + 1
    assert len(grid) >= every / 2  # what blocks cost


@pytest.mark.parametrize(("space", "most"), [((7, 5, 4), 40), ((7, 5, 4), 8), ((7, 5, 4), 1), ((9,), 4), ((3, 2), 100)])
def test_slabs_make_up_a_space_and_are_as_small_as_wanted(space, most):
    counts = np.zeros(space, int)
    for window in slabs(space, most):
        assert counts[window].size <= most
        counts[window] += 1
    assert (counts == 1).all()


def test_slabs_of_no_axes_are_one():
    assert list(slabs((), 0)) == [()]
