"""What cannot be undone: a denoiser that answers otherwise each time it is asked."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from torch import nn

from idm.core.errors import SettingsError


def refuse_dropout(denoise: object) -> None:
    """Refuse a denoiser whose network drops values at random; any other may be guided, clipped or thresholded.

    Args:
        denoise: a denoiser; networks are looked for in it, and in the denoisers that it is made of.

    Raises:
        SettingsError: a layer of dropout with a probability above 0 is in training mode.
    """
    for network in _networks(denoise):
        for name, layer in network.named_modules():
            if layer.training and "dropout" in type(layer).__name__.lower() and getattr(layer, "p", 0.0) > 0:
                raise SettingsError(
                    f"denoise: a network without dropout wanted, since what it drops differs from call to call, got "
                    f"dropout of {layer.p:g} in training mode ({name or type(layer).__name__}); call network.eval()"
                )


def _networks(denoise: object) -> Iterator[nn.Module]:
    """Find the networks that a denoiser is made of."""
    if isinstance(denoise, nn.Module):
        yield denoise
    elif is_dataclass(denoise) and not isinstance(denoise, type):
        for entry in fields(denoise):
            yield from _networks(getattr(denoise, entry.name))
