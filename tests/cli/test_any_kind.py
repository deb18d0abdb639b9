"""Files of kinds that training reads, as inputs of what changes samples."""

import numpy as np
import pytest

from idm.core.text import in_counts

from .restored import make_others, opened


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    """A folder with runs, one of signals of two leads."""
    folder = tmp_path_factory.mktemp("kinds")
    make_others(folder)
    return folder


def test_what_training_reads_is_edited_as_the_same_values_in_an_array(idm, signals, tmp_path):
    h5py = pytest.importorskip("h5py")
    values = np.load(signals / "signals.npy")[:3]
    np.save(tmp_path / "some.npy", values)
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file["data"] = values
    drawn = []
    for name in ("some.npy", "some.h5"):
        done = idm("edit", signals / "signals", tmp_path / name, "--steps", 3, "--out", tmp_path / f"{name}-out")
        assert done.code == 0, done.err
        drawn.append(opened(tmp_path / f"{name}-out")["data"])
    np.testing.assert_array_equal(*drawn)
    verb = ("--operator", "channels:0", "--steps", 3, "--num", 2, "--out", tmp_path / "restored")
    restored = idm("restore", signals / "signals", tmp_path / "some.h5", *verb)
    assert restored.code == 0, restored.err
    np.testing.assert_array_equal(opened(tmp_path / "restored")["mean"][:, 0], values[:, 0])
    (tmp_path / "notes.txt").write_text("none")
    refused = idm("encode", signals / "signals", tmp_path / "notes.txt")
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert all(kind in refused.errors[0] for kind in (".npy", ".wav", ".nc", ".edf"))


def test_long_lists_of_classes_are_counted():
    assert in_counts(["a", "b", "a"]) == "a, b, a"
    assert in_counts(["no class"] * 338) == "338 of no class"
    assert in_counts(["b"] + ["a"] * 16) == "16 of a, 1 of b"
