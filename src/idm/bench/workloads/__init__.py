"""What is timed; a new workload is one file and one line in ``WORKLOADS``.

Their files are imported when they are used, so that names can be listed without torch.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from idm.core.registry import Registry

if TYPE_CHECKING:
    from idm.bench.table import Plan


def _of(file: str, name: str) -> Callable[..., Any]:
    """Return the workload, a function of that name in that file."""

    def workload(scope: Any) -> Any:
        return getattr(import_module(f"{__name__}.{file}"), name)(scope)

    return workload


WORKLOADS: "Registry[list[Plan]]" = Registry(
    "workload",
    {
        "forward": _of("networks", "forward"),
        "training": _of("networks", "training"),
        "memory": _of("memory", "memory"),
        "sampling": _of("sampling", "sampling"),
    },
)

__all__ = ["WORKLOADS"]
