"""The picture of restored samples: what was seen, the truth where it is known, mean, spread and some draws."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from idm.data.extras import import_extra
from idm.report import save_picture
from idm.restoration import LinearOperator, Observation, Selection
from idm.run.draws import Draws
from idm.run.file_facts import nifti_among
from idm.run.observing import Observed
from idm.run.opened import Opened
from idm.run.saving import picture_of, sample_picture

SHOWN_DRAWS, SHOWN_ROWS = 6, 16
"""Draws of an observation, and observations, in the picture."""


def draw_points(path: Path, run: Opened, x: Tensor) -> Path:
    """Draw all samples as points."""
    return save_picture(path, picture_of(x, run.spec))


def overview(
    path: Path, run: Opened, observed: Observed, draws: Draws, x: Tensor, largest: float, reference: Path | None
) -> Path:
    """Draw a row for each observation; of volumes the three planes through the middle, in their proportions.

    Args:
        path: where to.
        run: the run.
        observed: what was seen.
        draws: what was asked for.
        x: what was drawn, in the model's range.
        largest: standard deviation that is white.
        reference: as of ``kind_of``.
    """
    columns = _columns(run, observed, draws, x, largest)
    laid = torch.stack([*columns.values()], dim=1).flatten(0, 1)
    picture = sample_picture(run.spec, _voxel(run, nifti_among(*observed.files, reference)))
    return save_picture(path, picture.draw(laid, columns=len(columns), names=list(columns)))


def _columns(run: Opened, observed: Observed, draws: Draws, x: Tensor, largest: float) -> dict[str, Tensor]:
    """Return what the columns show, by their names, each [rows, c, *space] in the model's range."""
    count, spec = min(len(observed.names), SHOWN_ROWS), run.spec
    samples = x.view(-1, draws.num, *x.shape[1:])[:count]
    columns: dict[str, Tensor] = {}
    if (seen := _seen(draws.observations[:count], spec.shape)) is not None:
        columns["seen"] = seen
    if observed.truth is not None:
        columns["truth"] = observed.truth[:count]
    if draws.num > 1:
        columns["mean"] = samples.mean(1)
        scale = torch.tensor(spec.codec.scale).view(-1, *[1] * (x.ndim - 2))
        columns["std"] = 2.0 * (samples.std(1) * scale / largest).clamp(max=1.0) - 1.0
    for j in range(min(draws.num, SHOWN_DRAWS)):
        columns[f"draw {j}"] = samples[:, j]
    return columns


def _voxel(run: Opened, where: Path | None) -> tuple[float, ...] | None:
    """Return the size of a voxel of the run's volumes along each axis, as a file has it; None where there is none."""
    if where is None or len(run.spec.shape) != 4:
        return None
    file = import_extra("nibabel", "nifti").load(where)
    sizes = zip(
        file.header.get_zooms(), file.shape, run.spec.shape[1:], strict=False
    )  # those of means of blocks are larger
    return tuple(float(size) * few / many for size, few, many in sizes)


def _seen(observations: Sequence[Observation], shape: tuple[int, ...]) -> Tensor | None:
    """Return what was seen as samples in the model's range; None where it cannot be shown so."""
    shown: list[Tensor] = []
    for one in observations:
        operator = one.operator
        if not isinstance(operator, LinearOperator):
            return None
        is_sample = tuple(one.values.shape[1:]) == shape and not isinstance(operator, Selection)
        shown.append(one.values if is_sample else operator.pseudo_inverse(one.values))
    return torch.cat(shown).float()
