"""Data that were split before are not one training set without a word."""

import io
import tarfile

import nibabel
import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.data.arrays.arrow import open_table
from idm.data.check import check_located
from idm.data.parts import parts_of
from idm.presets import Told, data_settings
from idm.run import open_data
from idm.settings import Experiment


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
    names = ["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "validation-00000-of-00001"]
    for number, name in enumerate(names):
        table = pyarrow.table({"image": [png(number)], "label": [["cat", "dog"][number % 2]]})
        parquet.write_table(table, root / f"{name}.parquet")


def volumes(root):
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
    assert (settings.source.name, settings.source.options.split) == (name, "train")
    source = settings.source.build()
    assert (values(source), source.class_names, source.labels.tolist()) == ([0, 1], ("cat", "dog"), [0, 1])
    (line,) = source.remarks
    assert "only the part train is read; not read: 1 file of val, 1 file of test" in line
    assert line in check_located(name, vars(settings.source.options)).remarks


def test_another_part_is_read_where_it_is_asked_for_and_all_only_with_a_word(split):
    _, folder, options = split
    for part, expected in (("test", [2]), ("validation", [3])):
        told = Told(overrides={"data": {"source": options | {"split": part}}})
        settings = data_settings(folder, told)
        assert values(settings.source.build()) == expected
    settings = data_settings(folder, Told(overrides={"data": {"source": options | {"split": None}}}))
    source = settings.source.build()
    assert sorted(values(source)) == [0, 1, 2, 3]
    assert "the parts test, train, val are read as one; data.source.split=train" in source.remarks[0]


def test_a_run_goes_on_with_the_parts_it_read_and_a_preset_leaves_the_choice_open(split):
    _, folder, options = split
    all_parts, told = (Told(overrides={"data": {"source": options | more}}) for more in ({"split": None}, {}))
    below = Experiment(data=data_settings(folder, all_parts))
    assert data_settings(folder, told, below, is_run=True).source.options.split is None
    assert data_settings(folder, told, below).source.options.split == "train"


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
        (["val/a.png", "test/b.png"], True, ["val", "test"]),
        (["val/a.png", "test/b.png", "bus/c.png"], True, None),
        (["test/a.png", "testing/b.png"], True, None),
        (["test-0.tar", "test-1.tar"], False, None),
        (["constrain-0.tar", "contest-0.tar"], False, None),
        (["train2017/a.png", "val2017/b.png"], True, ["train", "val"]),
        (["train_images/a.png", "test_images/b.png"], True, ["train", "test"]),
        (["training_set/a.png", "test_set/b.png"], True, ["train", "test"]),
        (["train/a.png", "unlabeled/b.png"], True, ["train", "unlabeled"]),
        (["trainA/a.png", "testA/b.png"], True, ["train", "test"]),
        (["cat_train/a.png", "cat_test/b.png"], True, ["train", "test"]),
        (["trainset/a.png", "testset/b.png"], True, ["train", "test"]),
        (["traindata/a.png", "holdout/b.png"], True, ["train", "test"]),
        (["trainval/a.png", "test/b.png"], True, ["train", "test"]),
        (["trainset-0.tar", "testset-0.tar"], False, ["train", "test"]),
        (["training/a.png", "testament/b.png"], True, None),
        (["train_station/a.png", "test_tube/b.png"], True, None),
        (["cifar10_train0000.tar", "cifar10_test0000.tar"], False, ["train", "test"]),
        (["train_0.png", "train_1.png", "test_0.png", "test_1.png", "README_1.png"], True, [*"aabb", None]),
        (["train_0.png", "train_1.png", "test_0.png", "test_1.png", "bus_1.png", "bus_2.png"], True, None),
    ],
)
def test_parts_are_told_by_folders_then_by_names_of_files(files, every, expected):
    known = {"a": "train", "b": "test"}
    assert parts_of(files, every=every) == (expected and [known.get(part, part) for part in expected])


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["train/cat/0.png", "test/dog/0.png"], ("cat", "dog")),
        (["cat/train/0.png", "dog/test/0.png"], ("cat", "dog")),
        (["trainA/0.png", "testB/0.png", "trainB/0.png", "testA/0.png"], ("a", "b")),
        (["trainset/0.png", "testset/0.png"], None),
        (["trainset_cat_0.png", "trainset_cat_1.png", "testset_dog_0.png", "testset_dog_1.png"], ("cat", "dog")),
        (["train_cat_0.png", "train_cat_1.png", "test_dog_0.png", "test_dog_1.png"], ("cat", "dog")),
        (["train/0.png", "test/0.png"], None),
        (["valid/0.png", "testing/0.png"], None),
        (["train_0.png", "train_1.png", "test_0.png", "test_1.png"], None),
    ],
)
def test_parts_that_are_read_as_one_are_no_classes(tmp_path, files, names):
    for number, file in enumerate(files):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(png(number))
    source = SOURCES.build("image_folder", {"path": str(tmp_path)})
    assert (len(source), source.class_names) == (len(files), names)


def test_parts_without_one_to_train_on_are_told(tmp_path):
    for number, file in enumerate(["val/0.png", "test/0.png"]):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_bytes(png(number))
    settings = data_settings(tmp_path)
    (remark,) = settings.source.build().remarks
    assert remark == "the parts test, val are read as one; data.source.split=test reads one of them"
    told = data_settings(tmp_path, Told(overrides={"data": {"source": {"split": "test"}}}))
    assert values(told.source.build()) == [1]


def test_the_size_of_images_is_chosen_from_the_part_that_is_read(tmp_path):
    for name, side in (("train", 40), ("train", 50), ("test", 9)):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (side, side)).save(tmp_path / name / f"{side}.png")
    (tmp_path / "test" / "broken.png").write_bytes(b"no picture")
    assert data_settings(tmp_path).source.options.image_size == 32
    with pytest.raises(DataError, match=r"broken\.png"):
        data_settings(tmp_path, Told(overrides={"data": {"source": {"split": "test"}}}))


def listed_rows(root, column, values):
    for number in range(len(values)):
        (root / f"{number}.png").write_bytes(png(number))
    lines = [f"{number}.png,{'ab'[number % 2]},{value}" for number, value in enumerate(values)]
    (root / "a.csv").write_text("\n".join([f"path,label,{column}", *lines]))
    return root / "a.csv"


def table_rows(root, column, values):
    labels = ["ab"[number % 2] for number in range(len(values))]
    table = pyarrow.table({"image": list(map(png, range(len(values)))), "label": labels, column: values})
    parquet.write_table(table, root / "a.parquet")
    return root / "a.parquet"


@pytest.mark.parametrize("make", [listed_rows, table_rows])
def test_a_column_says_which_part_each_row_belongs_to(tmp_path, make):
    path = make(tmp_path, "Split", ["train", "test", "train", "Validation", "train"])
    settings = data_settings(path)
    assert settings.source.options.split == "train"
    source = settings.source.build()
    assert (values(source), source.class_names) == ([0, 2, 4], ("a",))
    (line,) = source.remarks
    assert line.startswith("only the part train is read; not read: 1 row of val, 1 row of test; ")
    source = SOURCES.build(settings.source.name, {"path": str(path), "split": "val"})
    assert (values(source), source.class_names) == ([3], ("b",))
    source = SOURCES.build(settings.source.name, {"path": str(path)})
    assert (values(source), source.class_names) == ([0, 1, 2, 3, 4], ("a", "b"))
    with pytest.raises(DataError, match=r"a\.\w+: rows of the part 'dog' wanted, got test, train, val; set data\."):
        SOURCES.build(settings.source.name, {"path": str(path), "split": "dog"})


@pytest.mark.parametrize("make", [listed_rows, table_rows])
@pytest.mark.parametrize("column", ["split", "set", "phase", "data_split", "DataSplit", "fold", "Usage"])
@pytest.mark.parametrize(
    ("other", "told"), [("", "of no part"), ("ignore", "of no part"), ("holdout", "of test"), ("testset", "of test")]
)
def test_rows_of_another_part_or_of_none_are_not_trained_on(tmp_path, make, column, other, told):
    settings = data_settings(make(tmp_path, column, ["train", other, "train", "val"]))
    source = settings.source.build()
    assert values(source) == [0, 2]
    assert told in source.remarks[0]


def test_a_table_of_which_every_row_is_kept_chooses_none(tmp_path):
    table = pyarrow.table({"x": np.arange(4.0), "split": ["train", "test", "train", "val"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    columns = open_table(tmp_path / "a.parquet").columns
    assert (columns.column_names, columns.kept) == (("x",), None)
    assert open_table(tmp_path / "a.parquet", "train").columns.column("x").to_pylist() == [0.0, 2.0]


@pytest.mark.parametrize("make", [listed_rows, table_rows])
@pytest.mark.parametrize("cells", [["train", "other", "train"], ["test", "test", "test"], ["0", "1", "0"]])
def test_another_column_of_that_name_is_a_column_that_is_not_read(tmp_path, make, cells):
    settings = data_settings(make(tmp_path, "split", cells))
    assert settings.source.options.split is None
    source = settings.source.build()
    assert len(source) == 3
    assert source.remarks == ("columns not read: split; data.source.label_column chooses labels",)


@pytest.mark.parametrize("make", [shards, tables])
def test_files_in_folders_below_are_read(tmp_path, make):
    hub, index = tmp_path / "hub", tmp_path / "index.jsonl"
    (hub / "data" / "plain").mkdir(parents=True)
    make(hub / "data" / "plain")
    (hub / "README.md").write_text("a data set")
    settings = data_settings(hub)
    source = settings.source.build()
    assert (values(source), source.class_names) == ([0, 1], ("cat", "dog"))
    index.write_text(check_located(settings.source.name, vars(settings.source.options)).index.to_text())
    assert values(SOURCES.build("index", {"path": str(index)})) == [0, 1]


@pytest.mark.parametrize(
    ("held_out", "part", "refusal"),
    [
        ({"held_out_folder": "test"}, None, None),
        ({"held_out_folder": "train/dog"}, "train", None),
        ({"held_out_list": "test/cat/2.png"}, None, None),
        ({"held_out_list": "train/dog/1.png"}, "train", None),
        (
            {"held_out_folder": "none"},
            "train",
            "got none; name other ones; only the part train is read: set data.source.s",
        ),
    ],
)
def test_samples_of_another_part_are_held_out_where_a_list_or_folder_names_them(tmp_path, held_out, part, refusal):
    folders(tmp_path)
    if "held_out_list" in held_out:
        (tmp_path / "list.txt").write_text(held_out["held_out_list"])
        held_out = {"held_out_list": str(tmp_path / "list.txt")}
    settings = data_settings(tmp_path, Told(overrides={"data": held_out}))
    assert settings.source.get("split") == part
    if refusal is not None:
        with pytest.raises(DataError, match=refusal):
            open_data(settings)
        return
    data = open_data(settings)
    assert (len(data.train), len(data.held_out)) == ((1, 1) if part else (3, 1))
    assert not any("are read as one" in line for line in data.train.source.remarks)  # split=train would be refused
    assert data.spec.class_names == ("cat", "dog")


@pytest.mark.parametrize("make", [folders, shards])
def test_another_part_is_offered_to_be_scored_by_a_setting_that_reads_it(tmp_path, make):
    make(tmp_path)
    settings = data_settings(tmp_path).source
    (line,) = settings.build().remarks
    wanted = f'idm.tasks.ScoreRequest("{tmp_path}", source={{"split": "test"}})'
    assert line.endswith(f""", and 'idm.tasks.evaluate_into("RUN", {wanted})' scores it""")
    assert "evaluate" not in settings.with_options(split="test").build().remarks[0]
