"""Which samples of a source are held out: a share of every class, or those that a list or a folder names."""

import hashlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import counted
from idm.data import Indices, Source, split_by_folder, split_by_list, stratified_split
from idm.data.groups import BY, PATTERN, Groups, grouped_split, groups_by, groups_by_names, groups_of_wholes
from idm.data.parts import TRAIN
from idm.data.patches import SIZE
from idm.data.wholes import FEWEST, Wholes
from idm.run.spec import DataSpec
from idm.settings.experiment import DataSettings
from idm.settings.schema import option_paths

FEWEST_TO_TRAIN_ON = 0.1
"""Smallest share of the samples to train on that is not called out."""


NEAR = 0.2
"""By how much of it the number of samples that groups hold out may miss what is wanted before that is called out."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which samples are trained on and which are not.

    Attributes:
        train: numbers of those to train on.
        held_out: numbers of those held out.
        groups: what is not divided; None where nothing is said of it.
        wanted: how many were to be held out; None where a list or a folder says which.
        divided: what lies on both sides without being told to; None: nothing, or it is not known.
    """

    train: Indices
    held_out: Indices
    groups: Groups | None = None
    wanted: int | None = None
    divided: Wholes | None = None


def split(settings: DataSettings, source: Source, before: DataSpec | None = None) -> Split:
    """Choose the samples to train on and those held out.

    Args:
        settings: the data and their split.
        source: the samples.
        before: what a run remembers of the same data, which are split as they were then.

    Raises:
        DataError: no samples to train on; a list or folder that does not fit, or divides groups; no such groups.
    """
    seed = settings.split_seed
    with option_paths("data", ("held_out_list", "held_out_folder", BY, PATTERN, SIZE)), _part_named(settings):
        groups = _groups(settings, source, before)
        if settings.held_out_list or settings.held_out_folder:
            option = "held_out_list" if settings.held_out_list else "held_out_folder"
            if settings.held_out_list:
                parts = split_by_list(source.names, _listed(Path(settings.held_out_list)), seed=seed)
            else:
                parts = split_by_folder(source.names, settings.held_out_folder, seed=seed)
            if groups is not None:
                groups.refuse_divided(option, parts[1])
            return Split(*parts, groups)
    num_held_out = _num_held_out(settings, len(source))
    if groups is None:
        parts = stratified_split(source.labels, len(source), num_held_out, seed=seed)
        return Split(*parts, None, num_held_out, source.wholes if num_held_out else None)
    with option_paths("data", (BY, PATTERN, SIZE)):
        return Split(*grouped_split(groups, source.labels, num_held_out, seed=seed), groups, num_held_out)


def _groups(settings: DataSettings, source: Source, before: DataSpec | None) -> Groups | None:
    if settings.group_by:
        return groups_by(source, settings.group_by)
    if settings.group_pattern:
        return groups_by_names(source, settings.group_pattern)
    wholes = source.wholes
    if wholes is None or (wholes.may_be_divided and _divides(settings, wholes, before)):
        return None
    return groups_of_wholes(wholes)


def _divides(settings: DataSettings, wholes: Wholes, before: DataSpec | None) -> bool:
    """Whether wholes that may be divided are: by who chose samples, as they are few, or as a run was begun so."""
    is_told = bool(settings.held_out_list or settings.held_out_folder)
    return is_told or len(wholes.names) < FEWEST or (before is not None and not before.held_out_hash)


def _num_held_out(settings: DataSettings, total: int) -> int:
    wanted = settings.held_out if settings.held_out >= 1 else settings.held_out * total
    num_held_out = round(wanted) if wanted < total else total  # NaN and infinity are not below it
    if num_held_out >= total:
        raise DataError(
            f"data.held_out: fewer than the {total} samples there are wanted, got {settings.held_out}; set it lower"
        )
    return num_held_out


def notes_on_split(parts: Split) -> tuple[str, ...]:
    """Say which groups are held out, in a line; nothing where that is odd, see ``remarks_on_split``."""
    return () if _are_too_many_or_few(parts) else _grouped_in_words(parts)


def remarks_on_split(settings: DataSettings, parts: Split) -> tuple[str, ...]:
    """Say what is odd: how many samples groups hold out, what they divide, how few are left, a line each."""
    few = _nearly_all_held_out(settings, parts.train, parts.held_out)
    odd = _grouped_in_words(parts) if _are_too_many_or_few(parts) else ()
    return odd + _divided_in_words(parts) + few


def _are_too_many_or_few(parts: Split) -> bool:
    """Whether groups hold out another number of samples than was wanted."""
    wanted, held = parts.wanted, len(parts.held_out)
    return parts.groups is not None and wanted is not None and abs(held - wanted) > NEAR * wanted


def _grouped_in_words(parts: Split) -> tuple[str, ...]:
    if parts.groups is None or not (len(parts.held_out) or parts.groups.is_told):
        return ()
    groups, of, held, total = parts.groups, parts.groups.of, len(parts.held_out), len(parts.train) + len(parts.held_out)
    num_groups = len(set(of[parts.held_out].tolist()))
    line = (
        f"data: {num_groups:,} of {counted(len(groups.names), groups.noun)}"
        f"{f' (data.{groups.told})' if groups.is_told else ''} "
        f"{'is' if num_groups == 1 else 'are'} held out, {held:,} of {total:,} samples"
        f"{'' if groups.is_told else f': samples of a {groups.noun} are kept on one side of the split'}"
    )
    if not _are_too_many_or_few(parts):
        return (line,)
    sizes = np.bincount(of)
    largest = sizes.argmax()
    return (
        f"{line}; {parts.wanted:,} were wanted, but {groups.noun}s are not divided, and the largest, "
        f"{groups.named(int(largest))}, has {sizes[largest]:,}",
    )


def _divided_in_words(parts: Split) -> tuple[str, ...]:
    """Say that samples of one whole lie on both sides of the split, as there are few wholes."""
    if parts.divided is None:
        return ()
    count, noun = len(parts.divided.names), parts.divided.noun
    advice = (
        "data.group_pattern=(**/*)#* keeps each on one side"
        if count > 1
        else "data.held_out_list chooses those to hold out, such as the last ones"
    )
    return (
        f"data: samples of {'the only ' + noun if count == 1 else f'each of {count} {noun}s'} lie on both sides of the "
        f"split, and may be so alike that held-out figures say little of other {noun}s; {advice}",
    )


def _nearly_all_held_out(settings: DataSettings, train: Indices, held_out: Indices) -> tuple[str, ...]:
    """Say that few of the samples are left to train on, in one line; nothing where they are enough."""
    total = len(train) + len(held_out)
    if len(train) >= FEWEST_TO_TRAIN_ON * total:
        return ()
    option = next(name for name in ("held_out_list", "held_out_folder", "held_out") if getattr(settings, name))
    return (
        f"data: only {len(train):,} of {total:,} samples are trained on, {len(held_out):,} are held out by "
        f"data.{option}; hold out fewer",
    )


def hash_of_named(settings: DataSettings, source: Source, parts: Split) -> str:
    """SHA-256 of the sorted names of the held-out samples, where a list, a folder or groups say which; or "".

    Of samples without names it is that of their numbers.
    """
    by_default, held_out = parts.groups is not None and not parts.groups.is_told, parts.held_out
    grouped = settings.group_by or settings.group_pattern or by_default
    if not grouped and (source.names is None or not (settings.held_out_list or settings.held_out_folder)):
        return ""
    names = sorted(
        map(str, held_out.tolist()) if source.names is None else (source.names[int(row)] for row in held_out)
    )
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
