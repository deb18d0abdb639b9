"""TIFF files of many bands, pages and bits: what tifffile and ImageJ wrote comes back bit for bit."""

import struct

import numpy as np
import pytest
import tifffile

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.arrays.tiff_tags import is_beyond_pictures
from idm.data.check import check_path

RNG = np.random.default_rng(0)


def build(path, **options):
    return SOURCES.build("tiff", {"path": str(path), **options})


def numbers(dtype, *shape):
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def last_first(values):
    return np.moveaxis(values, -1, 0)[None]


PAGES = {"photometric": "minisblack"}
BANDS = {**PAGES, "planarconfig": "contig"}
WRITTEN = {
    **{
        f"pages of {name}": (values := numbers(name, 6, 4, 5), PAGES, values[:, None])
        for name in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")
    },
    "bands": (values := numbers("u2", 4, 5, 7), BANDS, last_first(values)),
    "bands in planes": (values := numbers("f4", 7, 4, 5), {**PAGES, "planarconfig": "separate"}, values[None]),
    "16-bit colours": (values := numbers("u2", 4, 5, 3), {"photometric": "rgb"}, last_first(values)),
    "pages of bands": (values := numbers("i2", 6, 4, 5, 7), BANDS, np.moveaxis(values, -1, 1)),
    "big-endian": (values := numbers("u2", 6, 4, 5), {**PAGES, "byteorder": ">"}, values[:, None]),
    "long": (values := numbers("u2", 6, 4, 5), {**PAGES, "bigtiff": True}, values[:, None]),
    "tiles": (values := numbers("f8", 32, 48, 5), {**BANDS, "tile": (16, 16)}, last_first(values)),
    "strips": (values := numbers("u2", 6, 32, 5), {**PAGES, "rowsperstrip": 8}, values[:, None]),
    "ImageJ in time": (
        values := numbers("u2", 6, 4, 5),
        {"imagej": True, "metadata": {"axes": "TYX"}},
        values[:, None],
    ),
    "ImageJ channels in time": (
        values := numbers("u2", 6, 2, 4, 5),
        {"imagej": True, "metadata": {"axes": "TCYX"}},
        values,
    ),
    "ImageJ volumes": (
        values := numbers("f4", 3, 4, 2, 5, 6),
        {"imagej": True, "metadata": {"axes": "TZCYX"}},
        values.swapaxes(1, 2),
    ),
    "OME": (values := numbers("u2", 6, 2, 4, 5), {"ome": True, **PAGES, "metadata": {"axes": "TCYX"}}, values),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_pixels_come_back_bit_for_bit_with_bands_as_channels(tmp_path, name):
    values, told, expected = WRITTEN[name]
    tifffile.imwrite(tmp_path / "a.tif", values, **told)
    source = build(tmp_path / "a.tif")
    assert (source.shape, source.dtype) == (expected.shape[1:], expected.dtype)
    order = RNG.permutation(len(expected))
    assert source.read(order).tobytes() == expected[order].tobytes()


def test_what_pillow_cannot_read_is_recognised_and_what_it_can_is_not(tmp_path):
    kinds = {"bands": numbers("u2", 4, 5, 7), "colours": numbers("u2", 4, 5, 3), "f8": numbers("f8", 4, 5)}
    for name, values in kinds.items():
        (tmp_path / name).mkdir()
        photometric = "rgb" if name == "colours" else "minisblack"
        planar = {} if values.ndim == 2 else {"planarconfig": "contig"}
        for number in range(2):
            tifffile.imwrite(tmp_path / name / f"{number}.tif", values, photometric=photometric, **planar)
        assert infer_source(tmp_path / name)[0] == infer_source(tmp_path / name / "0.tif")[0] == "tiff"
        assert len(SOURCES.build(*infer_source(tmp_path / name))) == 2
    tifffile.imwrite(tmp_path / "a.tif", numbers("u1", 4, 5, 3), photometric="rgb")
    assert infer_source(tmp_path / "a.tif")[0] == "tiff_stack"


def test_pages_are_channels_where_that_is_said_and_files_have_classes(tmp_path):
    values = numbers("u2", 2, 6, 4, 5)
    for number, kind in enumerate("ab"):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(tmp_path / kind / "x.tif", values[number], **PAGES)
    source = build(tmp_path, pages="channels", labels="folder")
    assert (source.class_names, source.names) == (("a", "b"), ("a/x.tif", "b/x.tif"))
    np.testing.assert_array_equal(source.read(np.array([1, 0])), values[::-1])
    assert build(tmp_path, labels="folder").labels.tolist() == [0] * 6 + [1] * 6


def test_missing_values_are_filled_or_left_out_with_their_sample(tmp_path):
    values = np.where(np.arange(60).reshape(3, 4, 5) == 25, np.nan, 1.5)
    tifffile.imwrite(tmp_path / "a.tif", values, **PAGES)
    with pytest.raises(DataError, match=r"all values wanted, got 5\.0% missing in sample 1"):
        build(tmp_path / "a.tif")
    assert build(tmp_path / "a.tif", missing="fill", fill=7.0)[1][0, 1, 0] == 7
    (line,) = build(tmp_path / "a.tif", missing="fill", fill=-70.5).remarks
    assert line.startswith("1.7 % of the values are missing, filled with -70.5, which lies outside of the data (")
    assert build(tmp_path / "a.tif", missing="skip").names == ("a.tif#0", "a.tif#2")


def test_compressed_and_damaged_files_and_those_of_another_shape_are_refused_by_name(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", numbers("u2", 6, 4, 5), compression="zlib", **PAGES)
    with pytest.raises(DataError, match=r"pixels that are not compressed wanted, got ADOBE_DEFLATE; unpack it"):
        build(tmp_path / "a.tif")
    for name, shape in (("a", (4, 5, 7)), ("b", (4, 6, 7))):
        tifffile.imwrite(tmp_path / f"{name}.tif", numbers("u2", *shape), **BANDS)
    with pytest.raises(DataError, match=r"b\.tif: shape \(7, 4, 5\), uint16, wanted as in a\.tif, got \(7, 4, 6\)"):
        build(tmp_path)
    whole = (tmp_path / "a.tif").read_bytes()
    for content in (b"", whole[:8], whole[:-40], b"PNG" + whole):
        (tmp_path / "c.tif").write_bytes(content)
        with pytest.raises(UnreadableFileError, match=r"c\.tif: cannot be read as a TIFF file") as caught:
            build(tmp_path / "c.tif")
        assert len(caught.value.lines) == 1


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", numbers("u2", 4, 5, 7), **BANDS)
    check = check_path(tmp_path / "a.tif")
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert (check.source, len(SOURCES.build(*infer_source(tmp_path / "index.jsonl")))) == ("tiff", 1)


@pytest.mark.parametrize("place", [2**63, 2**64 - 1])
def test_places_beyond_those_that_files_have_are_refused_in_a_line(tmp_path, place):
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
    far = struct.pack("<QHHQQ", 1, 277, 3, 9, place)  # the first entry lies elsewhere
    for content in (head[:8] + struct.pack("<Q", place), head + far):
        (tmp_path / "a.tif").write_bytes(content)
        assert not is_beyond_pictures(tmp_path / "a.tif")
        with pytest.raises(DataError, match=r"a\.tif: ") as caught:
            SOURCES.build(*infer_source(tmp_path / "a.tif"))
        assert len(caught.value.lines) == 1
