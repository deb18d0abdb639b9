"""Features of a user's own: a function that whoever asks for it names."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.code import call_code, function_of_code, hash_of_code
from idm.core.errors import DataError
from idm.core.types import Images


@final
@dataclass(frozen=True)
class OwnFeatures:
    """A function of samples [n, c, *space] that returns vectors [n, d], by the name of its code.

    Attributes:
        name: "module:name".
        call: what is called so.
        version: what the function says in an attribute ``version``; "unknown" where it has none.
        sha256: what it says in ``sha256``; empty where it has none.
        code: hash of the file that it is in; empty where there is none to read.
        is_fitted: whether it was fitted to the samples that are compared, which is not known; taken as not.
    """

    name: str
    call: Callable[[Tensor], object]
    version: str = "unknown"
    sha256: str = ""
    is_fitted: bool = False
    code: str = ""

    @classmethod
    def named(cls, name: str) -> "OwnFeatures":
        """Import the function; this runs code of its module. A class is made without arguments first.

        Raises:
            DataError: there is no such function.
        """
        found = function_of_code(name, "features", example="mine:features")
        if inspect.isclass(found):
            found = call_code(found, name, "features")
        version, sha256 = (str(getattr(found, key, usual)) for key, usual in (("version", cls.version), ("sha256", "")))
        return cls(name, found, version, sha256, code=hash_of_code(found))

    def __call__(self, x: Images, /) -> Float[Tensor, "n d"]:
        """Return the features, in float64 on the CPU.

        Raises:
            DataError: it raised something, or returned what are no finite vectors, one for each sample.
        """
        with torch.no_grad():
            found = call_code(self.call, self.name, "features", x)
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(x) or not found.shape[1]:
            got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise DataError(
                f"features: a tensor [{len(x)}, d] wanted of {self.name}, got {got}; return one row a sample"
            )
        wide = found.detach().to("cpu", torch.float64)
        if not wide.isfinite().all():
            raise DataError(f"features: finite numbers wanted of {self.name}, got others; mend it")
        return wide
