"""A network of one's own: a class, or a function that returns a module, that Python can import."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from idm.core.code import make_of_code


def custom_network(
    make: str,
    *,
    in_channels: int,
    out_channels: int,
    num_classes: int | None = None,
    num_attributes: int = 0,
    condition_channels: int = 0,
    dims: int = 2,
    arguments: Mapping[str, Any] | None = None,
    trust_code: bool = False,
) -> nn.Module:
    """Call a class or function of one's own, which is given those of the sizes that it takes by name.

    The network is called as ``network(x, time)``, with labels as ``network(x, time, y=labels)``, with conditions as
    ``network(x, time, condition=fields)``; see ``Network``.

    Args:
        make: "module:name" of a subclass of torch's Module, or of a function whose return type is annotated as one. The
            module must be on Python's path (PYTHONPATH, or installed).
        in_channels: channels of the data.
        out_channels: channels to predict.
        num_classes: number of labels, "no class" included if there is one; None: not conditioned on classes.
        num_attributes: how many numbers a label has, where labels are numbers [b, num_attributes], NaN where one is
            missing; 0: they are none.
        condition_channels: channels of the condition [b, condition_channels, *space or smaller]; 0: none.
        dims: number of spatial axes.
        arguments: further keyword arguments to call it with.
        trust_code: False where ``make`` may be a stranger's, as in a run: then it is refused.

    Raises:
        DataError: no such module or name, or no network; arguments that do not fit; code that is not trusted.
    """
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "num_classes": num_classes, "dims": dims}
    sizes |= {"num_attributes": num_attributes, "condition_channels": condition_channels}
    return make_of_code(make, nn.Module, arguments, example="mynetworks:Net", trust_code=trust_code, **sizes)
