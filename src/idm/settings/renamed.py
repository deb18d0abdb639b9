"""Settings of earlier versions, by their names of today."""

from typing import Any

from idm.settings.validate import Plain

RENAMED = {"network": {"checkpoint_levels": "checkpoint_stages"}}
"""Earlier names of settings, and those of today, by section. A setting that is given by both is left, to be refused."""

DROPPED = {"network": {"low_res_channels": 0}}
"""Settings that are none any more, with the one value that has no effect, by section; another is left, to be refused.
Channels of a condition follow from the data."""


def in_names_of_today(plain: Plain) -> Plain:
    """Rename the settings of a document that an earlier version wrote; what is no section is left as it is."""
    sections = {
        section: _renamed(plain[section], RENAMED.get(section, {}), DROPPED.get(section, {}))
        for section in RENAMED.keys() | DROPPED.keys()
        if isinstance(plain.get(section), dict)
    }
    return plain | sections


def _renamed(section: dict[str, Any], names: dict[str, str], dropped: dict[str, Any]) -> dict[str, Any]:
    return {
        names[name] if name in names and names[name] not in section else name: value
        for name, value in section.items()
        if not (name in dropped and type(value) is int and value == dropped[name])
    }
