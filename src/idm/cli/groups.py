"""Options that go together: a dataclass of them is one parameter of a verb, and options of the command line."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from idm.cli.options import Device, Json, TrustCode
from idm.cli.output import Output

if TYPE_CHECKING:
    from pathlib import Path

    from idm.run import Run


@dataclass(frozen=True)
class Doing:
    """How a verb works on a run, and tells of it.

    Attributes:
        device: where to compute; the best one found by default.
        trust_code: import and call what the run names.
        as_json: print JSON for programs.
    """

    device: Device = None
    trust_code: TrustCode = False
    as_json: Json = False

    @property
    def output(self) -> Output:
        """Where results are printed."""
        return Output(as_json=self.as_json)

    @property
    def for_task(self) -> dict[str, Any]:
        """Arguments that tasks have in common."""
        from idm.core.terminal import TERMINAL

        return {
            "device": self.device,
            "trust_code": self.trust_code,
            "listener": TERMINAL,
            "say": self.output.line,
        }

    def load(self, run_folder: "Path", precision: str | None = None) -> "Run":
        """Open a run."""
        from idm.run import load

        return load(run_folder, device=self.device, trust_code=self.trust_code).using(precision=precision)


def ungrouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that takes the options of its groups one by one, in their places."""
    known = inspect.signature(verb).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in known.items() if is_dataclass(one.annotation)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in known.items():
        of_group = inspect.signature(groups[name]).parameters.values() if name in groups else [parameter]
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in of_group]

    @wraps(verb)
    def called(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        verb(**given)

    called.__annotations__ = {one.name: one.annotation for one in parameters}
    called.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    return called
