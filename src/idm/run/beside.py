"""Conditions laid beside samples: as many, of as many axes, none of them longer; patches of both at the same places."""

from dataclasses import dataclass

import numpy as np

from idm.core.errors import DataError, SettingsError
from idm.data import Source
from idm.data.base import Indices
from idm.data.patches import Patches
from idm.data.patches_beside import PatchesBeside
from idm.data.sizes import Sizes, sizes_in_words
from idm.run.condition_spec import fits_beside
from idm.run.pairing import are_as_many, in_step
from idm.settings.experiment import DataSettings


@dataclass(frozen=True, eq=False)
class Beside:
    """Conditions in step with samples.

    Attributes:
        source: where they come from; patches of it where samples are patches.
        rows: number of the condition of each sample.
        remarks: what is worth knowing of that, a line each.
    """

    source: Source
    rows: Indices
    remarks: tuple[str, ...] = ()


def lay_beside(settings: DataSettings, samples: Source, conditions: Source) -> Beside:
    """Find the condition of each sample, and cut patches of both alike where samples are patches.

    Args:
        settings: how the samples are cut.
        samples: the samples, in patches where the settings say so.
        conditions: one for each sample, or for each raster that patches are cut from.

    Raises:
        DataError: they are another number than the samples, or do not fit beside them.
        SettingsError: crops of samples that are larger.
    """
    whole = samples.rasters if isinstance(samples, Patches) else samples
    if not are_as_many(whole, conditions):
        raise DataError(
            f"condition: one for each of the {len(whole):,} samples wanted, in the same order, got "
            f"{len(conditions):,} ({conditions.note}); give as many"
        )
    _refuse_other_axes(settings, conditions, whole.shape)
    rows, remarks = in_step(whole.names, conditions.names, len(whole))
    if isinstance(samples, Patches):
        conditions, rows = PatchesBeside(samples, conditions, rows), np.arange(len(samples))
    _refuse_longer(conditions.shape, samples.shape, settings.random_crop)
    return Beside(conditions, rows, (*remarks, *_other_aspect(conditions.shape, samples.shape)))


def _refuse_other_axes(settings: DataSettings, conditions: Source, samples: tuple[int, ...]) -> None:
    """Refuse fields of another number of axes, with a way to say or to store them that has the right one."""
    wanted, found = len(samples) - 1, len(conditions.shape) - 1
    if wanted == found:
        return
    by_layout = {("none", 1): "first or last", ("first", -1): "none", ("last", -1): "none"}
    can_say = settings.condition.get("channels") is not None
    rule = by_layout.get((conditions.layout, found - wanted)) if can_say else None
    sizes = ("size",) * min(found, wanted) + ("1",) * (wanted - found)
    places = ", ".join(("n", "channels", *sizes))
    other = f", or set data.condition.channels={rule} if an axis was taken for another" if rule else ""
    raise DataError(
        f"condition: fields of {wanted} spatial axes wanted, as the samples have, got {conditions.shape}, of {found}; "
        f"save them as an array [{places}]{other}"
    )


def _refuse_longer(conditions: tuple[int, ...], samples: tuple[int, ...], crop: Sizes) -> None:
    if not fits_beside(conditions, samples):
        raise DataError(
            f"condition: fields that are along no axis longer than the samples, {samples}, wanted, got {conditions}; "
            "coarsen them, as by means over blocks of places"
        )
    if crop and conditions[1:] != samples[1:]:
        raise SettingsError(
            f"random_crop: 0 wanted where conditions are smaller than the samples, {conditions} beside "
            f"{samples}, got {sizes_in_words(crop)}; set data.random_crop=0, or enlarge the conditions"
        )


def _other_aspect(conditions: tuple[int, ...], samples: tuple[int, ...]) -> tuple[str, ...]:
    """Say that conditions are enlarged more along one axis than along another, which may not be meant."""
    factors = [ours / theirs for ours, theirs in zip(samples[1:], conditions[1:], strict=True)]
    if len({*factors}) <= 1:
        return ()
    sizes = [" x ".join(map(str, shape[1:])) for shape in (conditions, samples)]
    by = " and ".join(f"{factor:g}" for factor in factors)
    return (
        f"data.condition: {sizes[0]} places beside {sizes[1]} of samples are enlarged by {by} along the axes, as if "
        "both showed the same place",
    )
