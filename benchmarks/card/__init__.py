"""The parts of ``benchmarks/gpu.py``. Importing them makes ``idm`` importable from this source tree.

A machine with a card often has torch and little else: annotations and settings files play no part here, so plain
objects stand in for the packages that they need where those are missing.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

REPLACEABLE = ("jaxtyping", "annotated_types", "pydantic")


class _Anything:
    """Can be called, and subscripted as a type: ``Float[Tensor, "b c"]`` is Tensor."""

    def __call__(self, *_: Any, **__: Any) -> "_Anything":
        return self

    def __getitem__(self, item: Any) -> Any:
        return item[0] if isinstance(item, tuple) else item


def _anything(attribute: str) -> _Anything:
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    return _Anything()


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__dict__["__getattr__"] = _anything
    return module


sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
STAND_INS = [name for name in REPLACEABLE if find_spec(name) is None]
"""Packages that are missing here."""
sys.modules.update({name: _stand_in(name) for name in STAND_INS})
