"""Links of the documentation lead somewhere, and every file and test it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = [path for name in TOP if (path := ROOT / name).is_file()] + sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NAMED_FILE = re.compile(r"`((?:src|tests|benchmarks|docs|examples|tools)/[\w./-]+)`")
NAMED_TEST = re.compile(r"`(test_\w+)`")
NAMED_OBJECT = re.compile(r"`(idm(?:\.[A-Za-z_]\w*)+)`")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives to the headings of a page."""
    words = (re.sub(r"[`*]", "", heading.strip().lower()) for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in words}


@every_page
def test_links_within_the_project_resolve(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link}"


@every_page
def test_files_that_are_named_are_there(page: Path) -> None:
    for name in NAMED_FILE.findall(prose(page)):
        assert (ROOT / name).exists(), f"{page}: {name}"


@cache
def known_tests() -> frozenset[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


@every_page
def test_tests_that_are_named_are_there(page: Path) -> None:
    missing = set(NAMED_TEST.findall(prose(page))) - known_tests()
    assert not missing, f"{page}: {sorted(missing)}"


@every_page
def test_modules_and_objects_that_are_named_are_there(page: Path) -> None:
    for name in NAMED_OBJECT.findall(prose(page)):
        parts = name.split(".")
        assert resolves(parts), f"{page}: {name}"


def resolves(parts: list[str]) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    from importlib import import_module

    for cut in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def test_every_page_is_reachable_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(prose(page)) if not link.startswith("https://"))
        waiting += [(page.parent / link).resolve() for link in links if link.endswith(".md")]
    assert set((ROOT / "docs").rglob("*.md")) <= seen
