"""Settings of data as ``idm check-data`` takes them, and carries them into the command that trains."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from idm.data import SOURCES
from idm.data.check import DataCheck
from idm.data.check.training import Opened, Opener
from idm.data.indexed import ENCODED
from idm.experiment import Experiment
from idm.experiment.data import open_as_training
from idm.experiment.settings import DataSettings, SourceSettings

SOURCE = "data.source."


def full_paths(overrides: Sequence[str]) -> list[str]:
    """Write out the paths of settings that are given by their names: "channels=first", "random_crop=8"."""
    return [_full(override) for override in overrides]


def _full(override: str) -> str:
    section, first = "data", override.partition("=")[0].partition(".")[0].strip()
    if first in {entry.name for entry in fields(Experiment)}:
        return override
    if first not in {entry.name for entry in fields(DataSettings)}:
        section = "data.source"
    return f"{section}.{override.strip()}"


def as_training_opens(settings: DataSettings) -> Opener:
    """Return what opens a source as training with these settings would."""

    def opener(name: str, options: Mapping[str, Any]) -> Opened:
        return open_as_training(replace(settings, source=SourceSettings(name, options)))

    return opener


def beside_an_index(check: DataCheck, overrides: Sequence[str]) -> list[str]:
    """Choose the overrides that training on the index of a check still needs: the index knows the source's own."""
    known = SOURCES.options("index") if check.source in ENCODED else {}
    return [
        override
        for override in overrides
        if not override.startswith(SOURCE) or override.removeprefix(SOURCE).partition("=")[0].strip() in known
    ]
