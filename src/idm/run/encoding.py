"""Samples carried to the noise that DDIM would make them from, and back; paths between two of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener, Within
from idm.core.tensors import require_finite
from idm.diffusion import GaussianDiffusion, ModelKwargs
from idm.editing import decode as decode_latents
from idm.editing import encode as encode_samples
from idm.editing import interpolate as interpolate_samples
from idm.editing import inversion_process
from idm.run.inputs import Inputs
from idm.run.latents import Latents
from idm.run.opened import Opened

Carry = Callable[..., Tensor]
"""``encode`` or ``decode`` of editing."""


def encode(
    run: Opened,
    inputs: Inputs,
    *,
    labels: Sequence[int] | None = None,
    process: GaussianDiffusion | None = None,
    batch_size: int = 256,
    listener: Listener = SILENT,
) -> Latents:
    """Encode samples in the model's range.

    Args:
        run: the trained model.
        inputs: the samples.
        labels: numbers of the classes that they are encoded under, in turn; by default those they are known to have,
            or no class.
        process: from ``inversion_process``; that of the default number of steps where None.
        batch_size: samples at a time.
        listener: hears how it gets on.

    Raises:
        SettingsError: a sample without a known class, and a network that knows classes only.
        NumericalError: latents are not finite.
    """
    process = process or inversion_process(run.diffusion)
    conditioning = run.conditioning(labels, inputs.labels)
    x = _carried(encode_samples, run, process, inputs.x, conditioning, batch_size, listener, ("encoding", "latents"))
    y = conditioning.get("y")
    return Latents(x, None if y is None else y.cpu(), process.num_timesteps, run.spec.codec, str(run.folder))


def decode(
    run: Opened,
    latents: Latents,
    *,
    labels: Sequence[int] | None = None,
    batch_size: int = 256,
    listener: Listener = SILENT,
) -> tuple[Tensor, list[int] | None]:
    """Decode latents into samples in the model's range, and say which class each was decoded as; None: no classes.

    Args:
        run: a model of the same data.
        latents: from ``encode``.
        labels: numbers of other classes than they were encoded under, in turn.
        batch_size: samples at a time.
        listener: hears how it gets on.

    Raises:
        DataError: codes of other data than the model's.
        NumericalError: samples are not finite.
    """
    latents.check(run)
    known = [None] * len(latents.x) if latents.labels is None else latents.labels.tolist()
    conditioning = run.conditioning(labels, known)
    process = inversion_process(run.diffusion, latents.steps)
    x = _carried(decode_latents, run, process, latents.x, conditioning, batch_size, listener, ("decoding", "samples"))
    y = conditioning.get("y")
    return x, None if y is None else y.tolist()


def interpolate(
    run: Opened,
    ends: Inputs,
    num: int,
    *,
    labels: tuple[int, int] | None = None,
    option: str = "labels=CLASSES",
    process: GaussianDiffusion | None = None,
    listener: Listener = SILENT,
) -> tuple[Tensor, list[int] | None]:
    """Encode two samples, and decode ``num`` places on the way between their codes, both ends included.

    Without labels, a network that was trained with label dropout is given no class, so that the class can change on
    the way; with labels, every sample on the way has the class of the nearer end.

    Args:
        run: the trained model.
        ends: the two samples.
        num: how many places.
        labels: numbers of the classes of the two.
        option: how a caller gives those.
        process: as of ``encode``.
        listener: hears how it gets on.

    Returns:
        Samples [num, c, *space] in the model's range, and the class that each was decoded as; None: no classes.

    Raises:
        DataError: another number of samples than two.
        SettingsError: no class is known, and the network knows classes only; or fewer than two places.
        NumericalError: samples are not finite.
    """
    start, end = _two(ends.x).to(run.device).split(1)
    weights, process = _places(num), process or inversion_process(run.diffusion)
    of_ends = _labels_of_ends(run, ends, labels, option)
    on_way = {name: y[[round(weight) for weight in weights]] for name, y in of_ends.items()}
    denoise, path = run.denoiser(process, of_ends), run.denoiser(process, on_way)
    with listener.follow("interpolating", 2 * process.num_timesteps) as bar:
        x = interpolate_samples(process, denoise, start, end, weights, path=path, listener=Within(bar))
    return require_finite(x.cpu(), "images on the way"), on_way["y"].tolist() if on_way else None


def _two(x: Tensor) -> Tensor:
    if len(x) != 2:
        raise DataError(f"images: one sample in A and one in B wanted, got {len(x)} in all")
    return x


def _places(num: int) -> list[float]:
    """Return places from 0 to 1, both included."""
    if num < 2:
        raise SettingsError(f"num: at least 2 wanted, both ends included, got {num}")
    return [i / (num - 1) for i in range(num)]


def _labels_of_ends(run: Opened, ends: Inputs, labels: tuple[int, int] | None, option: str) -> dict[str, Tensor]:
    """Return the conditioning of the two ends."""
    if labels is not None:
        return run.label_kwargs(list(labels), 2)
    try:
        return run.unlabelled_kwargs(2)
    except SettingsError:
        return run.conditioning(None, ends.labels, option)


def _carried(
    carry: Carry,
    run: Opened,
    process: GaussianDiffusion,
    x: Tensor,
    conditioning: ModelKwargs,
    batch_size: int,
    listener: Listener,
    words: tuple[str, str],
) -> Tensor:
    """Carry samples to noise or back, some at a time, and return the results together, on the CPU.

    The listener hears of the steps of all batches as of one loop. The words are what is done, and what comes out.

    Raises:
        SettingsError: no batch size.
        NumericalError: results are not finite.
    """
    if whole_number(batch_size, "batch_size") < 1:
        raise SettingsError(f"batch_size: at least 1 wanted, got {batch_size}")
    batches, denoise = torch.arange(len(x)).split(batch_size), run.denoiser(process, conditioning)
    parts: list[Tensor] = []
    with listener.follow(words[0], len(batches) * process.num_timesteps) as bar:
        within = Within(bar)
        for rows in batches:
            carried = carry(process, denoise.select(rows), x[rows].to(run.device), listener=within)
            parts.append(require_finite(carried.cpu(), words[1]))
    return torch.cat(parts)
