"""Which samples of a source are held out: a share of every class, or those that a list or a folder names."""

import hashlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.data import Indices, Source, split_by_folder, split_by_list, stratified_split
from idm.data.parts import TRAIN
from idm.settings.experiment import DataSettings
from idm.settings.schema import option_paths

FEWEST_TO_TRAIN_ON = 0.1
"""Where less than this share of the samples is trained on, that is called out."""


def split(settings: DataSettings, source: Source) -> tuple[Indices, Indices]:
    """Choose the samples to train on and those held out.

    Raises:
        DataError: no samples to train on; a list or folder that does not fit.
    """
    with option_paths("data", ("held_out", "held_out_list", "held_out_folder")), _part_named(settings):
        if settings.held_out_list:
            return split_by_list(source.names, _listed(Path(settings.held_out_list)), seed=settings.split_seed)
        if settings.held_out_folder:
            return split_by_folder(source.names, settings.held_out_folder, seed=settings.split_seed)
    total = len(source)
    wanted = settings.held_out if settings.held_out >= 1 else settings.held_out * total
    num_held_out = round(wanted) if wanted < total else total  # NaN and infinity are not below it
    if num_held_out >= total:
        raise DataError(
            f"data.held_out: fewer than the {total} samples there are wanted, got {settings.held_out}; set it lower"
        )
    return stratified_split(source.labels, total, num_held_out, seed=settings.split_seed)


def nearly_all_held_out(settings: DataSettings, train: Indices, held_out: Indices) -> tuple[str, ...]:
    """Say that few of the samples are left to train on, in one line; nothing where they are enough."""
    total = len(train) + len(held_out)
    if len(train) >= FEWEST_TO_TRAIN_ON * total:
        return ()
    option = next(name for name in ("held_out_list", "held_out_folder", "held_out") if getattr(settings, name))
    return (
        f"data: only {len(train):,} of {total:,} samples are trained on, {len(held_out):,} are held out by "
        f"data.{option}; hold out fewer",
    )


def hash_of_named(settings: DataSettings, source: Source, held_out: Indices) -> str:
    """SHA-256 of the sorted names of the held-out samples, where a list or folder names them; or ""."""
    if source.names is None or not (settings.held_out_list or settings.held_out_folder):
        return ""
    names = sorted(source.names[index] for index in held_out)
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()


def is_held_out_elsewhere(settings: DataSettings, parts: Mapping[str, str | None]) -> bool:
    """Whether samples are held out, by a list or a folder, that are of another part than the one to train on.

    Args:
        settings: the data.
        parts: the part of each file, or of each row, by name.

    Raises:
        DataError: the list cannot be read.
    """
    names = _listed(Path(settings.held_out_list)) if settings.held_out_list else []
    held = {above for name in names for above in (name.partition("#")[0], name, *map(str, PurePosixPath(name).parents))}
    inside = f"{settings.held_out_folder.strip('/')}/" if settings.held_out_folder else None
    others = [name for name, part in parts.items() if part not in (TRAIN, None)]
    return any(name in held or (inside is not None and name.startswith(inside)) for name in others)


@contextmanager
def _part_named(settings: DataSettings) -> Generator[None, None, None]:
    """Say in refusals of names that only a part of the data is read."""
    try:
        yield
    except DataError as error:
        if (part := settings.source.get("split")) is None or isinstance(error, UnreadableFileError):
            raise
        *lines, last = error.lines
        advice = f"; only the part {part} is read: set data.source.split=null to read all"
        raise DataError(*lines, last + advice) from error


def _listed(path: Path) -> list[str]:
    """Read the names in a list, one in a line; empty lines are skipped."""
    if not path.is_file():
        raise DataError(f"data.held_out_list: a text file with a name per line wanted, got {kind_at(path)}: {path}")
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"data.held_out_list: cannot be read as UTF-8 text, {path}; save it anew") from error
