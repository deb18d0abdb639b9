"""How much memory tensors take at most while something is done.

A CUDA card counts what it gave away. Elsewhere every operation is watched: a storage counts from the operation that
first returns or reads it until its last tensor is gone, once however many views share it. What a kernel needs for
itself while it runs is not seen there, nor are arrays of others before an operation reads them.
"""

import gc
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from idm.bench.harness import Contestant


def peak_memory(call: Contestant, device: torch.device) -> int:
    """Return the most bytes of tensors on the device that were alive at once during a call.

    What was alive before the call is counted too: on CUDA all of it, elsewhere what the call makes use of.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device)
    with _LiveStorages(device) as storages:
        call()
    return storages.peak


def step_memory(build: Callable[[], Contestant], device: torch.device) -> int:
    """Return the most bytes that a step takes, with everything that it is built of.

    It is built and called twice while memory is watched: weights, averages and whatever else is there from the start
    count, and in the second call what the first left behind, like an optimiser's state.
    """

    def built_and_called() -> None:
        step = build()
        for _ in range(2):
            step()

    return peak_memory(built_and_called, device)


class _LiveStorages(TorchDispatchMode):
    """Counts the bytes of the storages that operations read and return for as long as they are alive.

    Attributes:
        peak: the most there were at once.
    """

    def __init__(self, device: torch.device) -> None:
        """Count storages on devices of that type."""
        super().__init__()
        self.peak = 0
        self._type, self._alive, self._now = device.type, dict[int, int](), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, counting what it reads and what it returns."""
        kwargs = kwargs or {}
        self._see((args, kwargs))
        result = func(*args, **kwargs)
        self._see(result)
        self.peak = max(self.peak, self._now)
        return result

    def _see(self, values: object) -> None:
        for tensor in _tensors(values):
            if tensor.device.type == self._type and tensor.layout is torch.strided:
                self._count(tensor.untyped_storage())

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Count a storage as large as it is now; torch keeps its Python object for as long as the storage lives."""
        key, size = id(storage), storage.nbytes()
        if key not in self._alive:
            weakref.finalize(storage, self._forget, key).atexit = False
        self._now += size - self._alive.get(key, 0)
        self._alive[key] = size

    def _forget(self, key: int) -> None:
        self._now -= self._alive.pop(key)


def _tensors(values: object) -> Iterator[Tensor]:
    """Go through the tensors among the arguments or results of an operation."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _tensors(value)
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for value in values:
            yield from _tensors(value)
