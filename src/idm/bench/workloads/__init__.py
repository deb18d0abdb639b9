"""What is timed; a new workload is one file and one line in ``WORKLOADS``."""

from idm.bench.table import Plan
from idm.bench.workloads.likelihood import likelihood
from idm.bench.workloads.loop import loop
from idm.bench.workloads.memory import memory
from idm.bench.workloads.networks import forward, training
from idm.bench.workloads.reading import reading
from idm.bench.workloads.sampling import sampling
from idm.bench.workloads.start import start
from idm.bench.workloads.updates import updates
from idm.core.registry import Registry

WORKLOADS: Registry[list[Plan]] = Registry(
    "workload",
    {
        "forward": forward,
        "training": training,
        "memory": memory,
        "sampling": sampling,
        "likelihood": likelihood,
        "updates": updates,
        "loop": loop,
        "reading": reading,
        "start": start,
    },
)

__all__ = ["WORKLOADS"]
