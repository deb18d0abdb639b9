"""Patches on either side of a split share no place, and none is thrown away for a split that is not made."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.data.patches import Patches
from idm.run.data import open_data
from idm.run.held_out import split
from idm.run.opened_source import open_source
from idm.settings.data import DataSettings, SourceSettings


@pytest.mark.parametrize(("size", "stride"), [(4, 0), (4, 1), (6, 4)])
def test_held_out_patches_of_the_only_raster_share_no_place_with_the_others(tmp_path, size, stride):
    np.save(tmp_path / "a.npy", np.zeros((1, 1, 60, 64), np.uint8))
    settings = DataSettings(SourceSettings("arrays", {"path": str(tmp_path / "a.npy")}), patch_size=size)
    found = Patches(settings.source.build(), size, stride)
    parts = split(settings, found)
    assert 0.02 * len(found) < len(parts.held_out) < 0.25 * len(found)
    seen = np.zeros((2, 60, 64), bool)
    for side, indices in enumerate((parts.train, parts.held_out)):
        columns = found.columns_of(indices)
        for y, x in zip(columns["y"], columns["x"], strict=True):
            seen[side, y : y + size, x : x + size] = True
    assert not (seen[0] & seen[1]).any()


def test_patches_of_one_raster_are_on_one_side_of_the_split(tmp_path):
    for number in range(6):
        np.save(tmp_path / f"{number}.npy", np.zeros((22, 30), np.uint8))
    settings = DataSettings(
        SourceSettings("array_folder", {"path": str(tmp_path), "channels": "none"}), held_out=0.3, patch_size=5
    )
    found = Patches(settings.source.build(), 5, 2)
    parts = split(settings, found)
    sides = [set(found.columns_of(indices)["raster"]) for indices in (parts.train, parts.held_out)]
    assert [len(side) for side in sides] == [4, 2]
    assert not sides[0] & sides[1]


def test_too_few_blocks_for_a_split_are_refused_with_a_way_out(tmp_path):
    settings = DataSettings(SourceSettings("arrays", {"path": "-"}), held_out=0.5, patch_size=20)
    np.save(tmp_path / "a.npy", np.zeros((1, 1, 21, 21), np.uint8))
    found = Patches(SOURCES.build("arrays", {"path": str(tmp_path / "a.npy")}), 20, 1)
    with pytest.raises(DataError, match=r"data\.patch_size: at least 2 groups .* set data\.held_out=0") as refused:
        split(settings, found)
    assert len(refused.value.lines) == 1


def of_a_lone_raster(folder, **options):
    """Overlapping patches, 57 of them along a line."""
    np.savez(folder / "a.npz", data=np.arange(60, dtype=np.uint8)[None, None], patient=[3])
    source = SourceSettings("arrays", {"path": str(folder / "a.npz"), "key": "data"})
    return DataSettings(source, patch_size=4, patch_stride=1, **options)


def test_patches_that_would_lie_in_two_blocks_are_left_out_and_counted(tmp_path):
    found = open_source(of_a_lone_raster(tmp_path))
    # 57 patches in (57 + 3) // 9 = 6 blocks, of which all but the last lose the 3 that reach into the next
    assert len(found) == 57 - 15
    assert "15 of 57 patches are left out, as they would lie in two blocks" in found.remarks


@pytest.mark.parametrize(
    "options",
    [
        {"held_out": 0},
        {"held_out_list": "list"},
        {"held_out_folder": "b"},
        {"group_by": "patient"},
        {"group_pattern": ("[(*):*]",)},
    ],
)
def test_no_patch_is_left_out_where_blocks_do_not_choose(tmp_path, options):
    found = open_source(of_a_lone_raster(tmp_path, **options))
    assert len(found) == 57
    assert not [line for line in found.remarks if "blocks" in line]


def test_a_list_says_which_patches_of_a_lone_raster_are_held_out(tmp_path):
    (tmp_path / "list").write_text("[0:4]\n[30:34]\n")
    data = open_data(of_a_lone_raster(tmp_path, held_out_list=str(tmp_path / "list")))
    assert (len(data.train), len(data.held_out)) == (55, 2)
