"""Files of points: read by the names of their columns, and written back as they were written."""

import numpy as np
import pytest

from idm.data import Codec
from idm.run.point_files import table_of
from idm.run.spec import DataSpec
from idm.settings.data import DataSettings, SourceSettings

SPEC = DataSpec((2,), Codec.quantized("uint8", 256), None, 2, 0, channel_names=("x", "y"))


@pytest.mark.parametrize("text", ["y;x\n0,5;1\n-2,25;3,125\n", "y,x\n0.5,1\n-2.25,3.125\n"])
def test_points_go_back_with_the_decimals_and_columns_of_their_file(text, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    table = table_of(tmp_path / "a.csv")
    points = table.read(SPEC, may_have_holes=False)
    assert points.tolist() == [[1.0, 0.5], [3.125, -2.25]]
    (tmp_path / "b.csv").write_bytes(table.write(np.array([[1.0, 0.5], [1e-7, 1 / 3]]), SPEC))
    again = table_of(tmp_path / "b.csv").read(SPEC, may_have_holes=False)
    assert again.tolist() == [[1.0, 0.5], [1e-7, 1 / 3]]
    assert ("." in (tmp_path / "b.csv").read_text()) == ("." in text)


def test_classes_are_in_the_column_that_the_run_was_told(tmp_path):
    (tmp_path / "a.csv").write_text("x,kind,y\n1,cat,2\n3,dog,4\n")

    def labels(told):
        source = SourceSettings("numeric_csv", SourceSettings.options_of("numeric_csv")(path="", label_column=told))
        return table_of(tmp_path / "a.csv", DataSettings(source=source)).labels()

    assert labels("kind") == ["cat", "dog"]
    assert labels("none") is labels(None) is labels("species") is None
