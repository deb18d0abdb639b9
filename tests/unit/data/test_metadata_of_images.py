"""Coordinates of FITS and tags of TIFF: read, kept in a checkpoint, given back by the writer."""

import io

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from astropy.wcs import WCS

from idm.data import SOURCES
from idm.data.metadata import (
    DicomMetadata,
    FitsMetadata,
    TiffMetadata,
    metadata_from_plain,
    metadata_to_plain,
    of_pieces,
)

from .given_back import restored, written

SKY = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 83.822,
    "CRVAL2": -5.391,
    "CRPIX1": 3.0,
    "CRPIX2": 2.5,
    "CD1_1": -0.0001,
    "CD1_2": 2e-6,
    "CD2_1": 2e-6,
    "CD2_2": 0.0001,
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "RADESYS": "ICRS",
    "BUNIT": "Jy/beam",
}
PIXELS = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


def sky(path, pixels=PIXELS, **changes):
    unit = fits.PrimaryHDU(pixels)
    unit.header.update({**SKY, "OBSERVER": "somebody", "HISTORY": "not kept", **changes})
    unit.writeto(path)


def test_the_coordinates_of_an_image_are_those_of_the_data(tmp_path):
    sky(tmp_path / "a.fits")
    found = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    assert found.metadata.units == ("Jy/beam",)
    header = fits.open(io.BytesIO(written("fits", found)))[0].header
    assert {name: header[name] for name in SKY} == SKY
    assert "OBSERVER" not in header
    np.testing.assert_array_equal(
        WCS(header).all_pix2world([[0, 0], [5, 4]], 0), WCS(SKY).all_pix2world([[0, 0], [5, 4]], 0)
    )


SIP = {
    **{"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"},
    **{"A_ORDER": 3, "A_2_0": 0.01, "A_1_2": -0.002, "B_ORDER": 2, "B_0_2": 0.02, "B_1_1": 0.005},
    **{"AP_ORDER": 1, "AP_1_0": -1e-5, "BP_ORDER": 1, "BP_0_1": -1e-5, "A_DMAX": 0.5},
}


def test_distortions_by_polynomials_are_those_of_the_data(tmp_path):
    sky(tmp_path / "a.fits", **SIP)
    found = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    pixels = [[x, y] for x in (0, 2, 5) for y in (0, 4)]
    back = WCS(fits.Header.fromstring(written("fits", found))).all_pix2world(pixels, 0)
    original = WCS(fits.getheader(tmp_path / "a.fits"))
    np.testing.assert_array_equal(back, original.all_pix2world(pixels, 0))
    assert np.abs(back - original.wcs_pix2world(pixels, 0)).max() > 1e-6  # a hundredth of a pixel: it is distorted


@pytest.mark.parametrize("changes", [{"CTYPE1": "RA---TAB"}, {"CPDIS1": "LOOKUP"}, {"PS1_0": "TABLE"}])
def test_of_coordinates_in_a_table_the_unit_alone_is_kept(tmp_path, changes):
    sky(tmp_path / "a.fits", **changes)
    found = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    assert restored(found) == FitsMetadata((("BUNIT", "Jy/beam"),))


def test_planes_of_a_cube_have_no_third_axis(tmp_path):
    sky(tmp_path / "a.fits", np.stack([PIXELS] * 3), CTYPE3="FREQ", CRVAL3=1.4e9, CD3_3=1e6)
    planes = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    assert dict(planes.metadata.cards) == SKY
    cubes = SOURCES.build("fits", {"path": str(tmp_path / "a.fits"), "samples": "files", "channels": "first"})
    assert dict(cubes.metadata.cards) == {**SKY, "CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CD3_3": 1e6}
    assert fits.getheader(io.BytesIO(written("fits", cubes)))["CRVAL3"] == 1.4e9


def test_of_images_that_lie_elsewhere_the_unit_is_kept(tmp_path):
    sky(tmp_path / "a.fits")
    sky(tmp_path / "b.fits", CRVAL1=84.0)
    assert restored(SOURCES.build("fits", {"path": str(tmp_path)})) == FitsMetadata((("BUNIT", "Jy/beam"),))


def test_damaged_cards_are_left_out(tmp_path):
    sky(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(
        content.replace(b"CRVAL1  =               83.822", b"CRVAL1  =              83.8x2 ")
    )
    cards = dict(SOURCES.build("fits", {"path": str(tmp_path / "a.fits")}).metadata.cards)
    assert "CRVAL1" not in cards
    assert cards["CRVAL2"] == -5.391


GEO = {
    33550: (10.0, 10.0, 0.0),
    33922: (0.0, 0.0, 0.0, 500_000.0, 4_600_000.0, 0.0),
    34735: (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32631),
    34737: "WGS 84 / UTM zone 31N|",
}
TYPES = {33550: 12, 33922: 12, 34735: 3, 34737: 2}


def scene(path, changes=None):
    tags = {**GEO, **(changes or {})}
    extra = [(code, TYPES[code], 0 if code == 34737 else len(value), value, True) for code, value in tags.items()]
    tifffile.imwrite(path, PIXELS, extratags=extra, resolution=((3, 2), (5, 4)), resolutionunit=3, metadata=None)


def test_tags_of_a_scene_come_back_as_they_were(tmp_path):
    scene(tmp_path / "a.tif")
    found = SOURCES.build("tiff", {"path": str(tmp_path / "a.tif")})
    with tifffile.TiffFile(io.BytesIO(written("tiff", found))) as file:
        tags = file.pages[0].tags
        assert {code: tags[code].value for code in GEO} == GEO
        assert (tags[282].value, tags[283].value, int(tags[296].value)) == ((3, 2), (5, 4), 3)
        np.testing.assert_array_equal(file.asarray(), PIXELS)


def test_of_scenes_that_lie_elsewhere_all_but_the_place_is_kept(tmp_path):
    scene(tmp_path / "a.tif")
    scene(tmp_path / "b.tif", {33922: (0.0, 0.0, 0.0, 600_000.0, 4_600_000.0, 0.0)})
    tags = dict(restored(SOURCES.build("tiff", {"path": str(tmp_path)})).tags)
    assert tags.keys() == {282, 283, 296, 33550, 34735, 34737}


@pytest.mark.parametrize("channels", [1, 2])
def test_distances_of_imagej_come_back(tmp_path, channels):
    stack = np.random.default_rng(0).integers(0, 99, (4, channels, 5, 6)).astype(np.uint16)
    named = {"axes": "ZCYX", "spacing": 2.5, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, resolution=(4.0, 8.0), metadata=named)
    found = SOURCES.build("tiff", {"path": str(tmp_path / "a.tif")})
    assert found.shape == (channels, 4, 5, 6)
    assert found.metadata.voxel_size == (2.5, 1 / 8, 1 / 4)
    with tifffile.TiffFile(io.BytesIO(written("tiff", found))) as file:
        assert (file.imagej_metadata["spacing"], file.imagej_metadata["unit"]) == (2.5, "um")
        x, y = (file.pages[0].tags[code].value for code in (282, 283))
        assert (x[0] / x[1], y[0] / y[1]) == (4, 8)
        np.testing.assert_array_equal(file.asarray().reshape(stack.shape), stack)


METADATA = {
    "fits": (FitsMetadata(tuple(SKY.items())), (1, 5, 6)),
    "tiff": (TiffMetadata(((282, (3, 2)), (283, (5, 4)), *GEO.items()), 2.5, "um"), (1, 5, 6)),
    "dicom": (DicomMetadata("CT", "HU", (2.5, 0.5, 0.75), 1.0, -1024.0), (1, 3, 4, 5)),
}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("fits", {"cards": {"SIMPLE": "F"}}),
        ("fits", {"cards": {"BUNIT": "x" * 69}}),
        ("fits", {"cards": {"BUNIT": "K\n"}}),
        ("fits", {"cards": {"CRVAL1": float("inf")}}),
        ("fits", {"cards": {"CRVAL1": True}}),
        ("fits", {"cards": {"CRVAL1": [1.0]}}),
        ("fits", {"cards": 3}),
        ("fits", {"num_channels": 2}),
        ("tiff", {"tags": [[273, [8]]]}),
        ("tiff", {"tags": [[282, [1, 0]]]}),
        ("tiff", {"tags": [[282, [1]]]}),
        ("tiff", {"tags": [[34735, [70_000]]]}),
        ("tiff", {"tags": [[33550, [float("nan")]]]}),
        ("tiff", {"tags": [[33550, ["a"]]]}),
        ("tiff", {"tags": [[282, [3, 2]], [282, [3, 2]]]}),
        ("tiff", {"tags": 7}),
        ("tiff", {"spacing": -1.0}),
        ("tiff", {"unit": "a\nb"}),
        ("dicom", {"modality": "x" * 65}),
        ("dicom", {"modality": 3}),
        ("dicom", {"spacing": [1.0]}),
        ("dicom", {"spacing": [1.0, 0.0, 1.0]}),
        ("dicom", {"spacing": [1.0, 1.0]}),
        ("dicom", {"slope": float("nan")}),
        ("dicom", {"num_channels": 3}),
    ],
)
def test_what_a_stranger_says_is_refused(kind, changes):
    metadata, shape = METADATA[kind]
    plain = metadata_to_plain(metadata)
    assert metadata_from_plain(plain, shape) == metadata
    with pytest.raises((KeyError, TypeError, ValueError)):
        metadata_from_plain({**plain, **changes}, shape)


def test_of_pieces_that_are_cut_out_no_place_is_kept():
    pieces = {kind: of_pieces(metadata, (1, *(2,) * (len(shape) - 1))) for kind, (metadata, shape) in METADATA.items()}
    assert pieces["fits"] == FitsMetadata((("BUNIT", "Jy/beam"),))
    assert 33922 not in dict(pieces["tiff"].tags)
    assert 33550 in dict(pieces["tiff"].tags)
    assert pieces["dicom"] == METADATA["dicom"][0]
