"""Every Python block of the README and of the documentation runs: a page's blocks in order, in one namespace."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.samplers import SAMPLERS, Sampler
from idm.schedules import cosine_schedule
from idm.settings import Experiment, from_plain
from idm.settings.experiment import SamplerSettings

from ..pages import PAGES, ROOT, blocks, contributed, whole

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


@pytest.mark.slow
def test_the_code_of_every_page_passes_the_strict_type_check(tmp_path: Path) -> None:
    sources = tmp_path / "pages"
    sources.mkdir()
    for page in WITH_CODE:
        name = page.relative_to(ROOT).with_suffix("").as_posix().replace("/", "__")
        (sources / f"{name}.py").write_text(whole(page), encoding="utf-8")
    with (ROOT / "pyproject.toml").open("rb") as file:
        strict = tomllib.load(file)["tool"]["basedpyright"]
    environment = Path(sys.prefix)
    # What a page has just made is there, whatever its type says; a page imports where it explains.
    of_pages = dict.fromkeys(("reportOptionalMemberAccess", "reportOptionalSubscript", "reportDuplicateImport"), False)
    settings = strict | of_pages | {"include": ["pages"], "venvPath": str(environment.parent), "venv": environment.name}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--project", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("order", [0, 7])
def test_an_option_outside_of_the_range_in_its_type_is_refused(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    example: Registry[Sampler] = Registry("sampler", {**SAMPLERS, "dpmpp_2m": contributed().Sampler2M})
    monkeypatch.setattr(SamplerSettings, "family", example)
    with pytest.raises(SettingsError, match=rf"^sampler\.order: should be .* [12], got {order}$"):
        from_plain(Experiment, {"sampler": {"name": "dpmpp_2m", "order": order}})


def test_the_example_of_a_prediction_reads_x_start_back_from_its_target() -> None:
    chain, steps = cosine_schedule(50), torch.tensor([0, 10, 49])
    x_start, noise = torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).view(3, 2, 2).unbind(2)
    at = chain.level(steps, x_start)
    x_t = at.alpha * x_start + at.sigma * noise
    example = contributed().Score()
    read = example.x_start(example.target(x_start, x_t, noise, at), x_t, at)
    torch.testing.assert_close(read, x_start, rtol=1e-9, atol=1e-9)
