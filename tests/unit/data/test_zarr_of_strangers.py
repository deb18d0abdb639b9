"""A Zarr store is read only where all that the library would open was looked at."""

import json
import os
import shutil

import numcodecs
import numpy as np
import pytest
import zarr

from idm.core.errors import DataError
from idm.data import SOURCES

from ...hostile import cheap

VALUES = np.arange(48, dtype="f4").reshape(6, 8)
PICKLE = {"id": "pickle"}
OF_2 = {"zarr_format": 2, "shape": [4, 8], "chunks": [4, 8], "dtype": "|O", "fill_value": None, "order": "C"}


@pytest.fixture
def decoded(monkeypatch):
    """What the pickle codec was asked to decode."""
    asked = []
    monkeypatch.setattr(numcodecs.Pickle, "decode", lambda self, *given: asked.append(given))
    monkeypatch.setattr(numcodecs.Pickle, "from_config", classmethod(lambda cls, config: asked.append(config)))
    return asked


def store_of_2(folder, **codecs):
    folder.mkdir()
    metadata = OF_2 | {"compressor": None, "filters": None} | codecs
    (folder / ".zarray").write_text(json.dumps(metadata))
    (folder / "0.0").write_bytes(b"x")
    return folder


def refused(store):
    with pytest.raises(DataError) as error:
        cheap(lambda: SOURCES.build("zarr", {"path": str(store)}))
    (line,) = error.value.lines
    return line


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("linked", ["array", "metadata", "group", "chunk"])
def test_no_link_leads_out_of_a_store(tmp_path, decoded, version, linked):
    other, store = store_of_2(tmp_path / "other", compressor=PICKLE), tmp_path / "a.zarr"
    zarr.open_group(str(store), mode="w", zarr_format=version).create_array("data", data=VALUES)
    (tmp_path / "group").mkdir()
    shutil.copytree(other, tmp_path / "group" / "x")
    if linked == "array":
        (store / "more").symlink_to(other)
    elif linked == "group":
        (store / "more").symlink_to(tmp_path / "group")
    elif linked == "metadata":
        (store / "data" / ".zarray").unlink(missing_ok=True)
        (store / "data" / ".zarray").symlink_to(other / ".zarray")
    else:
        (store / "data" / "more").symlink_to("/dev/zero")
    assert "got a link; copy the data into it" in refused(store)
    assert decoded == []


@pytest.mark.parametrize("codecs", [{"compressor": PICKLE}, {"filters": [{"id": "zlib"}, PICKLE]}, {"filters": PICKLE}])
def test_no_codec_of_version_2_unpickles(tmp_path, decoded, codecs):
    assert "got pickle" in refused(store_of_2(tmp_path / "a.zarr", **codecs))
    assert decoded == []


@pytest.mark.parametrize(
    "codec",
    [
        {"name": "numcodecs.pickle", "configuration": {}},
        {"id": "zlib", "name": "numcodecs.pickle", "configuration": {}},
        {"name": "zlib", "id": "numcodecs.pickle"},
        "numcodecs.pickle",
        {"name": "sharding_indexed", "configuration": {"codecs": [{"name": "numcodecs.pickle"}]}},
        {"configuration": {"id": "pickle"}},
    ],
)
def test_no_codec_of_version_3_unpickles_by_whatever_name_it_is_found(tmp_path, decoded, codec):
    zarr.create_array(str(tmp_path / "a.zarr"), data=VALUES, zarr_format=3)
    path = tmp_path / "a.zarr" / "zarr.json"
    metadata = json.loads(path.read_text())
    metadata["codecs"] = [codec, *metadata["codecs"]]
    path.write_text(json.dumps(metadata))
    line = refused(tmp_path / "a.zarr")
    assert "numcodecs.pickle" in line or "a codec without a name" in line
    assert decoded == []


@pytest.mark.parametrize("version", [2, 3])
def test_consolidated_metadata_are_looked_at_too(tmp_path, decoded, version):
    store = tmp_path / "a.zarr"
    zarr.open_group(str(store), mode="w", zarr_format=version).create_array("data", data=VALUES)
    zarr.consolidate_metadata(str(store), zarr_format=version)
    SOURCES.build("zarr", {"path": str(store)})
    path = store / (".zmetadata" if version == 2 else "zarr.json")
    metadata = json.loads(path.read_text())
    arrays = metadata["metadata"] if version == 2 else metadata["consolidated_metadata"]["metadata"]
    array = arrays["data/.zarray" if version == 2 else "data"]
    array |= {"compressor": PICKLE} if version == 2 else {"codecs": [{"name": "pickle"}]}
    path.write_text(json.dumps(metadata))
    assert "got pickle" in refused(store)
    assert decoded == []


def test_a_pipe_in_place_of_a_chunk_is_not_waited_for(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=VALUES, zarr_format=2)
    (tmp_path / "a.zarr" / "0.0").unlink()
    os.mkfifo(tmp_path / "a.zarr" / "0.0")
    assert "a file or folder of the Zarr store wanted" in refused(tmp_path / "a.zarr")


def test_a_store_may_itself_lie_behind_a_link(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=VALUES)
    (tmp_path / "link").symlink_to(tmp_path / "a.zarr")
    np.testing.assert_array_equal(SOURCES.build("zarr", {"path": str(tmp_path / "link")}).read(np.arange(6)), VALUES)
