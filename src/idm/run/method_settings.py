"""Methods of restoration by name and options, as settings are given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from idm.core.registry import Registry
from idm.restoration import METHODS, LinearOperator, Method, Operator
from idm.run.loaded import Loaded
from idm.settings.schema import OpenSection
from idm.settings.validate import lay

USUAL_METHOD, OF_FUNCTIONS = "pigdm", "dps"
"""Methods where none is named: for linear operators, and for any other function."""


@dataclass(frozen=True)
class MethodSettings(OpenSection):
    """How observations are heeded.

    Attributes:
        name: of the method.
    """

    family: ClassVar[Registry[Any]] = METHODS
    section: ClassVar[str] = "method"
    name: str = USUAL_METHOD


def find_method(run: Loaded, name: str, options: Mapping[str, Any]) -> Method:
    """Make a method of its name and options, for data as a run's where they do not say ``data_deviation``.

    That is the root of the mean squared error of x_0 where there is nothing but noise, if error curves were measured.

    Raises:
        SettingsError: there is no such method, or option, or one out of its range.
    """
    made: Method = lay(MethodSettings(), {"name": name, **options}, path="method").build()
    measured = None if "data_deviation" in options else run.curves.find()
    return made if measured is None else made.for_data(math.sqrt(measured.together.mean_squared_error[-1]))


def method_in_words(method: Method) -> str:
    """Name a method, and its options."""
    name = next(name for name, member in METHODS.items() if member is type(method))
    told = ", ".join(f"{option}={_in_words(value)}" for option, value in vars(method).items())
    return f"{name} ({told})" if told else name


def _in_words(value: object) -> str:
    return value.name.lower() if isinstance(value, Enum) else f"{value:g}" if isinstance(value, float) else str(value)


def usual_method(operator: Operator) -> str:
    """Return the name of the method that an operator is restored by where none is named."""
    return USUAL_METHOD if isinstance(operator, LinearOperator) else OF_FUNCTIONS
