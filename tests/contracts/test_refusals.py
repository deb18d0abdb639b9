"""What a refusal of data asks for can be given by the setting that it names, with --data."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

import idm
from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES
from idm.run import open_data
from idm.settings.experiment import DataSettings
from idm.tasks.choose import choose_experiment

from .refused import CASES

PACKAGE = Path(idm.__file__).parent

ELSEWHERE = {
    ("loader.py", "data: reading {}"): "a batch that does not come in time, while a run is trained",
    ("worker.py", "data.workers: cannot start"): "no more processes, while a run is trained",
    ("worker.py", "data.workers: 0 wanted"): "a source that is made in Python",
    ("codec.py", ", or {}data.range"): "data that are scored with the range of a run",
    ("codec.py", "{} in steps of {}"): "as above",
    ("opened_source.py", "data.source.path: a folder or file"): "a preset without data, which data mends",
    ("crop.py", "crop: a size that fits"): "a data set that is made in Python",
    ("axes.py", "channels: auto, first, last"): "a word that settings refuse before, given in Python",
    ("files.py", "labels: auto, folder"): "as above",
    ("pixels.py", "pixels: {} wanted"): "as above",
    ("resize.py", "image_size: one side"): "as above",
    ("scoring.py", "data.held_out: held-out samples wanted"): "a run without held-out samples",
    ("scoring.py", "this run was trained with"): "as above",
    ("scoring.py", "{}: score other data"): "as above",
    ("check_data.py", "With --speed"): "help",
    ("options.py", "Change one setting of the data"): "help",
    ("options.py", "With --data"): "help",
    ("keys.py", "data.source.key and"): "what is told of data that are read",
    ("arrow.py", "only the part"): "as above",
    ("parts.py", "only the part"): "as above",
    ("parts.py", "the parts {} are read"): "as above",
    ("data.py", "data: each sample is read"): "as above",
    ("data.py", ", and data.patch_size={} cuts"): "as above",
    ("data.py", "; data.patch_size={} cuts"): "as above",
    ("named.py", "read as one raster"): "as above",
    ("named.py", "read as {} signals"): "as above",
    ("words.py", "data: "): "as above",
    ("pairing.py", "data.condition: {}"): "as above",
    ("beside.py", "data.condition: {}"): "as above",
    ("remarks.py", "data.source.label_column chooses"): "as above",
    ("numeric_csv.py", "data.source.columns chooses"): "as above",
    ("table.py", "data.source.column chooses"): "as above",
    ("table_points.py", "data.source.columns chooses"): "as above",
    (
        "table_points.py",
        "{}: a number in every row",
    ): "data.source.missing and columns are tried, data.source.fill is a part of the first",
    ("measured.py", "{} of the values are missing"): "as above",
    ("held_out.py", "data.group_pattern=(**/*)#* keeps"): "as above",
    ("held_out.py", "data.held_out_list chooses"): "as above",
    ("fits_files.py", "not read: "): "as above",
    ("edf.py", "not read: "): "as above",
    ("variable_choice.py", "not read: "): "as above",
    ("windows.py", "{} frames are in no window"): "as above",
    ("patches.py", "{} of the places are in no patch"): "as above",
    ("leaks.py", "the content of {}"): "as above",
    (
        "measured.py",
        "{}: a sample of which no value",
    ): "data.source.missing is tried, of which data.source.fill is a part",
    ("measured.py", "{}: all values wanted"): "as above",
    ("other_data.py", "{}: samples with classes wanted"): "other data than those to train on",
}
"""What names a setting but comes of nothing at a path that is refused: by file and beginning, with what it is."""


def outcome(path: Path | None, folder: Path, given: dict[str, str]) -> tuple[bool, str]:
    """Whether data are opened, and what they are or why not."""
    overrides = [f"{name}={value}" for name, value in given.items()]
    try:
        chosen = choose_experiment(None, None, None if path is None else str(path), folder / "run", overrides)
        data = open_data(chosen.experiment.data, trust_code=True)
    except (DataError, SettingsError) as error:
        return False, "\n".join(error.lines)
    return True, f"{data.train.source.describe()} {data.spec}"


@pytest.fixture(scope="module")
def refusals(tmp_path_factory) -> dict[int, tuple[Path, Path | None, str]]:
    """The folder, path and message of every case, by its number."""
    found: dict[int, tuple[Path, Path | None, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for number, case in enumerate(CASES):
            folder = tmp_path_factory.mktemp("refused")
            patch.chdir(folder)
            path = case.make(folder)
            opened, said = outcome(path, folder, case.given)
            found[number] = (folder, path, f"not refused: {said}" if opened else said)
    return found


def name_of(number: int) -> str:
    case = CASES[number]
    return f"{case.source}-{case.option.removeprefix('data.')}-{number}"


@pytest.mark.parametrize("number", range(len(CASES)), ids=name_of)
def test_the_setting_that_a_refusal_names_mends_it_with_data(refusals, number, monkeypatch):
    case, (folder, path, said) = CASES[number], refusals[number]
    monkeypatch.chdir(folder)
    assert case.option in said
    assert not said.startswith("not refused")
    opened, found = outcome(path, folder, case.given | {case.option: case.value})
    assert opened, found


def test_every_source_that_reads_options_refuses_something():
    assert {case.source for case in CASES} == set(SOURCES)


@dataclass(frozen=True)
class Message:
    """What the code says, or a part of it.

    Attributes:
        file: name of its file.
        said: what it says, with {} for what is put in.
        options: settings that it names.
    """

    file: str
    said: str
    options: frozenset[str]

    @property
    def elsewhere(self) -> tuple[str, str] | None:
        """The entry of what comes of no data that it falls under; None for a refusal of data."""
        return next((entry for entry in ELSEWHERE if self.file == entry[0] and self.said.startswith(entry[1])), None)

    def is_of(self, refusal: str) -> bool:
        """Whether this is what a refusal says."""
        return re.search(".*".join(map(re.escape, self.said.split("{}"))), refusal) is not None


OPTIONS = frozenset(option for source in SOURCES for option in SOURCES.options(source))
KNOWN = {f"data.{entry.name}" for entry in fields(DataSettings)} - {"data.source"} | {
    f"data.source.{option}" for option in OPTIONS | {"name"}
}


def sentences(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Find the texts of several words in code, without those that document it; and whether each begins an error."""
    errors = [node.args[0] for node in ast.walk(tree) if is_error(node) and node.args]
    documenting = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    within = [part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values]
    left_out = {id(node) for node in (*documenting, *within)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.JoinedStr, ast.Constant)) and id(node) not in left_out:
            parts = getattr(node, "values", [node])
            said = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
            if " " in said:
                yield said, any(node is first for first in errors)


def is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error")


def messages() -> Iterator[Message]:
    """Find what the code says that names a setting of data, in full or by the name that a refusal begins with."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for said, begins_error in sentences(ast.parse(file.read_text(encoding="utf-8"))):
            options = KNOWN.intersection(re.findall(r"\bdata\.[a-z_]+(?:\.[a-z_]+)?", said))
            first = re.match(r"([a-z_]+): ", said)
            if begins_error and file.is_relative_to(PACKAGE / "data") and first and first.group(1) in OPTIONS:
                options.add(f"data.source.{first.group(1)}")
            if options:
                yield Message(file.name, said, frozenset(options))


def test_no_refusal_that_names_a_setting_is_forgotten(refusals):
    tried = [(CASES[number].option, said) for number, (_, _, said) in refusals.items()]
    every = list(messages())
    forgotten = [
        (message.file, option, message.said)
        for message in every
        for option in message.options
        if message.elsewhere is None and not any(option == named and message.is_of(said) for named, said in tried)
    ]
    assert forgotten == []
    assert {message.elsewhere for message in every} - {None} == ELSEWHERE.keys()
