"""A network translated by torch.compile, for training and sampling in batches of few different shapes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Network

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network whose calls are translated into fused kernels; its results differ in the last digits.

    The first call with each combination of shapes, dtypes and gradient mode takes from half a minute to several;
    after eight of them torch runs further ones untranslated, with a warning. It earns that on a GPU; on a CPU it
    rarely does. Data and conditioning are made contiguous first, or every memory layout would be translated anew.
    Parameters are read where they are, so training and averaging go on as before. In low precision wrap
    ``Autocast``, so that conversions are fused too: ``Compiled(Autocast(network))``.

    Attributes:
        network: the network.
        mode: how hard torch.compile tries, one of ``MODES``. "reduce-overhead" and "max-autotune" record CUDA graphs
            of their own, which overwrite a result at the next call; ``CudaGraph(Compiled(network))`` does not.
    """

    network: Network
    mode: str = "default"

    def __post_init__(self) -> None:
        """Refuse a mode that torch.compile does not know."""
        if self.mode not in MODES:
            raise SettingsError(f"mode: one of {', '.join(MODES)} wanted, got '{self.mode}'")

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Call the translated network.

        Raises:
            SettingsError: torch.compile cannot translate it here.
        """
        try:
            return self._translated(x.contiguous(), time, **{k: v.contiguous() for k, v in conditioning.items()})
        except RuntimeError as error:
            if not _is_failed_translation(error):
                raise
            reason = str(error).strip().partition("\n")[0]
            raise SettingsError(
                f"torch.compile: a network that it can translate here wanted, got '{reason}'; install what is "
                "missing (it needs a C++ compiler, on a GPU also Triton), or do without"
            ) from error

    @cached_property
    def _translated(self) -> Network:
        network = self.network

        def call(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
            return network(x, time, **conditioning)

        translate: Any = torch.compile  # its signature is overloaded for decorators
        return translate(call, dynamic=False, mode=self.mode)


def _is_failed_translation(error: RuntimeError) -> bool:
    from torch._dynamo.exc import ShortenTraceback  # takes seconds to import; the base of a missing compiler or Triton

    return isinstance(error, ShortenTraceback)
