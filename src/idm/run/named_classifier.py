"""A classifier of noisy data of one's own, by the name of its code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, final

from torch import Tensor

from idm.core.code import call_code, function_of_code
from idm.core.types import Images
from idm.run.guidable import Guidable
from idm.schedules import Level

AnyGuidable = TypeVar("AnyGuidable", bound=Guidable)


@final
@dataclass(frozen=True)
class NamedClassifier:
    """A classifier of one's own, by the name of its code.

    Attributes:
        name: "module:name".
        call: what is called so.
    """

    name: str
    call: Callable[[Tensor, Level], Tensor]

    def __call__(self, x: Images, at: Level, /) -> Tensor:
        """Return logits [b, classes].

        Raises:
            DataError: it raised something.
        """
        return call_code(self.call, self.name, f"classifier={self.name}", x, at)


def guided_by_names(run: AnyGuidable, guide: Mapping[str, Any]) -> AnyGuidable:
    """Return a run guided as a request says, which names a classifier of one's own as "module:name".

    Args:
        run: the run.
        guide: arguments of ``Run.guided``.

    Raises:
        DataError: there is no classifier of that name.
        SettingsError, CheckpointError: as of ``Run.guided``.
    """
    name = guide.get("classifier")
    given: dict[str, Any] = {**guide, "classifier": None if name is None else named_classifier(name)}
    return run.guided(**given)


def named_classifier(name: str) -> NamedClassifier:
    """Import a classifier of noisy data: ``classifier(x, level)`` returns logits [b, classes].

    This runs code of the module. No run names it; whoever calls this does.

    Args:
        name: "module:name" of a function; its module must be on Python's path (PYTHONPATH, or installed).

    Raises:
        DataError: there is no such function.
    """
    return NamedClassifier(name, function_of_code(name, f"classifier={name}", example="mine:classify"))
