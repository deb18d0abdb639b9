"""Every Python block of the README and of the documentation runs: a page's blocks in order, in one namespace."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str]]:
    """Line number and source of each Python block."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start(1)), match.group(1)) for match in BLOCK.finditer(text)]


WITH_CODE = [page for page in PAGES if page.is_file() and blocks(page)]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line, source in blocks(page):
        # Blank lines in front make tracebacks point at the line of the page.
        exec(compile("\n" * line + source, str(page), "exec"), namespace)


def test_every_room_has_a_page_with_code() -> None:
    rooms = sorted(path.name for path in (ROOT / "src" / "idm").iterdir() if (path / "__init__.py").is_file())
    assert rooms
    for room in rooms:
        assert ROOT / "docs" / "rooms" / f"{room}.md" in WITH_CODE
