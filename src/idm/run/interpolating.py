"""Paths between two samples, through the noise that they come from."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener, Within
from idm.core.tensors import require_finite
from idm.core.text import counted
from idm.editing import interpolate as interpolate_samples
from idm.editing.interpolation import num_loops
from idm.run.carrying import carrying_denoiser, refuse_numbers
from idm.run.inputs import Inputs, as_inputs
from idm.run.inversions import InversionChoice, choose_inversion
from idm.run.opened import Opened


def interpolate(
    run: Opened,
    ends: Inputs,
    num: int,
    *,
    labels: tuple[int, int] | None = None,
    option: str = "labels=CLASSES",
    choice: InversionChoice | None = None,
    seed: int = 0,
    listener: Listener = SILENT,
) -> tuple[Tensor, list[int] | None]:
    """Encode two samples, and decode ``num`` places on the way between their codes, both ends included.

    Without labels, a network that was trained with label dropout is given no class, so that the class can change on
    the way, unless it is guided by class; with labels, every sample on the way has the class of the nearer end.

    Args:
        run: the trained model.
        ends: the two samples.
        num: how many places.
        labels: numbers of the classes of the two.
        option: how a caller gives those.
        choice: as of ``encode``.
        seed: of the noise that the way gives the data, if any: the first has that of seed, the second of seed + 1.
        listener: hears how it gets on.

    Returns:
        Samples [num, c, *space] in the model's range, and the class that each was decoded as; None: no classes.

    Raises:
        DataError: another number of samples than two.
        SettingsError: no class is known where one is needed; or fewer than two places.
        NumericalError: samples are not finite.
    """
    refuse_numbers(run)
    way, weights = choice or choose_inversion(run.diffusion), _places(num)
    of_ends = _labels_of_ends(run, _two(ends), labels, option)
    on_way = None if of_ends is None else of_ends[[round(weight) for weight in weights]]
    found = _walk(run, ends.x, weights, of_ends, on_way, way, seed, listener)
    return require_finite(found.cpu(), "images on the way"), None if on_way is None else on_way.tolist()


def _walk(
    run: Opened,
    ends: Tensor,
    weights: list[float],
    of_ends: Tensor | None,
    on_way: Tensor | None,
    choice: InversionChoice,
    seed: int,
    listener: Listener,
) -> Tensor:
    start, end = ends.to(run.device).split(1)
    denoise, path = (carrying_denoiser(run, choice, y) for y in (of_ends, on_way))
    loops = num_loops(weights, choice.inversion.num_states)
    with listener.follow("interpolating", loops * choice.process.num_timesteps) as bar:
        how: dict[str, Any] = {"path": path, "inversion": choice.inversion, "seed": seed, "listener": Within(bar)}
        return interpolate_samples(choice.process, denoise, start, end, weights, **how)


def two_inputs(run: Opened, start: npt.ArrayLike, end: npt.ArrayLike) -> Inputs:
    """Take two samples in the data's own units.

    Raises:
        DataError: they do not fit the run's data, or are several.
    """
    ends = {"start": as_inputs(run, start, "start").x, "end": as_inputs(run, end, "end").x}
    for what, x in ends.items():
        if len(x) != 1:
            raise DataError(f"{what}: one sample wanted, got {len(x):,}")
    return Inputs(torch.cat([*ends.values()]), [None, None])


def two_classes(labels: Sequence[int] | None) -> tuple[int, int] | None:
    """Return the classes of two ends.

    Raises:
        SettingsError: another number of them.
    """
    if labels is None:
        return None
    if len(labels) != 2:
        raise SettingsError(f"labels: the classes of the two ends wanted, got {counted(len(labels), 'label')}")
    return labels[0], labels[1]


def _two(ends: Inputs) -> Inputs:
    if len(ends.x) != 2:
        raise DataError(f"images: one sample in A and one in B wanted, got {len(ends.x)} in all")
    return ends


def _places(num: int) -> list[float]:
    """Return places from 0 to 1, both included."""
    if whole_number(num, "num") < 2:
        raise SettingsError(f"num: at least 2 wanted, both ends included, got {num}")
    return [i / (num - 1) for i in range(num)]


def _labels_of_ends(run: Opened, ends: Inputs, labels: tuple[int, int] | None, option: str) -> Tensor | None:
    """Return the classes of the two ends."""
    if labels is None and not run.guide.asked.is_by_class:
        try:
            return run.spec.label_kind.told_in(run.unlabelled_kwargs(2))
        except SettingsError:  # it knows classes only
            pass
    return run.labels_of(labels, ends.labels, option)
