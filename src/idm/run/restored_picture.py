"""The picture of restored samples: what was seen, the truth where it is known, mean, spread and some draws."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from idm.data import Codec
from idm.data.extras import import_extra
from idm.report import Shown, picture_for, save_picture
from idm.report.colours import ACCENT, INK, MUTED
from idm.report.frame import stacked, text_line
from idm.report.kinds import ImagePicture, PointPicture
from idm.report.kinds.point_marks import Colouring, Marks
from idm.restoration import LinearOperator, Observation, Selection
from idm.run.draws import Draws
from idm.run.file_facts import nifti_among
from idm.run.observing import Observed
from idm.run.opened import Opened
from idm.run.saving import sample_picture

SHOWN_DRAWS, SHOWN_ROWS, SHOWN_POINTS = 6, 8, 16
"""Draws of an observation, and observations, in the picture; the third of points."""

SQUARES = 8
"""Squares of the board that stands where nothing was seen, along the longer side of a sample; at least a pixel each."""


def draw_points(path: Path, run: Opened, observed: Observed, draws: Draws, x: Tensor) -> Path:
    """Draw all samples as points, of several observations each in a colour, with what was seen, truth and means.

    Args:
        path: where to.
        run: the run.
        observed: what was seen.
        draws: what was asked for.
        x: what was drawn, in the model's range.
    """
    picture, count, codec = sample_picture(run.spec), min(len(observed.names), SHOWN_POINTS), run.spec.codec
    assert isinstance(picture, PointPicture)
    x = x[: count * draws.num]
    marks: list[Marks] = []
    if (seen := seen_in(draws.observations[:count], run.spec.shape)) is not None:
        marks.append(Marks(_in_units(seen, codec), "seen", "s", MUTED, 4))
    if draws.num > 1:
        means = x.view(count, draws.num, *x.shape[1:]).mean(1)
        marks.append(Marks(_in_units(means, codec), "mean", "P", ACCENT))
    if observed.truth is not None:
        marks.append(Marks(_in_units(observed.truth[:count], codec), "truth", "x", INK))
    rows = np.arange(count).repeat(draws.num)
    drawn = picture.coloured(x, Colouring(rows, "observation") if count > 1 else None, marks)
    return save_picture(path, stacked([*_cut(count, len(observed.names)), drawn]))


def overview(path: Path, run: Opened, observed: Observed, draws: Draws, x: Tensor, reference: Path | None) -> Path:
    """Draw a row for each observation; of volumes three planes through the middle, in their proportions.

    Where nothing was seen there is a board of squares, in signals a gap. Standard deviations stand below, on a scale of
    their own.

    Args:
        path: where to.
        run: the run.
        observed: what was seen.
        draws: what was asked for.
        x: what was drawn, in the model's range.
        reference: as of ``kind_of``.
    """
    columns, samples = _columns(run, observed, draws, x), x.view(-1, draws.num, *x.shape[1:])[:SHOWN_ROWS]
    laid = torch.stack([*columns.values()], dim=1).flatten(0, 1)
    picture = sample_picture(run.spec, _voxel(run, nifti_among(*observed.files, reference)))
    drawn = picture.draw(laid, columns=len(columns), names=list(columns))
    if draws.num > 1:
        title = text_line("standard deviation of the draws of each row")
        drawn = stacked([drawn, text_line(""), title, spread_picture(samples.std(1), picture.shown)])
    return save_picture(path, stacked([*_cut(len(samples), len(observed.names)), drawn]))


def _cut(count: int, total: int) -> list[Image.Image]:
    """Say that not all observations are shown; nothing where they are."""
    return [text_line(f"first {count:,} of {total:,} observations")] if count < total else []


def _columns(run: Opened, observed: Observed, draws: Draws, x: Tensor) -> dict[str, Tensor]:
    """Return what the columns show, by their names, each [rows, c, *space] in the model's range."""
    count, spec = min(len(observed.names), SHOWN_ROWS), run.spec
    samples = x.view(-1, draws.num, *x.shape[1:])[:count]
    columns: dict[str, Tensor] = {}
    if (seen := seen_in(draws.observations[:count], spec.shape)) is not None:
        columns["seen"] = seen if len(spec.shape) == 2 else torch.where(seen.isnan(), board(spec.shape), seen)
    if observed.truth is not None:
        columns["truth"] = observed.truth[:count]
    if draws.num > 1:
        columns["mean"] = samples.mean(1)
    for j in range(min(draws.num, SHOWN_DRAWS)):
        columns[f"draw {j}"] = samples[:, j]
    return columns


def spread_picture(std: Tensor, shown: Shown) -> Image.Image:
    """Draw standard deviations [n, c, *space], in the model's range, from 0 to the largest of a channel.

    The channels of a colour picture are put together: the root of their mean square.
    """
    codec, units = shown.codec, shown.units
    std = std * torch.tensor(codec.scale, dtype=std.dtype).view(-1, *[1] * (std.ndim - 2))
    shape, names = shown.shape, shown.channel_names
    if isinstance(picture_for(shown), ImagePicture) and shape[0] > 1:
        std, shape, names = std.square().mean(1, keepdim=True).sqrt(), (1, *shape[1:]), None
        units = units[:1] if units and len({*units}) == 1 else None
    most = std.transpose(0, 1).flatten(1).amax(1).clamp(min=float(np.finfo(np.float32).tiny))
    most = most if len(codec.scale) > 1 else most.amax(0, keepdim=True)
    half = tuple((most / 2).tolist())
    x = std / most.view(-1, *[1] * (std.ndim - 2)) * 2.0 - 1.0
    of_spread = Shown(shape, Codec("float32", None, half, half), names, shown.rate_hz, shown.voxel_size, units)
    are_many_signals = len(shape) == 2 and len(x) > 4
    names = [] if are_many_signals else [f"row {row}" for row in range(len(x))]
    return picture_for(of_spread).draw(x, columns=None if are_many_signals else len(x), names=names)


def board(shape: tuple[int, ...]) -> Tensor:
    """Return a board of two greys [1, *space] of samples of a shape, across all axes."""
    space = shape[1:]
    side = max(1, round(max(space) / SQUARES))
    numbers = torch.stack(torch.meshgrid(*(torch.arange(size) // side for size in space), indexing="ij")).sum(0)
    return torch.where(numbers % 2 == 0, -0.25, 0.25)[None]


def _in_units(x: Tensor, codec: Codec) -> NDArray[np.float64]:
    """Return points in the model's range in their own units, NaN as it is."""
    values = x.double().numpy()
    return values * np.array(codec.scale) + np.array(codec.offset)


def _voxel(run: Opened, where: Path | None) -> tuple[float, ...] | None:
    """Return the size of a voxel of the run's volumes along each axis, as a file has it; None where there is none."""
    if where is None or len(run.spec.shape) != 4:
        return None
    file = import_extra("nibabel", "nifti").load(where)
    sizes = zip(
        file.header.get_zooms(), file.shape, run.spec.shape[1:], strict=False
    )  # those of means of blocks are larger
    return tuple(float(size) * few / many for size, few, many in sizes)


def seen_in(observations: Sequence[Observation], shape: tuple[int, ...]) -> Tensor | None:
    """Return what was seen as samples in the model's range, NaN where nothing was; None where it cannot be shown so."""
    shown: list[Tensor] = []
    for one in observations:
        operator = one.operator
        if not isinstance(operator, LinearOperator):
            return None
        if isinstance(operator, Selection):
            shown.append(torch.where(operator.seen, operator.adjoint(one.values), torch.nan))
        else:
            is_sample = tuple(one.values.shape[1:]) == shape
            shown.append(one.values if is_sample else operator.pseudo_inverse(one.values))
    return torch.cat(shown).float()
