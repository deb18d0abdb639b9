"""Data that were split before are not one training set without a word."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.data.check import check_located
from idm.data.parts import parts_of
from idm.presets import Told, data_settings


def png(value):
    stream = io.BytesIO()
    Image.new("L", (6, 6), value).save(stream, format="PNG")
    return stream.getvalue()


def folders(root):
    for number, name in enumerate(["train/cat/0", "train/dog/1", "test/cat/2", "val/dog/3"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.png").write_bytes(png(number))


def shards(root):
    for number, name in enumerate(["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "val"]):
        with tarfile.open(root / f"{name}.tar", "w") as archive:
            for suffix, content in (("png", png(number)), ("cls", b"cat" if number % 2 == 0 else b"dog")):
                member = tarfile.TarInfo(f"a.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def tables(root):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = ["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "validation-00000-of-00001"]
    for number, name in enumerate(names):
        table = pyarrow.table({"image": [png(number)], "label": [["cat", "dog"][number % 2]]})
        parquet.write_table(table, root / f"{name}.parquet")


def volumes(root):
    nibabel = pytest.importorskip("nibabel")
    for number, name in enumerate(["train/cat/0", "train/dog/1", "test/cat/2", "val/dog/3"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(np.full((4, 4, 4), number, np.uint8), np.eye(4)), root / f"{name}.nii")


def stacks(root):
    for number, name in enumerate(["train/cat/0", "train/dog/1", "test/cat/2", "val/dog/3"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 6), number).save(root / f"{name}.tif")


MAKE = {
    "image_folder": (folders, {}),
    "webdataset": (shards, {}),
    "table": (tables, {}),
    "nifti": (volumes, {"labels": "folder"}),
    "tiff_stack": (stacks, {"name": "tiff_stack", "labels": "folder"}),
}


@pytest.fixture(params=MAKE)
def split(request, tmp_path):
    """A folder of data in parts, whose samples have the values 0 and 1 to train on, 2 to test and 3 to validate."""
    make, options = MAKE[request.param]
    make(tmp_path)
    return request.param, tmp_path, options


def values(source):
    return [int(sample.max()) for sample in source]


def test_the_part_to_train_on_is_read_with_its_classes_and_the_others_are_named(split):
    name, folder, options = split
    settings = data_settings(folder, Told(overrides={"data": {"source": options}}))
    assert (settings.source.name, settings.source.options["split"]) == (name, "train")
    source = SOURCES.build(name, settings.source.options)
    assert (values(source), source.class_names, source.labels.tolist()) == ([0, 1], ("cat", "dog"), [0, 1])
    (line,) = source.remarks
    assert "only the part train is read; not read: 1 files of val, 1 files of test" in line
    assert line in check_located(name, settings.source.options).remarks


def test_another_part_is_read_where_it_is_asked_for_and_all_only_with_a_word(split):
    name, folder, options = split
    for part, expected in (("test", [2]), ("validation", [3])):
        told = Told(overrides={"data": {"source": options | {"split": part}}})
        settings = data_settings(folder, told)
        assert values(SOURCES.build(name, settings.source.options)) == expected
    settings = data_settings(folder, Told(overrides={"data": {"source": options | {"split": None}}}))
    source = SOURCES.build(name, settings.source.options)
    assert sorted(values(source)) == [0, 1, 2, 3]
    assert "the parts test, train, val are read as one; data.source.split=train" in source.remarks[0]


def test_a_part_that_is_not_there_is_refused_by_name(split):
    name, folder, options = split
    options = {key: value for key, value in options.items() if key != "name"}
    with pytest.raises(
        DataError, match=r"files of the part 'dog' wanted, got test, train, val; set data\.source\.split"
    ):
        SOURCES.build(name, {"path": str(folder), "split": "dog", **options})


@pytest.mark.parametrize(
    ("files", "every", "expected"),
    [
        (["train/a.png", "Test/b.png", "c.png"], True, ["train", "test", None]),
        (["d/train/a.png", "d/valid/b.png"], True, ["train", "val"]),
        (["train_0.png", "test_0.png"], True, ["train", "test"]),
        (["train_0.png", "test_0.png", "bus_0.png"], True, None),
        (["train-0.tar", "test-0.tar", "more.tar"], False, ["train", "test", None]),
        (["mnist_train.parquet", "mnist-TEST.parquet"], False, ["train", "test"]),
        (["train/a.png", "bus/b.png"], True, None),
        (["test-0.tar", "test-1.tar"], False, None),
        (["constrain-0.tar", "contest-0.tar"], False, None),
    ],
)
def test_parts_are_told_by_folders_then_by_names_of_files(files, every, expected):
    assert parts_of(files, every=every) == expected


def test_another_part_in_a_folder_is_offered_to_be_scored(tmp_path):
    folders(tmp_path)
    (line,) = SOURCES.build("image_folder", {"path": str(tmp_path), "split": "train"}).remarks
    assert line.endswith(f"'idm evaluate RUN --data {tmp_path}/test' scores it")
