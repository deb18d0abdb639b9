"""Two denoisers that are asked about the same data: with one call where they are one network under two conditions."""

from dataclasses import replace

import torch
from torch import Tensor

from idm.core.types import Images
from idm.diffusion.denoiser import Denoised, Denoiser, NetworkDenoiser
from idm.diffusion.results import NetworkOutput
from idm.schedules import Level


def find_both(first: Denoiser, second: Denoiser, x: Images, at: Level) -> tuple[Denoised, Denoised]:
    """Return what each of two denoisers finds in ``x`` at a level."""
    asked = _as_one_network(first, second)
    if asked is None:
        return first(x, at), second(x, at)
    read = asked[0].read
    output, other = _outputs(*asked, x, at)
    return read(output, x, at), read(other, x, at)


def extrapolate(
    conditional: Denoiser, unconditional: Denoiser, scale: float | Tensor, x: Images, at: Level
) -> Denoised:
    """Move x_0 from what the second denoiser finds by ``scale`` towards what the first finds; the head is the first's.

    Of one network under two conditions the outputs are moved before x_0 is read: where there is much noise, reading
    loses digits.
    """
    asked = _as_one_network(conditional, unconditional)
    if asked is not None:
        output, other = _outputs(*asked, x, at)
        moved = torch.lerp(other.prediction, output.prediction, scale)
        return asked[0].read(NetworkOutput(moved, output.variance), x, at)
    found, other = conditional(x, at), unconditional(x, at)
    raw, mean = torch.lerp(other.raw, found.raw, scale), found.mean
    if mean is not None and other.mean is not None:
        mean = torch.lerp(other.mean, mean, scale)
    return replace(found, x_start=raw, raw=raw, mean=mean)


def _as_one_network(first: Denoiser, second: Denoiser) -> tuple[NetworkDenoiser, NetworkDenoiser] | None:
    """Return both where one call can serve them; None where it cannot."""
    if not (isinstance(first, NetworkDenoiser) and isinstance(second, NetworkDenoiser)):
        return None
    same = first.network is second.network and first.read == second.read
    return (first, second) if same and first.conditioning.keys() == second.conditioning.keys() else None


def _outputs(
    first: NetworkDenoiser, second: NetworkDenoiser, x: Images, at: Level
) -> tuple[NetworkOutput, NetworkOutput]:
    conditioning = {name: torch.cat([value, second.conditioning[name]]) for name, value in first.conditioning.items()}
    twice = at if at.alpha.ndim == 0 else at.map(lambda values: torch.cat([values, values]))
    output = first.call(first.network, torch.cat([x, x]), twice, conditioning)
    heads = (None, None) if output.variance is None else output.variance.chunk(2)
    predictions = output.prediction.chunk(2)
    return NetworkOutput(predictions[0], heads[0]), NetworkOutput(predictions[1], heads[1])
