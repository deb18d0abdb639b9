"""Settings of earlier versions, by their names of today."""

from typing import Any

from idm.settings.validate import Plain

RENAMED = {"network": {"checkpoint_levels": "checkpoint_stages"}}
"""Earlier names of settings, and those of today, by section. A setting that is given by both is left, to be refused."""


def in_names_of_today(plain: Plain) -> Plain:
    """Rename the settings of a document that an earlier version wrote; what is no section is left as it is."""
    sections = {
        section: _renamed(plain[section], names)
        for section, names in RENAMED.items()
        if isinstance(plain.get(section), dict)
    }
    return plain | sections


def _renamed(section: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        names[name] if name in names and names[name] not in section else name: value for name, value in section.items()
    }
