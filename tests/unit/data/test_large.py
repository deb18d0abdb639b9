"""Memory does not grow with the file: of sparse files little is in memory at a time, whatever is asked of them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from idm.data import SOURCES, base, fingerprint, infer_source
from idm.data.arrays import measured
from idm.data.arrays import source as array_source
from idm.data.patches import Patches
from idm.data.sources import nifti
from idm.data.values import statistics
from idm.data.values.ranges import find_range
from idm.settings.files import fold
from large.sparse import AT_ENDS, MAKERS, SETTINGS

FILE_BYTES, BLOCK_BYTES, MOST_BYTES = 100 << 20, 2 << 20, 64 << 20
"""Bytes of a file, of what is read in one piece, and what memory may grow by."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is asked of Linux")


def resident(kind):
    """Return kB that are, or at most were, resident."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(kind))


@pytest.mark.parametrize("kind", MAKERS)
def test_no_more_of_a_file_is_in_memory_than_is_read_in_one_piece(kind, tmp_path, monkeypatch):
    for module in (base, array_source, measured, nifti):
        monkeypatch.setattr(module, "BLOCK_BYTES", BLOCK_BYTES)
    monkeypatch.setattr(fingerprint, "MOST_SAMPLES", 50)
    monkeypatch.setattr(statistics, "MOST_VALUES", 1 << 18)
    where = MAKERS[kind](tmp_path, FILE_BYTES)
    data = fold(SETTINGS.get(kind, ())).get("data", {})
    told, size = data.get("source", {}), data.get("patch_size", 0)
    name, options = infer_source(where)
    Path("/proc/self/clear_refs").write_text("5")  # the most that was resident is counted anew
    before = resident("VmRSS")
    source = SOURCES.build(told.pop("name", name), {**options, **told}, in_patches=bool(size))
    source = Patches(source, size) if size else source
    found = find_range(source)
    assert "names=" in source.fingerprint()
    last = source.read(np.array([0, len(source) // 2, len(source) - 1]))
    assert resident("VmHWM") - before < MOST_BYTES
    assert last[0].any()
    assert last[2].any()
    assert not np.ptp(last[1])
    assert found.low.min() < last.min()
    assert found.high.max() > last.max()


def test_a_volume_of_a_large_nifti_file_is_read_alone(tmp_path):
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype("<i2")
    header.set_data_shape((64, 32, 32, 20_000))  # 2.6 GB, more than is opened where it is not stored
    header["magic"], header["vox_offset"], where = b"n+1", 352, tmp_path / "long.nii"
    expected = (np.arange(65_536) % 30_011).astype("<i2").reshape(32, 32, 64)
    with where.open("wb") as file:
        file.write(header.binaryblock + b"\0" * 4)
        file.seek(352 + 2 * 65_536 * 19_999)
        file.write(expected.tobytes())
    source = SOURCES.build("nifti", {"path": str(where), "samples": "last"})
    before = resident("VmRSS")
    found = source.read(np.array([19_999, 7]))
    np.testing.assert_array_equal(found[0, 0], expected.T)
    assert not found[1].any()
    windows = source.read_windows(19_999, np.array([[30, 2, 5]]), (2, 3, 4))
    np.testing.assert_array_equal(windows[0, 0], expected.T[30:32, 2:5, 5:9])
    assert resident("VmRSS") - before < MOST_BYTES


def test_both_ends_of_a_sparse_set_are_no_zeros(tmp_path):
    samples = np.load(MAKERS[".npy"](tmp_path, 1 << 20), mmap_mode="r")
    assert samples.shape == (1024, 1, 16, 16)
    full = samples.reshape(1024, -1).any(axis=1)
    assert full[:AT_ENDS].all()
    assert full[-AT_ENDS:].all()
    assert full.sum() == 2 * AT_ENDS
