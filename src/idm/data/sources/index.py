"""The index of data: what every file was when the data were checked, so that training reads just that.

A text file of JSON lines. The first says what was indexed, every further one tells of one file, or of one image in a
larger file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import json_text, one_line
from idm.data.images.resize import ImageSize

VERSION = 1
"""Number of the format, in the first line."""

WAY_OUT = "write it with idm check-data PATH out=DIR"

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the index, or one image in a larger file.

    Attributes:
        path: relative to the folder that was checked, with forward slashes; the name of the sample.
        num_bytes: size of the file; None where there is nothing behind the name.
        sha256: hash of its bytes, hexadecimal; None as above.
        format: file format found in the file, whatever its name says; None if none of those that are read.
        mode: pixels as Pillow calls them, or dtype of an array.
        size: width and height of an image as it is seen, or shape of an array.
        orientation: EXIF orientation, 1 to 8; 1 is upright, and what files without that tag have.
        label: name of the class; None without classes.
        conversions: what is done to the image on reading, in words.
        refusal: why training would refuse it, one line; None if it would not.
        archive: the larger file that holds it, relative as path; None for a file of its own.
        offset: where its bytes begin in that.
        packed: how many bytes there it is packed in; None where it is not packed.
    """

    path: str
    num_bytes: int | None
    sha256: str | None
    format: str | None = None
    mode: str | None = None
    size: tuple[int, ...] | None = None
    orientation: int | None = None
    label: str | None = None
    conversions: tuple[str, ...] = ()
    refusal: str | None = None
    archive: str | None = None
    offset: int = 0
    packed: int | None = None


@dataclass(frozen=True)
class Index:
    """What was indexed.

    Attributes:
        source: name of the source that reads it.
        folder: absolute path of the folder that all paths are relative to.
        file: the file in it that the source opens; "": the folder itself.
        image_size: side of the square, or height and width, that images are brought to; None: they keep their size.
        class_names: names of the classes, in the order of their numbers; None without labels.
        files: all files, in the order in which they are read.
        options: further options of the source, by name.
    """

    source: str
    folder: str
    file: str
    image_size: ImageSize | None
    class_names: tuple[str, ...] | None
    files: tuple[FileEntry, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_text(self) -> str:
        """Write the index."""
        head = {"idm_index": VERSION} | {name: value for name, value in vars(self).items() if name != "files"}
        lines = [head, *map(asdict, self.files)]
        return "".join(json_text(line) + "\n" for line in lines)


def read_index(path: Path) -> Index:
    """Read an index.

    Raises:
        UnreadableFileError: the file is no index, or damaged.
        DataError: nothing there.
    """
    if not path.is_file():
        raise DataError(f"{path}: an index wanted, got {kind_at(path)}; {WAY_OUT}")
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            head = json.loads(file.readline())
            if not isinstance(head, dict) or head.pop("idm_index", None) != VERSION:
                raise ValueError("its first line is not that of an index")
            entries = [_typed(FileEntry, json.loads(line)) for line in file]
        if any(entry.refusal is None and None in (entry.num_bytes, entry.sha256) for entry in entries):
            raise ValueError("a size or hash is missing")
        return _typed(Index, head | {"files": entries})
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableFileError(f"{path}: cannot be read as an index ({one_line(error)}); {WAY_OUT}") from error


def _typed(kind: type[Kind], plain: Any) -> Kind:
    """Make a dataclass of a JSON object.

    Raises:
        TypeError: no object, a field too many or missing, or a value of another type.
    """
    if not isinstance(plain, dict):
        raise TypeError("a line that is no object")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    hints = _hints(kind)
    if wrong := [name for name, value in values.items() if name in hints and not fits(hints[name], value)]:
        raise TypeError(f"wrong {', '.join(wrong)}")
    return kind(**values)


_hints = cache(get_type_hints)


def fits(hint: Any, value: Any) -> bool:
    """Whether a value is of a type, of a union of types, one of some values, or a tuple of values of one type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, UnionType):
        return any(fits(option, value) for option in arguments)
    if origin is Annotated:
        return fits(arguments[0], value)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(arguments[0], item) for item in value)
    return isinstance(value, origin or hint) and (hint is bool or not isinstance(value, bool))
