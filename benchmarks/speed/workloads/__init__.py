"""What is timed beside peers and plain loops; a new workload is one file and one line in ``WORKLOADS``."""

from idm.bench.table import Plan
from idm.bench.workloads import memory, networks, sampling
from idm.core.registry import Registry
from speed.workloads import likelihood, loop, reading, start, updates

WORKLOADS: Registry[list[Plan]] = Registry(
    "workload",
    {
        "forward": networks.forward,
        "training": networks.training,
        "memory": memory.memory,
        "sampling": sampling.sampling,
        "likelihood": likelihood.likelihood,
        "updates": updates.updates,
        "loop": loop.loop,
        "reading": reading.reading,
        "start": start.start,
    },
)

__all__ = ["WORKLOADS"]
