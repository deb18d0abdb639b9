"""What somebody's own objects hold, as a hash: numbers, words, arrays, and functions with what they close over."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import PurePath
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idm.core.code import KNOWN


def hash_of_contents(thing: object) -> str:
    """Return the SHA-256 of what somebody's own object holds, and what its classes do: numbers, words, arrays.

    What it holds is looked into in turn; of functions among it their code, defaults, and what they close over counts,
    as two of one name may do different things. So it does of the methods of its own classes, which a function may have
    made. Of what has no contents that can be told, such as an open file, the type alone counts.
    """
    found = hashlib.sha256()
    for cls in type(thing).__mro__:
        if cls.__module__.partition(".")[0] not in KNOWN:
            held = {name: value for name, value in vars(cls).items() if not name.startswith("_") and _is_value(value)}
            methods = {name: _function_of(value) for name, value in vars(cls).items()}
            acts = {name: method for name, method in methods.items() if method is not None}
            found.update(f"{cls.__module__}:{cls.__qualname__}".encode() + _written(held) + _written(acts))
    found.update(_written(getattr(thing, "__dict__", {})))
    return found.hexdigest()


def _is_value(held: object) -> bool:
    return not (inspect.isroutine(held) or inspect.isclass(held) or inspect.isdatadescriptor(held))


def _function_of(member: Any) -> FunctionType | None:
    """Return the function of a member of a class; None where it is none that is written in Python."""
    if isinstance(member, property):
        return _function_of(member.fget)
    if isinstance(member, cached_property):
        return _function_of(member.func)
    inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    return inner if isinstance(inner, FunctionType) else None


def _written(held: object) -> bytes:
    """Return the same bytes for the same contents, on every process."""
    try:
        return json.dumps(_plain(held, ())).encode()
    except Exception:  # whatever an object of somebody's own raises, or one that leads on without end
        return type(held).__qualname__.encode()


def _plain(held: Any, within: tuple[int, ...]) -> Any:
    """Return lists and words that tell contents from others; ``within``: what they are held by, which ends circles."""
    if held is None or isinstance(held, str | bytes | int | float | complex | np.generic | PurePath):
        return [type(held).__qualname__, repr(held)]
    if isinstance(held, np.ndarray | Tensor):
        return _plain_array(held)
    name, around = type(held).__qualname__, (*within, id(held))
    if id(held) in within or inspect.isclass(held) or inspect.ismodule(held):
        return [name, _name_of(held)]
    if inspect.isroutine(held):
        return [name, _name_of(held), *(_plain(one, around) for one in _parts_of(held))]
    if isinstance(held, CodeType):
        return [name, held.co_code.hex(), *held.co_names, *held.co_varnames, _plain(held.co_consts, around)]
    if isinstance(held, partial):
        return [name, *(_plain(one, around) for one in (held.func, held.args, held.keywords))]
    if isinstance(held, Mapping):
        return [name, sorted(([_plain(key, around), _plain(value, around)] for key, value in held.items()), key=str)]
    if isinstance(held, list | tuple):
        return [name, [_plain(one, around) for one in held]]
    if isinstance(held, set | frozenset):
        return [name, sorted((_plain(one, around) for one in held), key=str)]
    return [name, _plain(getattr(held, "__dict__", {}), around)]


def _name_of(held: object) -> str:
    return getattr(held, "__qualname__", getattr(held, "__name__", ""))


def _parts_of(function: Any) -> list[Any]:
    """Return what two functions of one name may differ by; nothing of one that is not written in Python."""
    if inspect.ismethod(function):
        return [function.__self__, *_parts_of(function.__func__)]
    if not inspect.isfunction(function):
        return []
    cells = [_content(cell) for cell in function.__closure__ or ()]
    return [function.__code__, function.__defaults__, function.__kwdefaults__, cells, vars(function)]


def _content(cell: CellType) -> Any:
    """Return what a cell holds; an empty tuple where it holds nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return ()


def _plain_array(held: "np.ndarray | Tensor") -> list[Any]:
    if isinstance(held, Tensor):
        about, values = str(held.dtype), held.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    else:
        about, values = str(held.dtype), np.ascontiguousarray(held)
    return [about, list(held.shape), hashlib.sha256(values.tobytes()).hexdigest()]
