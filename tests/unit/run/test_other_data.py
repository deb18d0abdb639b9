"""Other data than a run's own are read as its own were, and refused where they are not like them."""

import io
import tarfile
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pyarrow
import pytest
import torch
import zarr
from PIL import Image
from pyarrow import parquet

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT
from idm.data import SOURCES
from idm.run import Run, held_out_bound, open_data_to_score, open_run_data, require_recognition
from idm.run.inputs import read_inputs
from idm.settings import Experiment, from_plain
from idm.tasks import train

TINY_UNET = {"model_channels": 8, "num_res_blocks": 1, "channel_mult": [1], "attention_resolutions": [], "num_heads": 1}


def tiny(out: Path, **data) -> Run:
    plain = {
        "data": {"held_out": 0} | data,
        "schedule": {"name": "cosine", "num_timesteps": 20},
        "network": {"name": "unet", **TINY_UNET},
        "training": {"num_steps": 1, "batch_size": 4, "sample_interval": 0, "ema_rates": [0.5]},
        "sampler": {"name": "ddim", "steps": 4},
    }
    return train(from_plain(Experiment, plain), out, device="cpu", listener=SILENT)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tiny(tmp_path_factory.mktemp("digits"), source={"name": "digits"})


@pytest.fixture(scope="module")
def pixels() -> tuple[np.ndarray, np.ndarray]:
    source = SOURCES.build("digits", {})
    assert source.labels is not None
    return source.read(np.arange(30)), source.labels[:30]


def pictures(folder: Path, size: int, classes: tuple[str, ...] = ("a", "b")) -> Path:
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.effect_noise((size, size), 60).save(folder / name / f"{i}.png")
    return folder


def test_all_samples_of_another_file_are_held_out_in_the_run_s_range(digits, pixels, tmp_path):
    x, y = pixels
    for name, arranged in {"first": x, "none": x[:, 0], "last": np.moveaxis(x, 1, -1)}.items():
        np.savez(tmp_path / f"{name}.npz", data=arranged, labels=y)
        data = open_data_to_score(digits, tmp_path / f"{name}.npz")
        assert (len(data.train), len(data.held_out), data.spec.codec) == (0, 30, digits.spec.codec)
        found, labels = data.held_out.first(30)
        assert labels is not None
        own = {row.numpy().tobytes(): int(label) for row, label in zip(digits.spec.codec.encode(x), y, strict=True)}
        assert {row.numpy().tobytes(): int(label) for row, label in zip(found, labels, strict=True)} == own


def test_a_run_without_held_out_data_is_scored_on_others(digits, pixels, tmp_path):
    np.savez(tmp_path / "x.npz", data=pixels[0], labels=pixels[1])
    bound = held_out_bound(digits, open_data_to_score(digits, tmp_path / "x.npz"), steps=3)
    assert bound.vlb.total_bpd.shape == (30,)
    assert torch.isfinite(bound.vlb.total_bpd).all()
    assert bound.histogram is None


def test_classes_go_by_their_names_and_not_by_their_places(digits, pixels, tmp_path):
    x, y = pixels
    few = y >= 7
    np.savez(tmp_path / "x.npz", data=x[few], labels=y[few])
    labels = open_data_to_score(digits, tmp_path / "x.npz").held_out.first(30)[1]
    assert labels is not None
    assert sorted(labels.tolist()) == sorted(y[few].tolist())


def samples_of(path: Path, labels: list[int], class_names: list[str]) -> Path:
    data = np.zeros((len(labels), 1, 8, 8), dtype=np.uint8)
    np.savez(path, data=data, labels=np.array(labels), class_names=np.array(class_names), seeds=np.array(labels))
    return path


def test_samples_that_were_written_go_by_the_names_of_their_classes(of_pictures, tmp_path):
    path = samples_of(tmp_path / "samples.npz", [1, 0, 1], ["b", "a", "no class"])  # the run calls a 0, and b 1
    data = open_data_to_score(of_pictures, path)
    y = data.held_out.first(3)[1]
    assert y is not None
    assert sorted(y.tolist()) == [0, 0, 1]
    assert data.held_out.source.remarks == ()
    assert of_pictures.read(path).labels == [0, 1, 0]
    assert read_inputs(of_pictures, [str(samples_of(path, [1, 2], ["b", "a", "no class"]))]).labels == [0, None]


def test_what_a_run_draws_and_saves_is_read_and_scored_as_it_is(of_pictures, tmp_path):
    path = of_pictures.save(of_pictures.sample(4, labels=["b"]), tmp_path, labels=["b"])["arrays"]
    assert of_pictures.read(path).labels == [1] * 4
    assert of_pictures.evaluate(path, num=4, steps=2).to_plain()["num"] == 4


def test_names_of_classes_that_a_run_lacks_are_refused_in_a_line(of_pictures, tmp_path):
    path = samples_of(tmp_path / "samples.npz", [1, 0, 1], ["b", "cat"])
    for read in (of_pictures.read, of_pictures.evaluate):
        with pytest.raises(DataError) as error:
            read(path)
        assert error.value.lines == (f"{path}: the run's 2 classes (a, b) wanted, got cat; name them alike",)


def test_unknown_classes_and_none_at_all_are_refused(digits, pixels, tmp_path):
    np.savez(tmp_path / "cats.npz", data=pixels[0], labels=np.array(["3", "cat"] * 15))
    with pytest.raises(DataError, match=r"the run's 10 classes \(0, 1, .*\) wanted, got cat; name them alike"):
        open_data_to_score(digits, tmp_path / "cats.npz")
    np.save(tmp_path / "bare.npy", pixels[0])
    with pytest.raises(DataError, match="samples with classes wanted"):
        open_data_to_score(digits, tmp_path / "bare.npy")


def test_other_shapes_and_values_are_refused(digits, pixels, tmp_path):
    np.savez(tmp_path / "wide.npz", data=np.zeros((4, 1, 8, 9), np.uint8), labels=np.arange(4))
    with pytest.raises(DataError, match=r"samples of shape \(1, 8, 8\) wanted, got \(1, 8, 9\)"):
        open_data_to_score(digits, tmp_path / "wide.npz")
    np.savez(tmp_path / "bright.npz", data=np.full((4, 1, 8, 8), 200, np.uint8), labels=np.arange(4))
    with pytest.raises(DataError, match="values from 0 to 16 wanted"):
        open_data_to_score(digits, tmp_path / "bright.npz")


def test_options_say_how_other_data_are_read(digits, pixels, tmp_path):
    x, y = pixels
    np.savez(tmp_path / "two.npz", first=x[:12], second=x[12:], labels=y[12:])
    with pytest.raises(DataError, match=r"data\.source\.key"):
        open_data_to_score(digits, tmp_path / "two.npz")
    data = open_data_to_score(digits, tmp_path / "two.npz", {"key": "second"})
    assert len(data.held_out) == len(x) - 12
    with pytest.raises(SettingsError, match=r"data\.source\.keys: no such setting"):
        open_data_to_score(digits, tmp_path / "two.npz", {"keys": "second"})
    with pytest.raises(DataError, match=r"samples of shape \(1, 8, 8\) wanted, got"):
        open_data_to_score(digits, tmp_path / "two.npz", {"key": "second", "channels": "last"})


@pytest.mark.parametrize("option", [{}, {"image_size": 8}])
def test_images_are_brought_to_the_size_of_the_run(tmp_path, option):
    source = {"name": "image_folder", "path": str(pictures(tmp_path / "own", 8, ("a", "b", "c"))), **option}
    run = tiny(tmp_path / "run", source=source)
    data = open_data_to_score(run, pictures(tmp_path / "large", 20, ("c", "b")))
    x, y = data.held_out.first(9)
    assert x.shape == (6, 1, 8, 8)
    assert y is not None
    assert sorted(y.tolist()) == [1, 1, 1, 2, 2, 2]


@pytest.fixture(scope="module")
def of_pictures(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("pictures")
    source = {"name": "image_folder", "path": str(pictures(folder / "own", 8)), "image_size": 8}
    return tiny(folder / "run", source=source)


@pytest.mark.parametrize(
    ("parts", "told", "read", "said"),
    [
        (("train", "test", "val"), {}, 6, "only the part test is read; not read: 6 files of train, 6 files of val"),
        (("train", "val"), {}, 6, "only the part val is read; not read: 6 files of train"),
        (("train", "test"), {"split": "train"}, 6, "only the part train is read; not read: 6 files of test"),
        (("train", "test"), {"split": None}, 12, "the parts test, train are read as one"),
        (("test",), {}, 6, None),
    ],
)
def test_the_part_to_test_is_scored_with_its_classes_and_what_is_left_out_is_said(
    of_pictures, tmp_path, parts, told, read, said
):
    for part in parts:
        pictures(tmp_path / "other" / part, 8, ("b", "a"))
    path = tmp_path / "other" / (parts[0] if len(parts) == 1 else "")
    held_out = open_data_to_score(of_pictures, path, told).held_out
    _, labels = held_out.first(99)
    assert labels is not None
    assert sorted(labels.tolist()) == [0] * (read // 2) + [1] * (read // 2)
    assert [line.startswith(said) for line in held_out.source.remarks] == ([True] if said else [])


def test_what_needs_training_data_is_refused_of_other_data(digits, pixels, tmp_path):
    np.savez(tmp_path / "x.npz", data=pixels[0], labels=pixels[1])
    with pytest.raises(DataError, match="leave out samples=N or data=PATH"):
        require_recognition(digits, open_data_to_score(digits, tmp_path / "x.npz"), 10)


def test_a_run_whose_data_are_gone_is_advised_to_score_others(tmp_path):
    run = tiny(tmp_path / "run", source={"name": "image_folder", "path": str(pictures(tmp_path / "own", 8))})
    assert open_data_to_score(run).spec == open_run_data(run).spec
    (tmp_path / "own").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"own: .*; score data that lie elsewhere, or others, with data=PATH$"):
        open_data_to_score(run)
    assert len(open_data_to_score(run, tmp_path / "moved").held_out) == 6


def as_png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG")
    return stream.getvalue()


def as_csv(folder: Path, pictures: np.ndarray) -> Path:
    for number, picture in enumerate(pictures):
        (folder / f"{number}.png").write_bytes(as_png(picture))
    rows = "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(len(pictures)))
    (folder / "all.csv").write_text(f"path,label\n{rows}")
    return folder / "all.csv"


def as_images(folder: Path, pictures: np.ndarray) -> Path:
    as_csv(folder, pictures)
    return folder


def as_tar(folder: Path, pictures: np.ndarray) -> Path:
    with tarfile.open(folder / "all.tar", "w") as archive:
        for number, picture in enumerate(pictures):
            for suffix, content in (("png", as_png(picture)), ("cls", b"ab"[number % 2 : number % 2 + 1])):
                member = tarfile.TarInfo(f"{number}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return folder / "all.tar"


def as_tiff(folder: Path, pictures: np.ndarray) -> Path:
    pages = [Image.fromarray(picture) for picture in pictures]
    pages[0].save(folder / "all.tif", save_all=True, append_images=pages[1:])
    return folder / "all.tif"


def as_npz(folder: Path, pictures: np.ndarray) -> Path:
    np.savez(folder / "all.npz", data=pictures, labels=np.array(["a", "b"] * (len(pictures) // 2)))
    return folder / "all.npz"


def as_hdf5(folder: Path, pictures: np.ndarray) -> Path:
    with h5py.File(folder / "all.h5", "w") as file:
        file["x"], file["y"] = pictures[..., None], ["a", "b"] * (len(pictures) // 2)
    return folder / "all.h5"


def as_zarr(folder: Path, pictures: np.ndarray) -> Path:
    zarr.create_array(str(folder / "all.zarr"), data=pictures)
    return folder / "all.zarr"


def as_nifti(folder: Path, pictures: np.ndarray) -> Path:
    for number, picture in enumerate(pictures):
        path = folder / "ab"[number % 2] / f"{number}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(picture, np.eye(4)), path)
    return folder


def as_table(folder: Path, pictures: np.ndarray) -> Path:
    columns = {"image": [as_png(picture) for picture in pictures], "label": ["a", "b"] * (len(pictures) // 2)}
    parquet.write_table(pyarrow.table(columns), folder / "all.parquet")
    return folder / "all.parquet"


def as_numbers(folder: Path, pictures: np.ndarray) -> Path:
    columns = {"x": pyarrow.array(pictures.tolist(), pyarrow.list_(pyarrow.list_(pyarrow.uint8())))}
    parquet.write_table(pyarrow.table(columns), folder / "all.parquet")
    return folder / "all.parquet"


WITH_CLASSES = (as_csv, as_tar, as_npz, as_hdf5, as_nifti, as_table)
KINDS = (*WITH_CLASSES, as_images, as_tiff, as_zarr, as_numbers)


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 256, (6, size, size)).astype(np.uint8)


def folder_in(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


@pytest.fixture(scope="module", params=["whole", "cropped"])
def plain(request, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without classes on 8 x 8, which are cut out of 10 x 10 in one of two cases."""
    folder = tmp_path_factory.mktemp(request.param)
    crop = 8 if request.param == "cropped" else 0
    source = {"name": "arrays", "path": str(as_npz(folder, noise(10 if crop else 8)))}
    return tiny(folder / "run", source=source, random_crop=crop, class_conditional=False)


@pytest.mark.parametrize("make", KINDS)
def test_every_kind_of_data_is_scored_after_cropping(plain, tmp_path, make):
    crop = plain.experiment.data.random_crop
    pictures = noise(12 if crop else 8)
    found, _ = open_data_to_score(plain, make(folder_in(tmp_path, "other"), pictures)).held_out.first(9)
    wanted = plain.spec.codec.encode(pictures[:, None, 2:10, 2:10] if crop else pictures[:, None])
    assert {row.numpy().tobytes() for row in found} == {row.numpy().tobytes() for row in wanted}


@pytest.mark.parametrize("make", [make for make in KINDS if make not in (as_csv, as_tar, as_table, as_images)])
def test_arrays_too_small_for_the_crop_or_the_run_are_refused(plain, tmp_path, make):
    with pytest.raises(DataError, match=r"samples of shape \(1, 8, 8\)( or larger)? wanted, got "):
        open_data_to_score(plain, make(folder_in(tmp_path, "other"), noise(6)))


@pytest.mark.parametrize("make", WITH_CLASSES)
def test_classes_are_found_in_every_kind_that_has_them(tmp_path, make):
    own = as_npz(folder_in(tmp_path, "own"), noise(8))
    run = tiny(tmp_path / "run", source={"name": "arrays", "path": str(own)})
    assert run.spec.class_names == ("a", "b")
    _, labels = open_data_to_score(run, make(folder_in(tmp_path, "other"), noise(8))).held_out.first(9)
    assert labels is not None
    assert sorted(labels.tolist()) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("make", [as_csv, as_tar, as_table])
def test_images_anywhere_are_brought_to_the_size_of_the_run(tmp_path, make):
    own = as_npz(folder_in(tmp_path, "own"), noise(8))
    run = tiny(tmp_path / "run", source={"name": "arrays", "path": str(own)})
    data = open_data_to_score(run, make(folder_in(tmp_path, "other"), noise(16)))
    assert data.held_out.first(9)[0].shape == (6, 1, 8, 8)


@pytest.mark.parametrize("axes", ["none", "first", "last"])
def test_complex_arrays_are_scored_in_any_order_of_axes(tmp_path, axes):
    values = (noise(8) + 1j * noise(8).transpose(0, 2, 1)).astype(np.complex64)
    np.save(folder_in(tmp_path, "own") / "x.npy", values[:, None])
    run = tiny(tmp_path / "run", source={"name": "arrays", "path": str(tmp_path / "own" / "x.npy")})
    assert run.spec.shape == (2, 8, 8)
    arranged = {"none": values, "first": values[:, None], "last": values[..., None]}[axes]
    np.save(folder_in(tmp_path, "other") / "x.npy", arranged)
    found, _ = open_data_to_score(run, tmp_path / "other" / "x.npy").held_out.first(9)
    wanted = run.spec.codec.encode(np.stack([values.real, values.imag], axis=1))
    assert {row.numpy().tobytes() for row in found} == {row.numpy().tobytes() for row in wanted}


def test_a_folder_of_stacks_is_read_as_the_run_s_own(tmp_path):
    own, other = (as_tiff(folder_in(tmp_path, name), noise(8)).parent for name in ("own", "other"))
    source = {"name": "tiff_stack", "path": str(own), "pages": "channels"}
    run = tiny(tmp_path / "run", source=source)
    assert run.spec.shape == (6, 8, 8)
    assert open_data_to_score(run, other).held_out.first(9)[0].shape == (1, 6, 8, 8)
