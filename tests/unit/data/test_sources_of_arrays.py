"""HDF5, Zarr, NIfTI and TIFF stacks: exact values, clear refusals, and nothing run or followed that a file names."""

import json
import pickle
import struct
import sys

import h5py
import nibabel
import numpy as np
import pytest
import zarr
from PIL import Image

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.extras import import_extra

RNG = np.random.default_rng(0)
ORDER = np.array([3, 0, 0, 2])


def test_a_missing_package_is_one_line_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"pip install 'idm\[hdf5\]'") as error:
        import_extra("h5py", "hdf5")
    assert len(error.value.lines) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, np.complex64])
def test_hdf5_comes_through_in_its_dtype_and_in_any_order(tmp_path, dtype):
    data = (100 * RNG.uniform(size=(6, 2, 9))).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=(2, 2, 9), compression="gzip")
    source = SOURCES.build(*infer_source(tmp_path / "a.h5"))
    expected = np.concatenate([data.real, data.imag], axis=1) if data.dtype.kind == "c" else data
    np.testing.assert_array_equal(source.read(ORDER), expected[ORDER])


def test_hdf5_follows_no_links_out_of_the_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros((4, 1, 8))
    np.zeros((4, 1, 8)).tofile(tmp_path / "raw")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "x")
        file["soft"] = h5py.SoftLink("/x")
        file.create_dataset("raw", (4, 1, 8), "f8", external=[(str(tmp_path / "raw"), 0, 256)])
    with pytest.raises(DataError, match=r"lie in the file wanted, got .* \(raw, soft, x\), which are not followed"):
        SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5")})


def test_links_and_values_elsewhere_in_an_hdf5_file_are_named_as_not_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((4, 1, 8))
        file["labels"] = h5py.ExternalLink("other.h5", "labels")
        file["deeper/soft"] = h5py.SoftLink("/nowhere")
        layout = h5py.VirtualLayout((4, 1, 8), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4, 1, 8))
        file.create_virtual_dataset("virtual", layout)
    source = SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5")})
    assert source.labels is None
    (remark,) = source.remarks
    assert remark.startswith("not read: deeper/soft, labels, virtual; links")


@pytest.mark.parametrize(("names", "got"), [([], "got none; save"), (["y"], "got none besides y; save")])
def test_a_file_without_samples_is_not_told_to_name_one_of_its_arrays(tmp_path, names, got):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("empty")
        for name in names:
            file[name] = np.arange(4)
    with pytest.raises(DataError, match=got) as caught:
        SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5")})
    assert "data.source.key" not in str(caught.value)


def test_wrong_hdf5_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(UnreadableFileError, match=r"text\.h5: cannot be read as an HDF5 file"):
        SOURCES.build("hdf5", {"path": str(tmp_path / "text.h5")})
    with pytest.raises(DataError, match="nothing there"):
        SOURCES.build("hdf5", {"path": str(tmp_path / "missing.h5")})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = np.zeros((4, 1, 8)), np.zeros((4, 2))
    with pytest.raises(DataError, match="one integer or string per sample"):
        SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5")})
    with pytest.raises(DataError, match="an array 'z' wanted, got x, y"):
        SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5"), "key": "z"})


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_comes_through_as_array_or_group(tmp_path, version):
    data = RNG.normal(size=(7, 3, 4, 5)).astype(np.float32)
    zarr.create_array(str(tmp_path / "a.zarr"), data=data, chunks=(2, 3, 4, 5), zarr_format=version)
    source = SOURCES.build(*infer_source(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(source.read(ORDER), data[ORDER])
    assert source.labels is None
    group = zarr.open_group(str(tmp_path / "g"), mode="w", zarr_format=version)
    group.create_array("images", data=data)
    group.create_array("labels", data=np.array([5, 5, 9, 9, 5, 5, 5]))
    source = SOURCES.build(*infer_source(tmp_path / "g"))
    np.testing.assert_array_equal(source.read(ORDER), data[ORDER])
    assert source.class_names == ("5", "9")


class Canary:
    def __reduce__(self):
        return (open, ("canary", "w"))


def test_zarr_never_unpickles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = tmp_path / "a.zarr"
    store.mkdir()
    metadata = {"zarr_format": 2, "shape": [4, 8], "chunks": [4, 8], "dtype": "|O", "compressor": None}
    metadata |= {"filters": [{"id": "pickle", "protocol": 4}], "order": "C", "fill_value": None}
    (store / ".zarray").write_text(json.dumps(metadata))
    (store / "0.0").write_bytes(pickle.dumps(Canary()))
    with pytest.raises(DataError, match="got pickle; write them with another codec"):
        SOURCES.build("zarr", {"path": str(store)})
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"{}"])
def test_damaged_zarr_metadata_are_refused_in_one_line(tmp_path, content):
    (tmp_path / "zarr.json").write_bytes(content)
    with pytest.raises(DataError) as error:
        SOURCES.build("zarr", {"path": str(tmp_path)})
    assert len(error.value.lines) == 1
    assert "\n" not in error.value.lines[0]


def test_a_damaged_zarr_chunk_is_refused_by_the_name_of_the_store(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=RNG.normal(size=(4, 1, 8)), zarr_format=3)
    (chunk,) = (path for path in (tmp_path / "a.zarr" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"damage")
    with pytest.raises(UnreadableFileError, match=r"a\.zarr: cannot be read"):
        SOURCES.build("zarr", {"path": str(tmp_path / "a.zarr")})


@pytest.mark.parametrize("length", [-4, 0])
def test_lengths_of_axes_that_cannot_be_are_refused_in_a_line(tmp_path, length):
    where = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), where)
    content = bytearray(where.read_bytes())
    struct.pack_into("<h", content, 42, length)  # the first of dim[1] to dim[7]
    where.write_bytes(content)
    with pytest.raises((DataError, UnreadableFileError)) as error:
        SOURCES.build("nifti", {"path": str(where)})
    assert len(error.value.lines) == 1


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_nifti_volumes_keep_their_dtype_and_apply_slope_and_intercept(tmp_path, suffix):
    volumes = RNG.integers(-900, 900, (3, 4, 5, 6)).astype(np.int16)
    for number, volume in enumerate(volumes):
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / f"{number}.{suffix}")
    source = SOURCES.build(*infer_source(tmp_path))
    assert (source.shape, source.dtype, len(source)) == ((1, 4, 5, 6), np.int16, 3)
    np.testing.assert_array_equal(source.read(np.array([2, 0]))[:, 0], volumes[[2, 0]])
    scaled = nibabel.Nifti1Image(volumes[0], np.eye(4))
    scaled.header.set_slope_inter(0.5, 10)
    (tmp_path / "scaled").mkdir()
    nibabel.save(scaled, tmp_path / "scaled" / f"a.{suffix}")
    raw = np.asanyarray(nibabel.load(tmp_path / "scaled" / f"a.{suffix}").dataobj)
    source = SOURCES.build("nifti", {"path": str(tmp_path / "scaled")})
    assert source.dtype == np.float64
    np.testing.assert_array_equal(source[0][0], raw)


def test_scaled_complex_volumes_keep_both_parts(tmp_path):
    values = (np.arange(60).reshape(3, 4, 5) * (1 - 2j)).astype(np.complex64)
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.header.set_slope_inter(2.0, 0.5)
    nibabel.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[112:120] = struct.pack("<2f", 2.0, 0.5)  # slope and intercept, which the library has applied already
    (tmp_path / "a.nii").write_bytes(content)
    read = np.asanyarray(nibabel.load(tmp_path / "a.nii").dataobj)
    source = SOURCES.build("nifti", {"path": str(tmp_path)})
    np.testing.assert_array_equal(source[0], [read.real, read.imag])
    assert source.shape == (2, 3, 4, 5)


def test_one_nifti_file_gives_a_sample_per_entry_of_its_last_axis(tmp_path):
    values = RNG.normal(size=(4, 5, 6, 7)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    source = SOURCES.build("nifti", {"path": str(tmp_path / "a.nii"), "samples": "last"})
    assert (len(source), source.shape) == (7, (1, 4, 5, 6))
    np.testing.assert_array_equal(source.read(ORDER)[:, 0], np.moveaxis(values, -1, 0)[ORDER])


def write_volume(path, zooms, shape=(4, 5, 6)):
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.int16), np.diag([*zooms, 1.0])), path)


def test_nifti_files_tell_the_size_of_their_voxels_where_they_agree(tmp_path):
    write_volume(tmp_path / "a.nii", (0.5, 0.5, 3.0))
    write_volume(tmp_path / "b.nii", (0.5, 0.501, 3.0))
    assert SOURCES.build("nifti", {"path": str(tmp_path)}).spacing == pytest.approx((0.5, 0.5, 3.0))
    write_volume(tmp_path / "b.nii", (0.5, 0.5, 1.0))
    assert SOURCES.build("nifti", {"path": str(tmp_path)}).spacing is None
    write_volume(tmp_path / "c.nii", (0.5, 2.0, 3.0), (4, 5, 6, 7))
    options = {"path": str(tmp_path / "c.nii"), "samples": "last"}
    assert SOURCES.build("nifti", options).spacing == pytest.approx((0.5, 2.0, 3.0))


def test_voxels_without_a_size_are_not_told(tmp_path):
    write_volume(tmp_path / "a.nii", (1.0, 1.0, 1.0))
    stored = bytearray((tmp_path / "a.nii").read_bytes())
    stored[80:84] = np.float32(np.nan).tobytes()  # pixdim[1] of the header
    (tmp_path / "a.nii").write_bytes(stored)
    assert SOURCES.build("nifti", {"path": str(tmp_path / "a.nii")}).spacing is None


def test_wrong_nifti_files_are_refused_by_name(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), tmp_path / "a.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 7), np.int16), np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(DataError, match=r"b\.nii: shape \(4, 5, 6\), int16, wanted as in a\.nii"):
        SOURCES.build("nifti", {"path": str(tmp_path)})
    whole = (tmp_path / "a.nii").read_bytes()
    for name, content in (("b.nii", b"no"), ("a.nii", whole[:400])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableFileError, match=name.replace(".", r"\.")):
            SOURCES.build("nifti", {"path": str(tmp_path / name)})
    header = nibabel.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 30_000))
    (tmp_path / "bomb.nii").write_bytes(header.binaryblock + bytes(100))
    with pytest.raises(DataError, match=r"bomb\.nii: at most .* values wanted|cannot be read"):
        SOURCES.build("nifti", {"path": str(tmp_path / "bomb.nii")})


def save_pages(path, pages):
    pictures = [Image.fromarray(page) for page in pages]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_pages_of_a_tiff_are_samples_slices_or_channels(tmp_path, dtype):
    pages = (200 * RNG.uniform(size=(2, 5, 6, 7))).astype(dtype)
    for number, stack in enumerate(pages):
        save_pages(tmp_path / f"{number}.tif", stack)

    def opened(pages):
        return SOURCES.build("tiff_stack", {"path": str(tmp_path), "pages": pages})

    samples, volumes, channels = opened("samples"), opened("depth"), opened("channels")
    assert (samples.shape, volumes.shape, channels.shape) == ((1, 6, 7), (1, 5, 6, 7), (5, 6, 7))
    np.testing.assert_array_equal(samples.read(np.array([9, 0, 4]))[:, 0], pages.reshape(10, 6, 7)[[9, 0, 4]])
    np.testing.assert_array_equal(volumes.read(np.array([1, 0]))[:, 0], pages[[1, 0]])
    np.testing.assert_array_equal(channels.read(np.array([1, 0])), pages[[1, 0]])
    assert samples.dtype == dtype
    assert samples.names[5:7] == ("1.tif#0", "1.tif#1")


def test_rgb_pages_and_a_single_file_are_read(tmp_path):
    pages = RNG.integers(0, 256, (4, 6, 7, 3)).astype(np.uint8)
    save_pages(tmp_path / "a.tif", pages)
    source = SOURCES.build(*infer_source(tmp_path / "a.tif"))
    np.testing.assert_array_equal(source.read(ORDER), pages.transpose(0, 3, 1, 2)[ORDER])


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of the damaged file
def test_stacks_that_would_lose_something_are_refused_by_name(tmp_path):
    save_pages(tmp_path / "a.tif", np.zeros((2, 4, 5), np.uint16))
    save_pages(tmp_path / "b.tif", np.zeros((3, 4, 5), np.uint16))
    with pytest.raises(DataError, match=r"b\.tif: 2 pages wanted as in a\.tif, got 3"):
        SOURCES.build("tiff_stack", {"path": str(tmp_path), "pages": "depth"})
    save_pages(tmp_path / "b.tif", np.zeros((2, 4, 6), np.uint16))
    with pytest.raises(DataError, match=r"b\.tif: pages of shape \(4, 5\), uint16, wanted"):
        SOURCES.build("tiff_stack", {"path": str(tmp_path)})
    Image.new("CMYK", (4, 4)).save(tmp_path / "b.tif")
    with pytest.raises(DataError, match=r"b\.tif: 8- or 16-bit integers.*got mode CMYK"):
        SOURCES.build("tiff_stack", {"path": str(tmp_path / "b.tif")})
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:60])
    with pytest.raises(UnreadableFileError, match=r"b\.tif: cannot be read as TIFF"):
        SOURCES.build("tiff_stack", {"path": str(tmp_path / "b.tif")})
