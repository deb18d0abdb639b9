"""Conditions above the samples that were drawn for them, or as colours of points."""

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F  # noqa: N812 (the field's name)
from PIL import Image
from torch import Tensor

from idm.report import SamplePicture, Shown, picture_for
from idm.report.frame import stacked, text_line
from idm.report.kinds import PointPicture
from idm.report.kinds.point_marks import Colouring
from idm.run.condition_spec import ConditionSpec, Field


def above_samples(
    samples: Image.Image, picture: SamplePicture, spec: ConditionSpec, fields: Sequence[Field], columns: int
) -> Image.Image:
    """Put conditions above the picture of their samples: one for each column that is of one, or each in its place.

    They are enlarged to the size of samples, each value a block of pixels. Those whose channels are called as the
    samples', as a coarse field's are, are on the same scale; others have the colours of their own range.

    Args:
        samples: the picture of samples.
        picture: what drew it.
        spec: what is known of the conditions.
        fields: that of each sample.
        columns: samples in a row.
    """
    each = [field.sha256 for field in fields]
    is_by_column = all(one == each[place % columns] for place, one in enumerate(each))
    shown = fields[:columns] if is_by_column else fields
    if len({*each}) == 1:
        shown = shown[:1]
    known = _shown_of(spec, picture.shown)
    x = known.codec.encode(np.stack([field.values for field in shown]))
    if x.ndim > 2:
        x = F.interpolate(x, size=list(picture.shown.shape[1:]), mode="nearest")
    drawn = picture_for(known).draw(x, columns=min(columns, len(shown)))
    where = "all" if len(shown) == 1 else "each column" if is_by_column else "each sample, in its place"
    conditions = _as_wide(drawn, samples, len(shown), columns)
    return stacked([text_line(f"condition of {where}"), conditions, text_line("samples"), samples])


def beside_points(
    x: Tensor, picture: PointPicture, spec: ConditionSpec | None, fields: Sequence[Field], classes: Colouring | None
) -> Image.Image:
    """Draw points with their conditions: in a line above where all have one, else each point in the colour of its own.

    Conditions of points are numbers, in their own units; the first of several gives the colour. Where they give none,
    classes do.

    Args:
        x: the points, in the model's range [n, c].
        picture: what draws them.
        spec: what is known of the conditions; None where there are none.
        fields: that of each point.
        classes: class of each point; None where they have none, or one.
    """
    if spec is None:
        return picture.coloured(x, classes)
    values = np.stack([field.values for field in fields])
    names = spec.channel_names or tuple(f"condition {i}" for i in range(values.shape[1]))
    names = ("condition",) if spec.channel_names is None and len(names) == 1 else names
    if (values == values[0]).all():
        drawn = picture.coloured(x, classes)
        told = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, values[0].tolist(), strict=True))
        return stacked([text_line(f"for all: {told}", drawn.width), drawn])
    drawn = picture.coloured(x, Colouring(values[:, 0], names[0]))
    remarks = [f"coloured by {names[0]}, the first of {len(names)} numbers of conditions"] if len(names) > 1 else []
    remarks += ["classes are not told apart"] if classes is not None else []
    return stacked([text_line("; ".join(remarks), drawn.width), drawn]) if remarks else drawn


def _shown_of(spec: ConditionSpec, samples: Shown) -> Shown:
    """Return what is known of conditions of the size of samples; those of the same names are on the samples' scale."""
    shape, is_same = (spec.shape[0], *samples.shape[1:]), spec.channel_names == samples.channel_names is not None
    codec, units = (samples.codec, samples.units) if is_same else (spec.codec, None)
    return Shown(shape, codec, spec.channel_names, samples.rate_hz, samples.voxel_size, units)


def _as_wide(drawn: Image.Image, samples: Image.Image, count: int, columns: int) -> Image.Image:
    """Bring columns of conditions to the width of those of samples, from which other channels may make them differ."""
    wide = samples.width if count >= columns else drawn.width
    if drawn.width == wide:
        return drawn
    return drawn.resize((wide, max(1, round(drawn.height * wide / drawn.width))))
