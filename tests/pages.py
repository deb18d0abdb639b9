"""The Python blocks of the pages: as sources, and as a module that is checked as the package itself is."""

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from jaxtyping import install_import_hook

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str]]:
    """Line number and source of each Python block."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start(1)), match.group(1)) for match in BLOCK.finditer(text)]


def whole(page: Path) -> str:
    """All blocks of a page, one after another, on the lines that they have on the page."""
    source = ""
    for line, block in blocks(page):
        source += "\n" * (line - source.count("\n")) + block
    return source


@cache
def contributed() -> ModuleType:
    """The examples of CONTRIBUTING.md as a module, with shapes and types of every call checked."""
    name = "contributed_examples"
    with TemporaryDirectory() as folder:
        (Path(folder) / f"{name}.py").write_text(whole(ROOT / "CONTRIBUTING.md"), encoding="utf-8")
        sys.path.insert(0, folder)
        try:
            with install_import_hook(name, "beartype.beartype"):
                return import_module(name)
        finally:
            sys.path.remove(folder)
