"""The examples of docs/data.md that need optional packages run."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMON = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]
OPTIONAL = re.findall(r"^```py\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def package(code: str) -> str:
    return re.findall(r"^import (\w+)", code, re.MULTILINE)[0]


@pytest.mark.parametrize("code", OPTIONAL, ids=map(package, OPTIONAL))
def test_an_example_with_an_optional_package_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(compile(COMMON, str(PAGE), "exec"), namespace)
    exec(compile(code, str(PAGE), "exec"), namespace)


def test_there_is_an_example_of_every_optional_package() -> None:
    wanted = ["astropy", "h5netcdf", "h5py", "nibabel", "pyarrow", "pydicom", "soundfile", "tifffile", "zarr"]
    assert sorted(map(package, OPTIONAL)) == wanted
