"""Methods of restoration by name and options, as settings are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from idm.core.registry import Registry
from idm.restoration import METHODS, Method
from idm.settings.schema import OpenSection
from idm.settings.validate import lay

DEFAULT_METHOD = "ddnm"


@dataclass(frozen=True)
class MethodSettings(OpenSection):
    """How observations are heeded.

    Attributes:
        name: of the method.
    """

    family: ClassVar[Registry[Any]] = METHODS
    section: ClassVar[str] = "method"
    name: str = DEFAULT_METHOD


def find_method(name: str, options: Mapping[str, Any]) -> Method:
    """Make a method of its name and options.

    Raises:
        SettingsError: there is no such method, or option, or one out of its range.
    """
    return lay(MethodSettings(), {**options, "name": name}, path="method").build()
