"""A source of one's own: a class, or a function that returns a source, in a module that Python can import."""

from collections.abc import Mapping
from typing import Any

from idm.core.code import make_of_code
from idm.data.base import Source


def custom_source(make: str, *, arguments: Mapping[str, Any] | None = None, trust_code: bool = False) -> Source:
    """Call a class or function of one's own.

    Args:
        make: "module:name" of a subclass of Source, or of a function whose return type is annotated as Source. The
            module must be on Python's path (PYTHONPATH, or installed).
        arguments: keyword arguments to call it with.
        trust_code: False where ``make`` may be a stranger's, as in a run: then it is refused.

    Raises:
        DataError: no such module or name, or no source; arguments that do not fit; code that is not trusted.
    """
    return make_of_code(make, Source, arguments, example="mydata:Waves", trust_code=trust_code)
