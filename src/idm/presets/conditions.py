"""From the path of conditions to the settings that open them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from idm.presets.located import Told, data_settings
from idm.run.conditions import of_conditions
from idm.settings.validate import Plain

OF_CONDITIONS = ("range", "standardize")
"""Settings of conditions that are none of their source."""


def with_condition(told: Told, path: str | Path | None) -> Told:
    """Lay the source that opens conditions over a settings file, and below what overrides say of it.

    Args:
        told: what is said of an experiment.
        path: a file or folder; None: nothing is laid.

    Raises:
        SettingsError: wrong values.
        DataError: nothing readable there.
    """
    if path is None:
        return told
    layers = [_of_source(plain) for plain in (told.file, told.overrides)]
    if any(layer is None for layer in layers):
        return told  # what is no group of settings is refused where it is laid
    file, given = ({"data": {"source": layer}} for layer in layers)
    with of_conditions():
        source = data_settings(path, Told(file, given)).source
    data: Plain = told.overrides.get("data", {})
    condition = {"name": source.name, **source.not_default, **data.get("condition", {})}
    return replace(told, overrides={**told.overrides, "data": {**data, "condition": condition}})


def _of_source(plain: Plain) -> dict[str, Any] | None:
    """Return what nested settings say of the source of conditions; None where that is no group."""
    found: Any = plain
    for key in ("data", "condition"):
        found = found.get(key, {}) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    return {key: value for key, value in found.items() if key not in OF_CONDITIONS and (key, value) != ("name", "none")}
