"""The files in a zip archive, by its directory: nothing is unpacked before its place and size are judged."""

import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from idm.core.errors import DataError, UnreadableFileError
from idm.core.text import one_line
from idm.data.images.items import Deflated, Slice

LARGEST_BYTES = 1 << 28
"""Most bytes of a file in an archive, 256 MiB: eight for each of the pixels of the largest image."""

LARGEST_RATIO = 1_032
"""Deflate makes at most so many bytes of one (zlib's documentation: "1032:1")."""

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""What lies before the bytes of a file: a signature, and the lengths of a name and of extra fields, which follow."""

OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:|(.*/)?\.\.?(/|$)|.*\\")
"""Names that begin at the top, or lead out of the folder that an archive would be unpacked into."""

WRITE_ANEW = "write the archive anew"


def files_in_zip(where: Path) -> dict[str, Slice | Deflated]:
    """List the plain files of a zip archive by name, hidden ones left out, in the order of their names.

    Raises:
        UnreadableFileError: no zip archive, or a damaged one.
        DataError: names that lead outside or come twice, links, encryption, other packing than deflate, files that
            claim to be larger than what is stored of them can be, or that share bytes.
    """
    try:
        with where.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _refuse_doubled(where, members)
            wanted = [member for member in members if _is_wanted(where, member)]
            found = dict(_found(where, file, wanted, archive.start_dir))
    except DataError:
        raise
    except Exception as error:  # damaged directories raise whatever they make the reader stumble over
        raise UnreadableFileError(
            f"{where}: cannot be read as a zip archive ({one_line(error)}); {WRITE_ANEW}"
        ) from error
    return dict(sorted(found.items()))


def _refuse_doubled(where: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for member in members:
        if member.filename in seen:
            raise DataError(f"{where}: each name once wanted, got {member.filename!r} twice; {WRITE_ANEW}")
        seen.add(member.filename)


def _is_wanted(where: Path, member: zipfile.ZipInfo) -> bool:
    """Whether a member is a file that is not hidden.

    Raises:
        DataError: one that a folder could not hold as it is.
    """
    name, kind = member.orig_filename, stat.S_IFMT(member.external_attr >> 16)
    if not name.isprintable() or OUTSIDE.match(name):
        raise DataError(f"{where}: names below one folder wanted, got {name!r}; {WRITE_ANEW} without it")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{where}: plain files wanted, got {name!r}, a link or device; {WRITE_ANEW} without it")
    return not member.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _found(
    where: Path, file: BinaryIO, members: Sequence[zipfile.ZipInfo], end: int
) -> Iterator[tuple[str, Slice | Deflated]]:
    """Say where the bytes of each file lie; ``end`` is where the directory begins.

    Raises:
        DataError: as ``files_in_zip``.
        ValueError: bytes that lie elsewhere than in the archive.
    """
    spans = [(0, 0)]
    for member in sorted(members, key=lambda member: member.header_offset):
        _refuse_sizes(where, member)
        file.seek(member.header_offset)
        signature, of_name, of_extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        start = member.header_offset + LOCAL_HEADER.size + of_name + of_extra
        if signature != b"PK\x03\x04" or start + member.compress_size > end:
            raise ValueError(f"{member.filename!r} does not lie where its directory says")
        spans.append((member.header_offset, start + member.compress_size))
        stored = member.compress_type == zipfile.ZIP_STORED
        plain = Slice(where, member.filename, start, member.file_size)
        yield member.filename, plain if stored else Deflated(plain, member.compress_size)
    if any(after < before for (_, before), (after, _) in pairwise(spans)):
        raise DataError(f"{where}: bytes of one file each wanted, got files that share some; {WRITE_ANEW}")


def _refuse_sizes(where: Path, member: zipfile.ZipInfo) -> None:
    """Refuse what cannot be unpacked, or would become larger than it can be.

    Raises:
        DataError: as said.
    """
    name, size, packed = member.filename, member.file_size, member.compress_size
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{where}: files stored or deflated wanted, got {name!r}, encrypted or otherwise packed; {WRITE_ANEW}"
        )
    if size > LARGEST_BYTES:
        raise DataError(
            f"{where}: at most {LARGEST_BYTES:,} bytes in a file wanted, got {size:,} in {name!r}; leave it out"
        )
    most = packed if member.compress_type == zipfile.ZIP_STORED else LARGEST_RATIO * packed
    if size > most:
        raise DataError(
            f"{where}: sizes that what is stored can have wanted, got {size:,} bytes of {packed:,} for {name!r}; "
            f"{WRITE_ANEW}"
        )
