"""Arrays in Zarr stores, left on disk and read as needed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError
from idm.core.text import one_line
from idm.data.arrays.keys import ArrayFile
from idm.data.arrays.named import NamedArrays, choose_arrays, read_sorted, refuse_unstored
from idm.data.base import Indices
from idm.data.extras import import_extra
from idm.data.reading.damage import reading

NUMBERS = frozenset({"bytes", "endian", "delta", "fixedscaleoffset", "shuffle", "transpose", "sharding_indexed"})
PACKED = frozenset({"blosc", "bz2", "crc32", "crc32c", "gzip", "lz4", "lzma", "vlen-utf8", "zlib", "zstd"})
CODECS = NUMBERS | PACKED
"""Ways of packing that are read. Others are refused: one of them is pickle, which runs code."""

METADATA = frozenset({".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"})
"""Names of the files that say what the others hold, in small letters."""

MAX_METADATA_BYTES = 1_000_000
"""Largest file of metadata that is read, in bytes."""


class Zarr(NamedArrays):
    """One array of a Zarr store in a folder, perhaps with another that holds the labels (needs zarr).

    Attributes:
        path: the folder of a store that is a single array, or a group of arrays; versions 2 and 3. Nothing in it may be
            a link.
    """

    def _open(self, where: Path, key: str | None, labels_key: str | None, apart: tuple[str, ...]) -> ArrayFile:
        if not where.is_dir():
            raise DataError(
                f"{where}: the folder of a Zarr store wanted, got {'a file' if where.exists() else 'nothing'}"
            )
        zarr = import_extra("zarr", "zarr")
        refuse_other_codecs(where)
        with reading(where, "a Zarr store", "write it with zarr"):
            root = zarr.open(str(where), mode="r")
            names = array_names(zarr, root)
            if names is not None:
                return choose_arrays(where, names, key, labels_key, root.__getitem__, apart)
            refuse_unstored(where, root)
            return ArrayFile(root, None)

    def _in_array(self, indices: Indices) -> NDArray[Any]:
        with reading(self._where, "a Zarr store", "write it again"):
            return read_sorted(self._data.oindex, indices)

    def _cut_out(self, keys: Iterable[Any]) -> Iterator[NDArray[Any]]:
        for key in keys:
            with reading(self._where, "a Zarr store", "write it again"):
                yield np.asarray(self._data[key])


def array_names(zarr: Any, root: Any, above: str = "") -> list[str] | None:
    """Paths of all arrays of a group; None for a store that is a single array."""
    if not isinstance(root, zarr.Group):
        return None
    found: list[str] = []
    for name, item in root.members():
        inner = array_names(zarr, item, f"{above}{name}/")
        found += [f"{above}{name}"] if inner is None else inner
    return sorted(found)


def refuse_other_codecs(where: Path) -> None:
    """Read the names of all codecs from the metadata, before the library makes objects of them.

    What lies elsewhere is not read: the library follows links, behind which anything may be.
    """
    for file in _regular_files(where):
        if file.name.lower() not in METADATA:
            continue
        try:
            if file.stat().st_size > MAX_METADATA_BYTES:
                raise ValueError("too large")
            names = set(_codecs(json.loads(file.read_bytes())))
        except (ValueError, OSError, RecursionError) as error:
            raise UnreadableFileError(
                f"{file}: cannot be read as metadata ({one_line(error)}); write it again"
            ) from error
        if others := sorted(names - CODECS):
            raise DataError(
                f"{file}: numbers packed with {', '.join(sorted(CODECS))} wanted, got {', '.join(others)}; "
                "write them with another codec"
            )


def _regular_files(where: Path) -> Iterator[Path]:
    """Go through all files of a store.

    Raises:
        DataError: a link, a pipe or a device among them.
    """
    waiting = [where]
    while waiting:
        for item in sorted(waiting.pop().iterdir()):
            if item.is_symlink() or not (item.is_dir() or item.is_file()):
                kind = "a link" if item.is_symlink() else "neither"
                raise DataError(f"{item}: a file or folder of the Zarr store wanted, got {kind}; copy the data into it")
            if item.is_dir():
                waiting.append(item)
            else:
                yield item


def _codecs(metadata: Any) -> list[str]:
    """Names of codecs anywhere in the metadata of arrays, of version 2 ("id") and 3 ("name")."""
    if isinstance(metadata, list):
        return [name for item in metadata for name in _codecs(item)]
    if not isinstance(metadata, dict):
        return []
    lists = [metadata.get("filters"), metadata.get("compressor"), metadata.get("codecs"), metadata.get("index_codecs")]
    found = [name for item in lists for name in _named(item)]
    return found + [name for item in metadata.values() for name in _codecs(item)]


def _named(item: Any) -> list[str]:
    """Every name that a codec, or each in a list, may be found by."""
    named: list[str] = []
    for entry in item if isinstance(item, list) else [item]:
        if isinstance(entry, dict):
            named += [str(entry[key]) for key in ("id", "name") if entry.get(key)] or ["a codec without a name"]
        elif entry is not None:
            named.append(str(entry))
    return named
