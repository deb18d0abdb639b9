"""What a refusal of data asks for can be given by the setting that it names, with --data."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import idm
from idm.cli.choose import choose_experiment
from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES
from idm.experiment import open_data

from .refused import CASES

PACKAGE = Path(idm.__file__).parent
FILES = [*sorted((PACKAGE / "data").rglob("*.py")), *(PACKAGE / "experiment" / f"{n}.py" for n in ("data", "held_out"))]

ELSEWHERE = {
    ("loader.py", "data: reading {}"): "a batch that does not come in time, while a run is trained",
    ("worker.py", "data.workers: cannot start"): "no more processes, while a run is trained",
    ("worker.py", "data.workers: 0 wanted"): "a source that is made in Python",
    ("codec.py", "{} wanted, got {}; choose data of this range"): "data that are scored with the range of a run",
    ("codec.py", "{} in steps of {}"): "as above",
    ("data.py", "data.source.path: a folder or file"): "a preset without data, which --data mends",
    ("custom.py", "make: data that are read"): "a run of somebody else",
    ("custom.py", "make: a Source wanted from"): "what a function of one's own returns",
    ("crop.py", "crop: a size that fits"): "a data set that is made in Python",
    ("axes.py", "channels: auto, first, last"): "a word that settings refuse before, given in Python",
    ("image_files.py", "labels: auto, folder"): "as above",
}
"""Refusals that name a setting but come of nothing that lies at a path: by file and beginning, with what makes them."""


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
    """What an error in the code says.

    Attributes:
        file: name of its file.
        said: what it says, with {} for what is put in.
        options: settings that it names.
    """

    file: str
    said: str
    options: frozenset[str]

    @property
    def is_of_elsewhere(self) -> bool:
        """Whether it comes of no data."""
        return any(self.file == file and self.said.startswith(begins) for file, begins in ELSEWHERE)

    def is_of(self, refusal: str) -> bool:
        """Whether this is what a refusal says."""
        return re.search(".*".join(map(re.escape, self.said.split("{}"))), refusal) is not None


def messages() -> Iterator[Message]:
    """Find the messages of data's errors that name a setting, in full or by the name that they begin with."""
    known = {option for source in SOURCES for option in SOURCES.options(source)}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).endswith("Error"):
                parts = getattr(node.args[0], "values", [node.args[0]])
                texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
                said = "".join("{}" if text is None else str(text) for text in texts)
                options = set(re.findall(r"\bdata\.[a-z_]+(?:\.[a-z_]+)?", said.replace("data.source.{}", "")))
                first = re.match(r"([a-z_]+): ", said)
                if first and first.group(1) in known:
                    options.add(f"data.source.{first.group(1)}")
                options.discard("data.source")
                if options:
                    yield Message(file.name, said, frozenset(options))


def test_no_refusal_that_names_a_setting_is_forgotten(refusals):
    tried = [(CASES[number].option, said) for number, (_, _, said) in refusals.items()]
    forgotten = [
        (message.file, option, message.said)
        for message in messages()
        for option in message.options
        if not message.is_of_elsewhere and not any(option == named and message.is_of(said) for named, said in tried)
    ]
    assert forgotten == []
    assert sum(message.is_of_elsewhere for message in messages()) == len(ELSEWHERE)
