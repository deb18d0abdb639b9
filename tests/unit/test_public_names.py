"""What ``import idm`` offers."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import idm

SOURCES = sorted(Path(idm.__file__).parent.rglob("*.py"))


def test_every_public_name_can_be_imported():
    for name in idm.__all__:
        assert getattr(idm, name) is not None
    assert set(dir(idm)) == set(idm.__all__)


def test_what_the_tutorial_imports_is_offered():
    page = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text("utf-8")
    imports = [
        node for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) for node in ast.parse(block).body
    ]
    names = [
        (node.module, alias.name)
        for node in imports
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("idm")
        for alias in node.names
    ]
    assert len(names) > 10
    assert all(getattr(idm, name) is getattr(import_module(module), name) for module, name in names)
    assert {name for _, name in names} <= set(idm.__all__)


def test_no_other_name_can():
    with pytest.raises(AttributeError, match="no attribute 'SamplerDDMI'"):
        _ = idm.SamplerDDMI


def test_a_pickle_is_opened_in_one_place_only_and_only_as_tensors():
    calls = [
        (file.name, call)
        for file in SOURCES
        for call in re.findall(r"torch\.load\([^)]*\)|pickle\.loads?\(|allow_pickle=True", file.read_text("utf-8"))
    ]
    assert calls == [("weights.py", 'torch.load(path, map_location="cpu", weights_only=True)')]
