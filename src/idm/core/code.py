"""Code that settings name: a class, or a function that returns one of its kind, in a module that Python can import.

Settings come with runs, and runs come from anywhere. Hence nothing is imported unless whoever opens them said so, and
then only modules on Python's own path, of which only what is declared to make the wanted thing is called.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from idm.core.errors import DataError, IdmError
from idm.core.text import one_line

T = TypeVar("T")

KNOWN = (__name__.partition(".")[0], "builtins", "abc", "typing")
"""Modules whose code is that of this package, or of Python."""


def make_of_code(
    make: str, kind: type[T], arguments: Mapping[str, Any] | None, *, example: str, trust_code: bool, **given: Any
) -> T:
    """Call a class or function that is named as "module:name".

    Args:
        make: the name. The module must be on Python's path (PYTHONPATH, or installed).
        kind: what it must make: a subclass of it, or a function whose return type is annotated as one.
        arguments: keyword arguments to call it with.
        example: a name of one's own for messages, such as "mydata:Waves".
        trust_code: False where ``make`` may be a stranger's, as in a run: then it is refused.
        given: further keyword arguments, of which it gets those that it takes.

    Raises:
        DataError: no such module or name, or it makes something else; arguments that do not fit; code that is not
            trusted.
    """
    name = kind.__name__
    if not trust_code:
        raise DataError(
            f"make: a {name} that is made without running code wanted, got {make}, whose module would be imported and "
            "run; if you trust it, give trust_code=True"
        )
    factory = _find(make, kind, example)
    known = inspect.signature(factory).parameters
    taken = {key: value for key, value in given.items() if key in known} | dict(arguments or {})
    try:
        inspect.signature(factory).bind(**taken)
    except TypeError as error:
        raise DataError(f"arguments: those of {make} wanted, got others ({one_line(error)}); change them") from error
    try:
        made = factory(**taken)
    except IdmError:
        raise
    except Exception as error:  # the code is somebody's own, and may raise anything
        raise DataError(f"make: {make} cannot be made ({type(error).__name__}: {one_line(error)}); mend it") from error
    if not isinstance(made, kind):
        raise DataError(f"make: a {name} wanted from {make}, got {type(made).__name__}; return a {name}")
    return made


def function_of_code(name: str, option: str, *, example: str) -> Callable[..., Any]:
    """Return the function that is named as "module:name", by whoever asks for it now: its module is imported.

    Args:
        name: the name, never one that a file holds.
        option: what to call it in messages.
        example: a name of one's own for messages.

    Raises:
        DataError: no such module or name.
    """
    found = _named(name, option, example)
    if not callable(found):
        raise DataError(f"{option}: a function wanted, got {name}, which is none in that module; check the name")
    return found


def call_code(function: Callable[..., Any], name: str, option: str, *given: Any) -> Any:
    """Call a function of somebody's own, which may raise anything.

    Args:
        function: what is called.
        name: its name, "module:name".
        option: what to call it in messages.
        given: what it is called with.

    Raises:
        DataError: it raised something.
    """
    try:
        return function(*given)
    except (IdmError, MemoryError):
        raise
    except Exception as error:
        raise DataError(
            f"{option}: {name} wanted to return, got {type(error).__name__} ({one_line(error)}); mend it"
        ) from error


def hash_of_code(thing: object) -> str:
    """Return the SHA-256 of the files of somebody's own code: of the module of a function, of those of a class's bases.

    What these import is not in it. Modules of this package are left out, whose version tells them from others.

    Returns:
        The hash; empty where a module has no file of source to read, such as the cells of a notebook.
    """
    while isinstance(thing, partial):
        thing = thing.func
    kind = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    names = {one.__module__ for one in (kind.__mro__ if inspect.isclass(kind) else (kind,))}
    found = hashlib.sha256()
    for name in sorted(name for name in names if name.partition(".")[0] not in KNOWN):
        path = getattr(sys.modules.get(name), "__file__", None)
        if not path or not path.endswith(".py") or not Path(path).is_file():
            return ""
        found.update(name.encode() + hashlib.sha256(Path(path).read_bytes()).digest())
    return found.hexdigest()


def _find(make: str, kind: type, example: str) -> Callable[..., Any]:
    found = _named(make, "make", example)
    if not callable(found) or not _makes(found, kind):
        raise DataError(
            f"make: a subclass of {kind.__name__}, or a function annotated to return one, wanted, got {make}; "
            "declare what it makes"
        )
    return found


def _named(text: str, option: str, example: str) -> Any:
    """Return what a module has of that name, None where it has nothing."""
    module_name, colon, name = text.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise DataError(f"{option}: MODULE:NAME wanted, such as {example}, got '{text}'; name a class or function")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise DataError(
            f"{option}: a module that Python can import wanted, got {module_name} ({one_line(error)}); add its folder "
            "to PYTHONPATH"
        ) from error
    except Exception as error:  # the code is somebody's own, and may raise anything
        raise DataError(
            f"{option}: a module that Python can import wanted, got {module_name}, which raises "
            f"{type(error).__name__} ({one_line(error)}); mend it"
        ) from error
    return getattr(module, name, None)


def _makes(thing: Any, kind: type) -> bool:
    if inspect.isclass(thing):
        return issubclass(thing, kind)
    try:
        returned = get_type_hints(thing).get("return")
    except (NameError, TypeError):
        return False
    return inspect.isclass(returned) and issubclass(returned, kind)
