"""Settings from files and from ``path=value`` overrides, laid over one another."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from idm.core.errors import SettingsError
from idm.experiment.settings import Experiment
from idm.experiment.validate import Plain, from_plain, to_plain


def resolve(base: Experiment, *, file: Path | None = None, overrides: Iterable[str] = ()) -> Experiment:
    """Lay a settings file and ``path=value`` overrides over an experiment.

    Args:
        base: where to start from, such as a preset.
        file: a YAML or TOML file with any part of the settings.
        overrides: lines such as "sampler.eta=0.3".

    Raises:
        SettingsError: one line per wrong value.
    """
    plain = to_plain(base)
    if file is not None:
        plain = merge(plain, read_settings(file))
    for override in overrides:
        plain = merge(plain, parse_override(override))
    return from_plain(Experiment, plain)


def read_settings(file: Path) -> Plain:
    """Read a YAML or TOML file into plain values."""
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text) if file.suffix.lower() == ".toml" else yaml.safe_load(text)
    except OSError as error:
        raise SettingsError(f"settings file {file}: cannot be read ({error.strerror})") from error
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"settings file {file}: not valid {file.suffix[1:] or 'YAML'} ({reason})") from error
    if not isinstance(values, dict):
        raise SettingsError(f"settings file {file}: settings by name wanted, got {type(values).__name__}")
    return values


def parse_override(text: str) -> Plain:
    """Parse "a.b=value" into {"a": {"b": value}}; the value is read as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SettingsError(f"--set {text}: PATH=VALUE wanted, such as --set training.num_steps=3000")
    try:
        plain: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        plain = value
    for name in reversed(path.strip().split(".")):
        plain = {name: plain}
    return plain


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Plain:
    """Lay nested values over others; a section that changes its ``name`` drops what belonged to the old one."""
    result: Plain = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            renamed = "name" in value and value["name"] != old.get("name")
            result[key] = dict(value) if renamed else merge(old, value)
        else:
            result[key] = value
    return result
