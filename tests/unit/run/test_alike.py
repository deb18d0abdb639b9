"""The axes of other data are told by the shape that is wanted."""

import numpy as np
import pytest
from scipy.io import netcdf_file

from idm.core.errors import DataError
from idm.run.alike import Alike, open_alike
from idm.settings.data import SourceSettings

OWN = SourceSettings("netcdf", SourceSettings.options_of("netcdf")(path=""))
FIELD = np.arange(96, dtype=np.float32).reshape(8, 12)


def wanted(*shape):
    return Alike(OWN, shape, "first", 0, None, None, has_classes=False, apart=(), what="conditions")


def test_a_field_with_named_axes_needs_none_that_numbers_samples(tmp_path):
    with netcdf_file(str(tmp_path / "a.nc"), "w") as file:
        for name, size in (("lat", 8), ("lon", 12)):
            file.createDimension(name, size)
        file.createVariable("t", "f4", ("lat", "lon"))[:] = FIELD
    source, _ = open_alike(wanted(1, 8, 12), tmp_path / "a.nc", {})
    np.testing.assert_array_equal(source.read(np.arange(len(source))), FIELD[None, None])
    rows, _ = open_alike(wanted(1, 12), tmp_path / "a.nc", {})
    assert len(rows) == 8  # the shape that fits decides
    with pytest.raises(DataError, match=r"conditions of shape \(1, 9, 9\) wanted, got \(1, 12\)"):
        open_alike(wanted(1, 9, 9), tmp_path / "a.nc", {})
