"""Building a network that weights are stored of: as soon as it becomes another one, building ends.

Settings of a few bytes can declare a network of any size. What a tensor is made with costs no memory before it is
filled, which modules do after they have taken it in; hence it is looked at there.
"""

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from threading import get_ident

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from idm.core.errors import SettingsError


@contextmanager
def with_shapes(shapes: Iterable[tuple[int, ...]]) -> Generator[None]:
    """Refuse to build, in this thread, anything but parameters of these shapes, each as often as it is among them.

    Raises:
        SettingsError: a module takes in a parameter of another shape, or one more of a shape.
    """
    left, counted, thread = Counter(shapes), dict[int, nn.Parameter](), get_ident()

    def count(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        if get_ident() != thread or id(parameter) in counted:  # a module may hand its own on to another one
            return
        shape = tuple(parameter.shape)
        if left[shape] == 0:
            raise SettingsError(
                f"network: settings that fit the stored weights wanted, got those of a network with a {name} of shape "
                f"{shape} more than are stored"
            )
        left[shape] -= 1
        counted[id(parameter)] = parameter

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
