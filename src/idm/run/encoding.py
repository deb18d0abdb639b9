"""Samples carried to the noise that they could have been made from, and back; paths between two of them."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from idm.core.counts import at_least
from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener, Within
from idm.core.tensors import require_finite
from idm.data.remarks import listed
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing import States, refuse_dropout
from idm.editing import interpolate as interpolate_samples
from idm.editing.interpolation import num_loops
from idm.run.inputs import Inputs
from idm.run.inversions import InversionChoice, choose_inversion
from idm.run.latents import Latents
from idm.run.opened import Opened

Carry = Callable[[Denoiser, States, range], States]


def encode(
    run: Opened,
    inputs: Inputs,
    *,
    labels: Sequence[int] | None = None,
    choice: InversionChoice | None = None,
    seed: int = 0,
    batch_size: int = 256,
    listener: Listener = SILENT,
) -> Latents:
    """Encode samples in the model's range.

    Args:
        run: the trained model.
        inputs: the samples.
        labels: numbers of the classes that they are encoded under, in turn; by default those they are known to have,
            or no class.
        choice: from ``choose_inversion``; its defaults where None.
        seed: sample i has the noise of seed + i, where the way draws any.
        batch_size: samples at a time.
        listener: hears how it gets on.

    Raises:
        SettingsError: a sample without a known class, and a network that knows classes only.
        NumericalError: latents are not finite.
    """
    _refuse_numbers(run)
    choice = choice or choose_inversion(run.diffusion)
    inversion, process = choice.inversion, choice.inversion.diffusion
    conditioning = run.conditioning(labels, inputs.labels)
    refuse_dropout(run.network)

    with _followed(listener, "encoding", inputs.x, batch_size, process) as within:

        def carry(denoise: Denoiser, states: States, seeds: range) -> States:
            return inversion.encode(denoise, states, seed=seeds, listener=within)

        denoise = run.denoiser(process, conditioning)
        x, *partner = _in_batches(carry, (inputs.x,), denoise, seed, batch_size, run.device, what="latents")
    y = conditioning.get("y")
    return Latents(
        x,
        None if y is None else y.cpu(),
        process.num_timesteps,
        run.spec.codec,
        str(run.folder),
        partner[0] if partner else None,
        choice.method,
        choice.spacing,
        seed,
        run.sha256,
    )


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
        CheckpointError: codes of another checkpoint.
        NumericalError: samples are not finite.
    """
    latents.check(run)
    known = [None] * len(latents.x) if latents.labels is None else latents.labels.tolist()
    conditioning = run.conditioning(labels, known)
    inversion = choose_inversion(run.diffusion, latents.method, latents.steps, latents.spacing).inversion
    process = inversion.diffusion
    refuse_dropout(run.network)

    with _followed(listener, "decoding", latents.x, batch_size, process) as within:

        def carry(denoise: Denoiser, states: States, seeds: range) -> States:
            return inversion.decode(denoise, states, seed=seeds, listener=within)[:1]

        denoise = run.denoiser(process, conditioning)
        (wide,) = _in_batches(carry, latents.states, denoise, latents.seed, batch_size, run.device, what="samples")
    y = conditioning.get("y")
    return wide.float(), None if y is None else y.tolist()


def interpolate(
    run: Opened,
    ends: Inputs,
    num: int,
    *,
    labels: tuple[int, int] | None = None,
    option: str = "labels=CLASSES",
    choice: InversionChoice | None = None,
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
        choice: as of ``encode``.
        listener: hears how it gets on.

    Returns:
        Samples [num, c, *space] in the model's range, and the class that each was decoded as; None: no classes.

    Raises:
        DataError: another number of samples than two.
        SettingsError: no class is known, and the network knows classes only; or fewer than two places.
        NumericalError: samples are not finite.
    """
    _refuse_numbers(run)
    start, end = _two(ends.x).to(run.device).split(1)
    weights, inversion = _places(num), (choice or choose_inversion(run.diffusion)).inversion
    process = inversion.diffusion
    refuse_dropout(run.network)
    of_ends = _labels_of_ends(run, ends, labels, option)
    on_way = {name: y[[round(weight) for weight in weights]] for name, y in of_ends.items()}
    denoise, path = run.denoiser(process, of_ends), run.denoiser(process, on_way)
    loops = num_loops(weights, inversion.num_states)
    with listener.follow("interpolating", loops * process.num_timesteps) as bar:
        x = interpolate_samples(
            process, denoise, start, end, weights, path=path, inversion=inversion, listener=Within(bar)
        )
    return require_finite(x.cpu(), "images on the way"), on_way["y"].tolist() if on_way else None


def _refuse_numbers(run: Opened) -> None:
    """Refuse a network whose labels are numbers, which files of latents do not hold.

    Raises:
        SettingsError: it is one.
    """
    if run.spec.attributes is not None:
        raise SettingsError(
            "latents: a run with classes, or without labels, wanted, got one that is told "
            f"{listed(run.spec.attributes.names)}; draw samples and score them under such labels instead"
        )


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


@contextmanager
def _followed(
    listener: Listener, what: str, x: Tensor, batch_size: int, process: GaussianDiffusion
) -> Generator[Listener]:
    """Follow the steps of all batches as one loop, and return what each of them is to tell.

    Raises:
        SettingsError: no batch size.
    """
    batches = -(-len(x) // at_least(1, batch_size, "batch_size"))
    with listener.follow(what, batches * process.num_timesteps) as bar:
        yield Within(bar)


def _in_batches(
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
