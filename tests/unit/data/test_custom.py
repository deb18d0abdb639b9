"""A source of one's own: only what is declared to make a source is called."""

import sys

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import SOURCES

MODULE = """
import numpy as np
from idm.data import Digits, Source

class Ramp(Source):
    def __init__(self, length: int = 4) -> None:
        self.shape, self.dtype, self.levels = (1, length), np.dtype("f4"), None
        self.labels, self.class_names, self.note = None, None, "made"
    def __len__(self):
        return 3
    def read(self, indices):
        return (indices[:, None, None] + np.zeros((1, *self.shape))).astype("f4")

def large(size: int) -> Source:
    return Digits(size)

def liar() -> Source:
    return 3

def undeclared():
    open("canary", "w").close()
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "own_data.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("own_data", None)


def test_classes_and_annotated_functions_make_sources():
    source = SOURCES.build("custom", {"make": "own_data:Ramp", "arguments": {"length": 5}}, trust_code=True)
    np.testing.assert_array_equal(source[2], np.full((1, 5), 2))
    assert SOURCES.build("custom", {"make": "own_data:Ramp"}, trust_code=True).shape == (1, 4)
    assert SOURCES.build("custom", {"make": "own_data:large", "arguments": {"size": 16}}, trust_code=True).shape == (
        1,
        16,
        16,
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        ("own_data", "MODULE:NAME wanted"),
        ("own_data:Ramp.__init__", "MODULE:NAME wanted"),
        ("/tmp/own_data.py:Ramp", "MODULE:NAME wanted"),
        ("no_such_module:Ramp", "a module that Python can import wanted, got no_such_module"),
        ("own_data:missing", "declare what it makes"),
        ("own_data:undeclared", "declare what it makes"),
        ("own_data:np", "declare what it makes"),
        ("os:system", "declare what it makes"),
        ("own_data:liar", "a Source wanted from own_data:liar, got int"),
        ("own_data:large", r"arguments: those of own_data:large wanted"),
    ],
)
def test_everything_else_is_refused_uncalled(tmp_path, make, reason):
    with pytest.raises(DataError, match=reason):
        SOURCES.build("custom", {"make": make}, trust_code=True)
    assert not (tmp_path / "canary").exists()
