"""Metrics of a user's own: code that whoever asks for it names."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast, final

from idm.core.code import call_code, function_of_code
from idm.core.errors import DataError
from idm.metrics.base import Metric
from idm.metrics.evidence import Evidence, Needs
from idm.metrics.figure import Figure


@final
@dataclass(frozen=True)
class OwnMetric(Metric):
    """A function of the evidence that returns a figure or several, by the name of its code.

    Attributes:
        name: "module:name".
        call: what is called so.
    """

    needs: ClassVar[Needs] = Needs.SAMPLES | Needs.HELD_OUT | Needs.REAL
    name: str
    call: Callable[[Evidence], object]

    @classmethod
    def named(cls, name: str) -> Metric:
        """Import a function, or a subclass of ``Metric``, which is made without arguments; this runs its module.

        Raises:
            DataError: there is no such thing.
        """
        found = function_of_code(name, "metrics", example="mine:sharpness")
        if inspect.isclass(found) and issubclass(found, Metric):
            return cast(Metric, call_code(found, name, "metrics"))
        return cls(name, found)

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Call it.

        Raises:
            DataError: it raised something, or returned what are no figures, or two of one name.
        """
        returned = call_code(self.call, self.name, "metrics", evidence)
        figures = list(returned) if isinstance(returned, (list, tuple)) else [returned]
        for figure in figures:
            if not isinstance(figure, Figure):
                raise DataError(
                    f"metrics: Figure(name, value) wanted of {self.name}, got {type(figure).__name__}; mend it"
                )
        found = cast(list[Figure], figures)
        if len({figure.name for figure in found}) < len(found):
            names = ", ".join(figure.name for figure in found)
            raise DataError(f"metrics: figures with names of their own wanted of {self.name}, got {names}; mend it")
        return found
