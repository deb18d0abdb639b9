"""Other rasters are read in the order of axes in which they can be cut as the known ones are."""

import numpy as np

from idm.run import open_data
from idm.run.alike import Alike, Like, open_alike
from idm.settings import from_plain
from idm.settings.experiment import DataSettings


def test_a_stride_along_each_axis_leaves_other_orders_of_axes_uncut(tmp_path):
    np.save(tmp_path / "own.npy", np.arange(32 * 32, dtype=np.float32).reshape(1, 32, 32))
    other = np.arange(16 * 24, dtype=np.float32).reshape(16, 24)
    np.save(tmp_path / "other.npy", other)
    source = {"name": "arrays", "path": str(tmp_path / "own.npy"), "samples": "whole", "channels": "first"}
    settings = from_plain(DataSettings, {"source": source, "patch_size": 8, "patch_stride": [4, 4]})
    alike = Alike.samples_of(Like(settings, open_data(settings).spec))
    found, _ = open_alike(alike, tmp_path / "other.npy", {})
    assert (len(found), found.shape) == (3 * 5, (1, 8, 8))
    np.testing.assert_array_equal(found[7][0], other[4:12, 8:16])
