"""Parts of data that were split before: files, folders or rows whose names say train, validation or test."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from idm.core.errors import DataError
from idm.core.phrasing import Call
from idm.core.text import counted, json_text
from idm.data.remarks import listed

TRAIN, VALIDATION, TEST, UNLABELED = "train", "val", "test", "unlabeled"

WORDS = {
    TRAIN: ("train", "training", "trn"),
    VALIDATION: ("val", "valid", "validation", "dev"),
    TEST: ("test", "testing", "tst", "eval", "holdout", "heldout"),
    UNLABELED: ("unlabeled", "unlabelled"),
}

PART_OF = {word: part for part, words in WORDS.items() for word in words}
"""Which part each word stands for."""

TO_SCORE = (TEST, VALIDATION)
"""The parts that a model was not trained on, the one to score first."""

OF_ALL = frozenset({"data", "dataset", "image", "images", "img", "imgs", "pictures", "samples", "set", "split"})
"""Words beside that of a part that say nothing: those of train_images and test_set."""

COLUMNS = frozenset({"split", "subset", "partition", "set", "phase", "fold", "usage", "stage"})
"""How the name of a column ends that names the part of each row; before it may stand data and the like."""

READS_ONE = " reads one of them"
"""How a remark ends that says that several parts are read as one."""

A_WORD = "|".join(sorted(PART_OF, key=len, reverse=True))

COMPOUND = re.compile(rf"({A_WORD})({A_WORD}|{'|'.join(OF_ALL)})")
"""What is written as one word: trainset, testdata, trainval."""

OF_MNIST = re.compile(r"(?<![^\W_])t10k(?![^\W_])", re.I)
"""What the part to test is called in the files of MNIST and of those that are named after it."""

A_PART = re.compile(rf"(?<![^\W\d_])(?:{COMPOUND.pattern}|{A_WORD})(?![^\W\d_])[\W_]*", re.I)
"""The word of a part in the name of a file, with what divides it from the next."""


@dataclass(frozen=True)
class Chosen:
    """The files of the part that is read.

    Attributes:
        files: their paths.
        below: the same without what names the part, which says nothing of classes.
        remarks: what is worth knowing of the other parts, a line each.
    """

    files: tuple[str, ...]
    below: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def words_of(name: str) -> list[str]:
    """Return the words of a name in small letters, without numbers: cifar and train of "cifar10_train0000"."""
    name = OF_MNIST.sub(TEST, name)
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())  # of trainA: train, a
    compounds = [(word, COMPOUND.fullmatch(word)) for word in words]
    return [part for word, compound in compounds for part in (compound.groups() if compound else [word])]


def part_of_words(words: Sequence[str]) -> str | None:
    """Return the part that the first of some words in lower case stands for; None if none does."""
    return next((PART_OF[word] for word in words if word in PART_OF), None)


def part_of_name(name: str) -> str | None:
    """Return the part that the first such word in a name stands for; None if none does."""
    return part_of_words(words_of(name))


def parts_of(files: Sequence[str], *, every: bool) -> list[str | None] | None:
    """Say which part each file belongs to, None for files of no part; None where nothing is split.

    Folders count before names of files. There must be a part to train on and another, or several others and nothing
    else.

    Args:
        files: paths with forward slashes.
        every: let names of files count only where every one names a part, as pictures of trains and tests might not;
            but for a few that have nothing in common.
    """
    naming = _folders_of_parts(files)
    by_folder = [next((naming[name] for name in _folders(file) if name in naming), None) for file in files]
    if _are_split(by_folder):
        return by_folder
    by_name = [part_of_name(_name(file)) for file in files]
    return by_name if _are_split(by_name) and not (every and _are_many_others(files, by_name)) else None


def parts_of_rows(column: str, values: Sequence[object]) -> list[str | None] | None:
    """Say which part each row of a table belongs to by a column; None where the column does not split the rows."""
    if not names_parts(column):
        return None
    parts = [part_of_name(str(value)) for value in values]
    return parts if _are_split(parts) else None


def names_parts(column: str) -> bool:
    """Whether a column is called as one that names the part of each row: split, data_split, Phase."""
    *before, last = words_of(column) or [""]
    return last in COLUMNS and OF_ALL.issuperset(before)


def choose_part(where: object, files: Sequence[str], part: str | None, *, every: bool) -> Chosen:
    """Choose the files of a part; all where no part is asked for, with a remark if there are several.

    Args:
        where: the folder, for messages.
        files: paths in it.
        part: one of train, val, test and unlabeled; None: all.
        every: see ``parts_of``.

    Raises:
        DataError: no files of that part.
    """
    parts = parts_of(files, every=every)
    rows, remarks = choose_rows(where, parts, part, len(files), files)
    chosen = [files[row] for row in rows]
    return Chosen(tuple(chosen), tuple(chosen if parts is None else _below(chosen, _folders_of_parts(files))), remarks)


def choose_rows(
    where: object, parts: Sequence[str | None] | None, part: str | None, total: int, files: Sequence[str] = ()
) -> tuple[Sequence[int], tuple[str, ...]]:
    """Choose the numbers of the rows of a part, or all; and say what is worth knowing of the other parts.

    Args:
        where: the data, for messages.
        parts: the part of each row; None where they are of no parts.
        part: the part; None: all.
        total: number of rows.
        files: what the rows are, if they are files.

    Raises:
        DataError: no rows of that part.
    """
    if part is None:
        return range(total), () if parts is None else (_together(parts),)
    name, kind = PART_OF.get(part.lower()), "file" if files else "row"
    rows = [row for row, found in enumerate(parts or ()) if name is not None and found == name]
    if parts is None or not rows:
        there = listed(sorted({str(found) for found in parts if found})) if parts else "folders, files and rows of none"
        raise DataError(
            f"{where}: {kind}s of the part '{part}' wanted, got {there}; set data.source.split to another, or to null"
        )
    others = Counter(found for found in parts if found != name)
    example = [f"such as {file}" for file, found in zip(files, parts, strict=False) if found != name][:1]
    counts = [f"{counted(others[found], kind)} of {found or 'no part'}" for found in (*WORDS, None) if others[found]]
    unseen = next((found for found in TO_SCORE if name == TRAIN and found in others), None)
    wanted = f'idm.tasks.ScoreRequest({json_text(str(where))}, source={{"split": "{unseen}"}})'
    call = Call(
        f'idm.tasks.evaluate_into("RUN", {wanted})',
        ("evaluate", "RUN"),
        {"data": where, "set": f"split={unseen}"},
    )
    return rows, (
        f"only the part {name} is read; not read: {', '.join(counts + example)}; data.source.split chooses another"
        + (f", and {call} scores it" if unseen else ""),
    )


def _are_split(parts: Collection[str | None]) -> bool:
    found = set(parts)
    return len(found - {None}) > 1 and (TRAIN in found or None not in found)


def _folders(file: str) -> list[str]:
    return file.split("/")[:-1]


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _folders_of_parts(files: Iterable[str]) -> dict[str, str]:
    """Say which names of folders stand for which parts.

    What else they say must be said of another part, too: of train_station and test_tube neither is a part.
    """
    said: dict[str, tuple[str, str]] = {}
    of_rest: defaultdict[str, set[str]] = defaultdict(set)
    for name in {name for file in files for name in _folders(file)}:
        if (part := part_of_words(words := words_of(name))) is not None:
            said[name] = part, _rest(words)
            of_rest[_rest(words)].add(part)
    return {name: part for name, (part, rest) in said.items() if not rest or _are_split(of_rest[rest])}


def _rest(words: Sequence[str]) -> str:
    """What the name of a folder says besides the part."""
    return " ".join(word for word in words if word not in PART_OF and word not in OF_ALL)


def _are_many_others(files: Sequence[str], parts: Sequence[str | None]) -> bool:
    """Whether files of no part may be a class of their own: as many as those of a part, or two of one first word."""
    first = [next(iter(words_of(_name(file))), "") for file, part in zip(files, parts, strict=True) if part is None]
    fewest = min(count for part, count in Counter(parts).items() if part is not None)
    return len(first) >= fewest or len(set(first)) < len(first)


def _below(files: Sequence[str], naming: Collection[str]) -> list[str]:
    """Return what tells the class of each file: its path without what names its part.

    That is the path below the folder that names the part, or else above it, or else what that folder says besides.
    """
    rests = {_rest(words_of(name)) for name in naming}

    def below(file: str) -> str:
        folders, name = _folders(file), _name(file)
        place = next((row for row, folder in enumerate(folders) if folder in naming), None)
        if place is None:
            return "/".join([*folders, A_PART.sub("", name, count=1) if not naming else name])
        rest = [_rest(words_of(folders[place]))] if len(rests) > 1 else []
        return "/".join([*(folders[place + 1 :] or folders[:place] or filter(None, rest)), name])

    return [below(file) for file in files]


def _together(parts: Sequence[str | None]) -> str:
    names = sorted({part for part in parts if part is not None})
    one = TRAIN if TRAIN in names else names[0]
    return f"the parts {listed(names)} are read as one; data.source.split={one}{READS_ONE}"


def without_advice(remarks: Iterable[str]) -> tuple[str, ...]:
    """Leave out that parts are read as one, which is wanted where a list or folder names samples of one of them."""
    return tuple(line for line in remarks if not line.endswith(READS_ONE))
