"""Carrying samples to noise and back, a batch at a time: what encoding, decoding and walks between samples share."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import Tensor

from idm.core.counts import at_least
from idm.core.errors import SettingsError
from idm.core.progress import Listener, Within
from idm.core.tensors import require_finite
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing import States, refuse_dropout
from idm.run.inversions import InversionChoice
from idm.run.labels import Labels, class_numbers
from idm.run.opened import Opened

Carry = Callable[[Denoiser, States, range], States]


def carrying_denoiser(run: Opened, choice: InversionChoice, y: Tensor | None) -> Denoiser:
    """Return what finds x_0 of samples of the labels y, of ``Opened.labels_of``: guided and thresholded as is wished.

    Raises:
        SettingsError: a network, or one that guides it, drops values at random.
    """
    for part in (run.network, run.guide):  # networks may be in forms that hide their layers from the denoiser
        refuse_dropout(part)
    return choice.limited(run.guided_denoiser(choice.process, y))


def classes_of_latents(run: Opened, labels: Labels | None, option: str = "labels") -> list[int] | None:
    """Understand classes of samples that are encoded or decoded; see ``class_numbers``.

    Raises:
        SettingsError: what is no class; a network whose labels are numbers.
    """
    refuse_numbers(run)
    return class_numbers(labels, run.class_names, option)


def refuse_numbers(run: Opened) -> None:
    """Refuse a network that is told numbers or conditions, which latents do not hold.

    Raises:
        SettingsError: it is one.
    """
    if told := run.spec.label_kind.told_besides_classes:
        raise SettingsError(
            f"latents: a run that is told classes, or nothing, wanted, got one that is told {told}; edit samples, "
            f"or draw and score them under {told}, instead"
        )


@contextmanager
def followed(
    listener: Listener, what: str, x: Tensor, batch_size: int, process: GaussianDiffusion
) -> Generator[Listener]:
    """Follow the steps of all batches as one loop, and return what each of them is to tell.

    Raises:
        SettingsError: no batch size.
    """
    batches = -(-len(x) // at_least(1, batch_size, "batch_size"))
    with listener.follow(what, batches * process.num_timesteps) as bar:
        yield Within(bar)


def in_batches(
    carry: Carry,
    states: States,
    denoise: Denoiser,
    seed: int,
    batch_size: int,
    device: torch.device,
    *,
    what: str,
) -> States:
    """Apply ``carry`` to batches of samples with their denoiser and seeds; the results together, on the CPU.

    Raises:
        NumericalError: results, which are ``what``, are not finite.
    """
    parts: list[list[Tensor]] = []
    for rows in torch.arange(len(states[0])).split(batch_size):
        seeds = range(seed + int(rows[0]), seed + int(rows[-1]) + 1)
        here = [state[rows].to(torch.float32 if device.type == "mps" else state.dtype) for state in states]
        carried = carry(denoise.select(rows), tuple(state.to(device) for state in here), seeds)
        parts.append([require_finite(state.cpu(), what) for state in carried])
    return tuple(map(torch.cat, zip(*parts, strict=True)))
