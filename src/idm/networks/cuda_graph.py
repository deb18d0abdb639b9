"""A network whose calls are recorded once as a CUDA graph and replayed, so that the GPU never waits for Python."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Network

NUM_WARMUP_CALLS = 3
"""Calls before recording: in them libraries choose their kernels and reserve their memory."""

MOST_RECORDINGS = 8
"""Recordings that are kept; each holds memory of the device. Two at least, or their pool would end with the last."""

Signature = tuple[object, ...]
Kept = TypeVar("Kept")


@dataclass(frozen=True, eq=False)
class CudaGraph:
    """A network that replays recorded calls; for sampling and likelihoods, without gradients.

    A call is recorded once for each signature: shapes and dtypes of all inputs, names of the conditioning, which
    axes are repetitions of one number (as the times of a sampling step are), and the autocast in force. Later calls
    copy their inputs into the recording's own buffers, replay it, and return a copy of its result, which stays
    valid. All recordings take turns in one pool of memory: call a graph from one stream at a time. The
    ``MOST_RECORDINGS`` that were used last are kept; a call whose recording is gone is recorded anew.

    Parameters are read where they are: change them in place. Put modules into evaluation mode first, because a
    recording goes on doing what the network did. In low precision wrap ``Autocast``: ``CudaGraph(Autocast(network))``;
    fused kernels are replayed by ``CudaGraph(Compiled(network))``.

    Attributes:
        network: the network, with its parameters on a CUDA device.
    """

    network: Network
    _recordings: "dict[Signature, _Recording]" = field(default_factory=dict, init=False, repr=False)

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Replay the call, recording it first if it is new.

        Raises:
            SettingsError: x is not on a CUDA device, or gradients are on.
        """
        if not x.is_cuda:
            raise SettingsError(f"graph: data on a CUDA device wanted, got them on {x.device}; use the network itself")
        if torch.is_grad_enabled():
            raise SettingsError("graph: gradients off (torch.no_grad()) wanted, got them on; train with Compiled")
        names, inputs = tuple(conditioning), (x, time, *conditioning.values())
        signature = signature_of(names, inputs)

        def record() -> _Recording:
            with torch.cuda.device(x.device):
                return _Recording(self.network, names, inputs, *self._shared)

        return recent(self._recordings, signature, record).replay(inputs)

    @cached_property
    def _shared(self) -> tuple[torch.cuda.Stream, Any]:
        """The stream to record on, and the pool of memory of all recordings."""
        return torch.cuda.Stream(), torch.cuda.graph_pool_handle()


class _Recording:
    """One recorded call: buffers for its inputs, the graph, and where its result appears."""

    def __init__(
        self,
        network: Network,
        names: tuple[str, ...],
        inputs: Sequence[Tensor],
        stream: torch.cuda.Stream,
        pool: Any,
    ) -> None:
        """Call the network a few times on the stream, then record one more call."""
        self._graph = torch.cuda.CUDAGraph()
        # Buffers made in inference mode could not be written to outside of it.
        with torch.inference_mode(False), torch.no_grad(), _without_kept_conversions():
            self._buffers = [buffer_like(value) for value in inputs]
            x, time, *values = self._buffers
            conditioning = dict(zip(names, values, strict=True))
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(NUM_WARMUP_CALLS):
                    network(x, time, **conditioning)
            torch.cuda.current_stream().wait_stream(stream)
            with torch.cuda.graph(self._graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                self._result = network(x, time, **conditioning)

    def replay(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the result for other inputs of the same signature."""
        for buffer, value in zip(self._buffers, inputs, strict=True):
            distinct(buffer).copy_(distinct(value), non_blocking=True)
        self._graph.replay()
        return self._result.clone()


def _without_kept_conversions() -> AbstractContextManager[Any]:
    """Let an autocast in force convert weights anew: what it keeps from earlier calls would be gone at a replay."""
    if not torch.is_autocast_enabled("cuda"):
        return nullcontext()
    return torch.autocast("cuda", dtype=torch.get_autocast_dtype("cuda"), cache_enabled=False)


def recent(recordings: dict[Signature, Kept], signature: Signature, record: Callable[[], Kept]) -> Kept:
    """Return a recording, made if it is not there, as the last used; make room by dropping the one used longest ago."""
    if signature not in recordings and len(recordings) >= MOST_RECORDINGS:
        del recordings[next(iter(recordings))]  # before the new one, which may take its place in the pool
    found = recordings.pop(signature) if signature in recordings else record()
    recordings[signature] = found
    return found


def signature_of(names: tuple[str, ...], inputs: Sequence[Tensor]) -> Signature:
    """What has to be the same for a recording to serve."""
    repeated = [tuple(stride == 0 for stride in value.stride()) for value in inputs]
    return (
        names,
        *((value.device, value.dtype, value.shape, axes) for value, axes in zip(inputs, repeated, strict=True)),
        torch.is_autocast_enabled("cuda"),
        torch.get_autocast_dtype("cuda"),
    )


def distinct(tensor: Tensor) -> Tensor:
    """The part of a tensor that is not repetition: axes along which it is expanded (stride 0) are cut to one place."""
    for axis, stride in enumerate(tensor.stride()):
        if stride == 0 and tensor.shape[axis] > 1:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def buffer_like(tensor: Tensor) -> Tensor:
    """A copy in memory of its own, in the same memory format, that is expanded along the same axes."""
    return distinct(tensor).clone().expand(tensor.shape)
