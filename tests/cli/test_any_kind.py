"""Files of kinds that training reads, as inputs of what changes samples."""

import numpy as np
import pytest

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
    (tmp_path / "notes.txt").write_text("none")
    refused = idm("encode", signals / "signals", tmp_path / "notes.txt")
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert all(kind in refused.errors[0] for kind in (".npy", ".wav", ".nc", ".edf"))
