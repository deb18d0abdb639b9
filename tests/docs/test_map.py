"""The map in docs/architecture.md is that of the code: same rooms, same layers as the import contract."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from idm.cli import completion
from idm.settings import stub

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = {path.name for path in (ROOT / "src" / "idm").iterdir() if (path / "__init__.py").is_file()}


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_map_names_every_room_and_no_other() -> None:
    assert set(re.findall(r"^  (\w+)/ ", section("The rooms"), flags=re.MULTILINE)) == ROOMS


def test_the_layers_are_those_of_the_import_contract() -> None:
    drawn = section("Direction of imports").partition("```text\n")[2].partition("```")[0].splitlines()
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn == [layer.replace("idm.", "") for layer in layers]
    assert {room for layer in drawn for room in layer.split(" | ")} == ROOMS


WALKS = [walk.partition("\n\n**")[0] for walk in section("How one thing flows").split("\n\n**A ")[1:4]]
"""Those of a setting, of a seed and of a batch."""


@pytest.mark.parametrize("walk", WALKS, ids=["setting", "seed", "batch"])
def test_a_walk_visits_files_that_are_there_once_each(walk: str) -> None:
    visits = re.findall(r"^\d+\. `([\w/]+\.py)`, `(?:(\w+)\.)?(\w+)`: ", walk, flags=re.MULTILINE)
    assert len(visits) == len(re.findall(r"^\d+\. ", walk, flags=re.MULTILINE)) > 5
    assert len({file for file, _, _ in visits}) == len(visits)
    for file, kind, name in visits:
        code = (ROOT / "src" / "idm" / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *(?:def|class) {name}\b", code, flags=re.MULTILINE)
        assert not kind or re.search(rf"^class {kind}\b", code, flags=re.MULTILINE)


def test_the_index_lists_every_room() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(rooms/(\w+)\.md\)", index)) == ROOMS


def test_the_names_that_the_shell_completes_are_those_of_the_package() -> None:
    known = json.loads(completion.FILE.read_text(encoding="utf-8"))
    assert known == completion.collect(), 'run: python -c "from idm.cli import completion; completion.write()"'


def test_editors_and_type_checkers_know_the_options_that_members_have() -> None:
    found = stub.FILE.read_text(encoding="utf-8")
    assert found == stub.text(), 'run: python -c "from idm.settings import stub; stub.write()"'
