"""A source of one's own: a class, or a function that returns a source, in a module that Python can import.

Settings come with runs, and runs come from anywhere. Hence nothing is imported unless whoever opens the data said so,
and then only modules on Python's own path, of which only what is declared to make a source is called.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from idm.core.errors import DataError
from idm.core.text import one_line
from idm.data.base import Source


def custom_source(make: str, *, arguments: Mapping[str, Any] | None = None, trust_code: bool = True) -> Source:
    """Call a class or function of one's own.

    Args:
        make: "module:name" of a subclass of Source, or of a function whose return type is annotated as Source. The
            module must be on Python's path (PYTHONPATH, or installed).
        arguments: keyword arguments to call it with.
        trust_code: False where ``make`` may be a stranger's, as in a run: then it is refused.

    Raises:
        DataError: no such module or name, or no source; arguments that do not fit; code that is not trusted.
    """
    if not trust_code:
        raise DataError(
            f"make: data that are read without running code wanted, got {make}, whose module would be imported and "
            "run; if you trust it, give trust_code=True"
        )
    factory = _find(make)
    try:
        inspect.signature(factory).bind(**(arguments or {}))
    except TypeError as error:
        raise DataError(f"arguments: those of {make} wanted, got others ({one_line(error)}); change them") from error
    source = factory(**(arguments or {}))
    if not isinstance(source, Source):
        raise DataError(f"make: a Source wanted from {make}, got {type(source).__name__}; return a Source")
    return source


def _find(make: str) -> Callable[..., Any]:
    module_name, colon, name = make.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise DataError(f"make: MODULE:NAME wanted, such as mydata:Waves, got '{make}'; name a class or function")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise DataError(
            f"make: a module that Python can import wanted, got {module_name} ({one_line(error)}); add its folder to "
            "PYTHONPATH"
        ) from error
    found = getattr(module, name, None)
    if not callable(found) or not _makes_source(found):
        raise DataError(
            f"make: a subclass of Source, or a function annotated to return Source, wanted, got {make}; "
            "declare what it makes"
        )
    return found


def _makes_source(thing: Any) -> bool:
    if inspect.isclass(thing):
        return issubclass(thing, Source)
    try:
        returned = get_type_hints(thing).get("return")
    except (NameError, TypeError):
        return False
    return inspect.isclass(returned) and issubclass(returned, Source)
