"""Copies that were planted on both sides of the split are found, by name, and nothing else is."""

import numpy as np
import pytest
from PIL import Image

from idm.core.progress import Calls
from idm.data.check.leaks import HELD_OUT, TRAIN, Leak, find_leaks, gather_hashes, hash_content
from idm.tasks.checking import check_data


def leaks_of(samples, sides):
    contents = gather_hashes(map(hash_content, samples), len(samples))
    return find_leaks(contents, "abcdefgh"[: len(samples)], np.array(sides, dtype=np.int8))


X = np.arange(12.0).reshape(1, 3, 4)
FLIPPED = X[..., ::-1]


@pytest.mark.parametrize(
    ("samples", "sides", "leaks"),
    [
        ([X, X + 1, X], "tth", [Leak(("a",), ("c",))]),
        ([X, X, X + 1], "tth", []),
        ([X, X, X, X], "thth", [Leak(("a", "c"), ("b", "d"))]),
        ([X, FLIPPED], "th", [Leak(("a",), ("b",), mirrored=True)]),
        ([X, FLIPPED], "tt", []),
        ([X, FLIPPED, X], "tth", [Leak(("a",), ("c",)), Leak(("b",), ("c",), mirrored=True)]),
        ([X, FLIPPED, X, FLIPPED], "ttth", [Leak(("b",), ("d",)), Leak(("a", "c"), ("d",), mirrored=True)]),
        ([X, X[:, ::-1]], "th", []),
        ([X * 0, X * -0.0], "th", [Leak(("a",), ("b",))]),
        ([X[0, 0], X[0, 0, ::-1]], "th", []),
        ([X.astype(np.float32), X], "th", []),
        ([X, X.reshape(1, 4, 3)], "th", []),
        ([X, X], "t ", []),
    ],
)
def test_leaks_are_equal_samples_or_mirror_images_on_both_sides(samples, sides, leaks):
    assert list(leaks_of(samples, [{"t": TRAIN, "h": HELD_OUT, " ": 0}[side] for side in sides])) == leaks


def test_planted_copies_in_an_array_are_found_and_pairs_named(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2, 8)).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    setting = ["data.held_out=6"]
    check = check_data(tmp_path / "a.npy", setting)
    assert check.leaks == ()
    held = [row for row in range(60) if row in check_sides(check)]
    train = [row for row in range(60) if row not in held]
    x[held[0]], x[held[1]], x[held[2]] = x[train[3]], x[train[4]][:, ::-1], x[held[3]]
    np.save(tmp_path / "a.npy", x)
    events = []
    check = check_data(tmp_path / "a.npy", setting, listener=Calls(events.append))
    assert check.leaks == (
        Leak((str(train[3]),), (str(held[0]),)),
        Leak((str(train[4]),), (str(held[1]),), mirrored=True),
    )
    lines = [line for line in check.remarks if "held-out sample" in line]
    assert lines[0].startswith(f"the content of 1 held-out sample is trained on, too: {held[0]} as {train[3]}; remove")
    assert lines[1].startswith("the content of 1 held-out sample is trained on mirrored left to right: ")
    assert check.to_plain()["leaks"][0] == {"train": (str(train[3]),), "held_out": (str(held[0]),), "mirrored": False}
    assert (events[-1].what, events[-1].done, events[-1].unit) == ("checking", 60, "samples")


def check_sides(check) -> set[int]:
    """Numbers of the samples that a split of the kind would hold out."""
    from idm.data.split import stratified_split

    return set(stratified_split(None, check.num_samples, 6)[1].tolist())


def test_planted_copies_among_pictures_are_found_and_groups_keep_them_together(tmp_path):
    for number in range(12):
        pixels = np.random.default_rng(number // 2).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"p{number // 2}_{number % 2}.{'png' if number % 2 else 'bmp'}")
    setting = ["data.held_out=4"]
    leaks = check_data(tmp_path, [*setting, "data.source.labels=none"]).leaks
    assert leaks
    assert all({name[:2] for name in leak.train} == {name[:2] for name in leak.held_out} for leak in leaks)
    check = check_data(tmp_path, [*setting, "data.group_pattern=(*)_*"])
    assert check.leaks == ()
    assert any("6 copies of other samples, none of them on both sides" in line for line in check.remarks)
