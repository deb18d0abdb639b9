"""Conditions stand above their samples in grids: one over a column that is of one, or each in its sample's place."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from idm.core.progress import SILENT
from idm.data import Codec
from idm.report.frame import FONT_PIXELS, PADDING_PIXELS
from idm.report.kinds import PointPicture
from idm.run import DataSpec, load
from idm.run import conditioned as conditioned_module
from idm.run.condition_spec import ConditionSpec, Field, LabelledField
from idm.run.saving import picture_of
from idm.tasks import train

LINE = FONT_PIXELS + 2 * PADDING_PIXELS
TILE, GAP = 48, 2
"""Sides of tiles of 8 x 8 pixels, six times as large, and what is between them."""

GREYS = Codec("uint8", 256, (127.5,), (127.5,), bounded=True)


def spec_of(channels=1, space=(4, 4)):
    return DataSpec((1, 8, 8), GREYS, None, 0, 0, condition=ConditionSpec((channels, *space), GREYS))


def flat(value, shape=(1, 4, 4)):
    return Field(np.full(shape, value, np.uint8))


def samples(*values):
    return GREYS.encode(np.stack([np.full((1, 8, 8), value, np.uint8) for value in values]))


def grey_at(picture, row, column, top):
    """The grey in the middle of a tile, below so many pixels."""
    pixels = np.array(picture.convert("L"))
    return int(pixels[top + row * (TILE + GAP) + TILE // 2, column * (TILE + GAP) + TILE // 2])


def test_a_column_that_is_of_one_condition_has_it_above_once():
    conditions = [flat(value) for value in (0, 100, 200)]
    picture = picture_of(samples(10, 20, 30, 40, 50, 60), spec_of(), 3, conditions * 2)
    assert [grey_at(picture, 0, column, LINE) for column in range(3)] == [0, 100, 200]
    below = 2 * LINE + TILE
    assert [[grey_at(picture, row, column, below) for column in range(3)] for row in range(2)] == [
        [10, 20, 30],
        [40, 50, 60],
    ]
    assert picture.height == 2 * LINE + TILE + 2 * TILE + GAP


def test_samples_of_a_condition_each_have_it_in_the_same_place_of_a_grid_above():
    conditions = [flat(value) for value in (0, 100, 200, 50)]
    picture = picture_of(samples(10, 20, 30, 40), spec_of(), 2, conditions)
    assert [[grey_at(picture, row, column, LINE) for column in range(2)] for row in range(2)] == [[0, 100], [200, 50]]
    below = 2 * LINE + 2 * TILE + GAP
    assert [[grey_at(picture, row, column, below) for column in range(2)] for row in range(2)] == [[10, 20], [30, 40]]


def test_a_single_condition_is_there_once_and_values_of_smaller_ones_are_blocks():
    values = np.arange(0, 160, 10, dtype=np.uint8).reshape(1, 4, 4)
    picture = picture_of(samples(1, 2, 3, 4), spec_of(), 2, [Field(values)] * 4)
    tile = np.array(picture.convert("L"))[LINE : LINE + TILE, :TILE]
    np.testing.assert_array_equal(tile, values[0].repeat(12, 0).repeat(12, 1))
    assert grey_at(picture, 0, 0, 2 * LINE + TILE) == 1


def test_columns_of_conditions_of_other_channels_stand_above_those_of_samples():
    conditions = [flat(value, (2, 4, 4)) for value in (0, 255)]
    picture = picture_of(samples(10, 20), spec_of(channels=2), 2, conditions)
    pixels = np.array(picture.convert("L"))[LINE : LINE + 40]
    middle = 2 * TILE + GAP
    assert pixels[:, : middle // 2 - 4].mean() < pixels[:, middle // 2 + 4 : middle].mean()


def test_pictures_without_labels_are_as_before():
    x = samples(10, 20, 30, 40)
    assert picture_of(x, spec_of(), 2).height == 2 * TILE + GAP


def test_points_are_coloured_by_their_conditions_or_have_the_one_of_all_in_a_line_above(monkeypatch):
    doses = Codec("float32", None, (10.0,), (10.0,))
    spec = DataSpec((2,), GREYS, None, 0, 0, condition=ConditionSpec((2,), doses, channel_names=("dose", "age")))
    x, seen = GREYS.encode(np.array([[1, 2], [3, 4], [5, 6]], np.uint8)), []
    coloured = PointPicture.coloured
    monkeypatch.setattr(PointPicture, "coloured", lambda self, x, by: seen.append(by) or coloured(self, x, by))
    alone = picture_of(x, spec)
    told = [Field(np.array(pair, np.float32)) for pair in ([7, 60], [8, 60], [9, 60])]
    assert picture_of(x, spec, None, told).height >= alone.height + LINE
    assert (seen[1].values.tolist(), seen[1].name) == ([7, 8, 9], "dose")
    assert picture_of(x, spec, None, told[:1] * 3).height == alone.height + LINE
    assert (seen[0], seen[2]) == (None, None)


def test_points_of_several_classes_are_coloured_by_these_unless_conditions_differ(monkeypatch):
    doses = Codec("float32", None, (10.0,), (10.0,))
    spec = DataSpec((2,), GREYS, ("a", "b"), 0, 0)
    told = replace(spec, condition=ConditionSpec((1,), doses, channel_names=("dose",)))
    x, seen = GREYS.encode(np.array([[1, 2], [3, 4], [5, 6]], np.uint8)), []
    coloured = PointPicture.coloured
    monkeypatch.setattr(PointPicture, "coloured", lambda self, x, by: seen.append(by) or coloured(self, x, by))
    fields = [Field(np.array([dose], np.float32)) for dose in (7, 8, 9)]
    picture_of(x, spec, None, [0, 1, 2])
    picture_of(x, spec, None, [1, 1, 1])
    picture_of(x, told, None, [LabelledField(number, fields[0]) for number in (0, 1, 0)])
    picture_of(x, told, None, [LabelledField(number, field) for number, field in zip((0, 1, 0), fields, strict=True)])
    assert [one and one.groups for one in seen] == [{"a": 0, "b": 1, "no class": 2}, None, {"a": 0, "b": 1}, {}]
    assert seen[3].name == "dose"


def test_conditions_of_the_same_channels_are_on_the_scale_of_their_samples():
    halves = Codec("uint8", 128, (63.5,), (63.5,), bounded=True)
    for names, grey in ((("heat",), 100), (("cold",), 200)):
        spec = replace(spec_of(), channel_names=("heat",))
        spec = replace(spec, condition=ConditionSpec((1, 4, 4), halves, channel_names=names))
        picture = picture_of(samples(10, 20), spec, 2, [flat(100)] * 2)
        assert grey_at(picture, 0, 0, LINE) == pytest.approx(grey, abs=1)


@pytest.fixture
def trained(experiment, tmp_path):
    fine = (np.arange(96 * 64).reshape(96, 1, 8, 8) % 61).astype(np.uint8)
    np.save(tmp_path / "fine.npy", fine)
    np.save(tmp_path / "coarse.npy", fine[:, :, ::2, ::2])
    source, condition = ({"name": "arrays", "path": str(tmp_path / f"{part}.npy")} for part in ("fine", "coarse"))
    settings = experiment(
        data={"source": source, "condition": condition, "held_out": 40},
        training__label_dropout=0.0,
        training__sample_interval=4,
    )
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    return tmp_path / "run", fine


def test_grids_of_training_have_a_column_for_each_of_eight_conditions_and_scoring_opens_data_once(trained, monkeypatch):
    folder, fine = trained
    (grid,) = (folder / "samples").glob("*.png")
    with Image.open(grid) as picture:
        rows = (picture.height - 2 * LINE - TILE + GAP) / (TILE + GAP)  # as many as there was time for
        assert rows.is_integer()
        assert picture.width == 8 * (TILE + GAP) - GAP
    run = load(folder, device="cpu")
    monkeypatch.setattr(conditioned_module, "open_run_data", lambda run: pytest.fail("the data are open already"))
    found = run.evaluate(samples=10, metrics=["spectrum"])
    assert found is not None
    coarse = fine[:2, :, ::2, ::2]
    above = run.picture(fine[:2], condition=coarse, columns=2)
    assert above.height > run.picture(fine[:2], columns=2).height + TILE
