"""Pictures of samples, one class for each kind of data: images, signals, volumes, fields, points.

``picture_for`` chooses by what is known of the data; whoever shows samples asks it.
"""

from collections.abc import Callable

from idm.report.kinds.base import SamplePicture, Shown
from idm.report.kinds.fields import FieldPicture
from idm.report.kinds.images import ImagePicture
from idm.report.kinds.points import PointPicture, scatter
from idm.report.kinds.signals import SignalPicture
from idm.report.kinds.volumes import VolumePicture

__all__ = [
    "FieldPicture",
    "ImagePicture",
    "PointPicture",
    "SamplePicture",
    "Shown",
    "SignalPicture",
    "VolumePicture",
    "picture_for",
    "scatter",
]


def _planar(shown: Shown) -> SamplePicture:
    """Choose for data of two axes: grey levels and three channels without names of their own are images."""
    is_grey = shown.channels == 1 and shown.codec.levels is not None
    is_coloured = shown.channels == 3 and (shown.codec.levels is not None or shown.channel_names is None)
    return ImagePicture(shown) if is_grey or is_coloured else FieldPicture(shown)


BY_AXES: tuple[Callable[[Shown], SamplePicture], ...] = (PointPicture, SignalPicture, _planar, VolumePicture)
"""What makes a picture of samples with so many spatial axes."""


def picture_for(shown: Shown) -> SamplePicture:
    """Choose the kind of picture that data have."""
    return BY_AXES[len(shown.shape) - 1](shown)
