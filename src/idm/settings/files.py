"""Settings from files and from ``path=value`` overrides, laid over one another."""

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from idm.core.errors import SettingsError
from idm.settings.experiment import Experiment
from idm.settings.fitted import OF_A_STARTED_RUN, fitted, kept
from idm.settings.renamed import in_names_of_today
from idm.settings.short_names import in_full
from idm.settings.validate import Plain, lay, to_plain
from idm.settings.yaml_text import read_yaml, reason
from idm.training import TrainingSettings

LARGEST_FILE_BYTES = 2**18
"""Bytes of the largest settings file that is read: a setting takes a few dozen, and a large file long to read."""

MOST_VALUES = 100_000
"""Most values of a settings file; a few aliases in YAML can stand for endlessly many."""


def resolve(base: Experiment, *, file: str | Path | None = None, overrides: Iterable[str] = ()) -> Experiment:
    """Lay a settings file and ``path=value`` overrides over an experiment.

    Where they give a smaller number of steps, settings of training that suit the larger one follow it. A run's own
    experiment is continued with a larger number, which changes nothing else.

    Args:
        base: where to start from, such as a preset.
        file: a YAML or TOML file with any part of the settings.
        overrides: lines such as "sampler.eta=0.3"; their order matters only where one setting is given twice.

    Raises:
        SettingsError: one line per wrong value.
    """
    from_file, given = {} if file is None else read_settings(file), fold(overrides)
    experiment = lay(base, from_file, given)
    if experiment.training.num_steps >= base.training.num_steps:
        return experiment
    return lay_and_fit(base, from_file, given, base.training)


def lay_and_fit(
    base: Experiment, file: Plain, overrides: Plain, usual: TrainingSettings, started: Experiment | None = None
) -> Experiment:
    """Lay a file's values and overrides over an experiment, and bring to its number of steps what nobody gave.

    What a file gives suits the number of steps that it gives, if it does: where an override gives another, it follows.
    The size of batches does not depend on it, and stays.

    Args:
        base: the experiment.
        file: nested values of a settings file.
        overrides: nested values that count more.
        usual: settings for the usual number of steps.
        started: what the run in the folder was started with, if there is one.

    Raises:
        SettingsError: one line per wrong value.
    """
    experiment = lay(base, file, overrides)
    in_file, given = (layer.get("training", {}).keys() for layer in (file, overrides))
    own = kept(started.training, usual) if started is not None else {}
    if "num_steps" not in in_file or "num_steps" not in given:
        return fitted(experiment, usual, {*in_file, *given}, own)
    stays = {*given, *(in_file & {"batch_size"})}
    unsaid = {name: value for name, value in own.items() if name in OF_A_STARTED_RUN or name not in in_file}
    return fitted(experiment, fitted(lay(base, file), usual, in_file, own).training, stays, unsaid)


def read_settings(file: str | Path) -> Plain:
    """Read a YAML or TOML file, of this version or an earlier one, into plain values."""
    file = Path(file)
    if file.is_dir():
        raise SettingsError(f"settings file {file}: a YAML or TOML file wanted, got a folder; give data as data=PATH")
    try:
        text = _text_of(file)
        values = tomllib.loads(text) if file.suffix.lower() == ".toml" else read_yaml(text)
    except OSError as error:
        raise SettingsError(f"settings file {file}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        kind = file.suffix[1:] or "YAML"
        raise SettingsError(f"settings file {file}: not valid {kind} ({reason(error)})") from error
    if not isinstance(values, dict):
        raise SettingsError(f"settings file {file}: settings by name wanted, got {type(values).__name__}")
    if _is_endless(values):
        raise SettingsError(f"settings file {file}: at most {MOST_VALUES:,} values wanted, got more; use fewer aliases")
    return in_names_of_today(values)


def _text_of(file: Path) -> str:
    """Read a text of bounded size, as UTF-8; Windows marks its beginning.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger, or not UTF-8.
    """
    with file.open("rb") as stream:
        content = stream.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise ValueError(f"at most {LARGEST_FILE_BYTES:,} bytes wanted, got more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"text in UTF-8 wanted, got another byte at {error.start:,}; save it as UTF-8") from error


def _is_endless(values: Plain) -> bool:
    """Whether there are too many values, as where YAML's aliases repeat one another or lead back to themselves."""
    waiting: list[Any] = [values]
    for _ in range(MOST_VALUES):
        if not waiting:
            return False
        value = waiting.pop()
        if isinstance(value, (dict, list, tuple, set)):
            waiting += value.values() if isinstance(value, dict) else value
    return True


def parse_override(text: str) -> Plain:
    """Parse "a.b=value" into {"a": {"b": value}}; the value is read as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SettingsError(f"set={text}: PATH=VALUE wanted, such as training.num_steps=3000")
    try:
        plain: Any = read_yaml(value)
    except (ValueError, RecursionError, yaml.YAMLError):
        plain = value
    for name in reversed(path.strip().split(".")):
        plain = {name: plain}
    return plain


def value_in_words(value: Any) -> str:
    """Write a value as ``parse_override`` reads it after the equals sign."""
    if isinstance(value, (list, tuple)) and all(map(_is_plain, value)):
        return ",".join(map(value_in_words, value)) or "[]"
    if isinstance(value, (Mapping, list, tuple)):
        text = yaml.safe_dump(value, default_flow_style=True, width=sys.maxsize, allow_unicode=True, sort_keys=False)
        return text.strip()
    if not isinstance(value, str):
        return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    return value if parse_override(f"value={value}") == {"value": value} else json.dumps(value)


def _is_plain(value: Any) -> bool:
    """Whether a value may stand between commas, which lists of settings are split at."""
    if isinstance(value, str):
        return "," not in value and value_in_words(value) == value == value.strip() != ""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fold(overrides: Iterable[str]) -> Plain:
    """Put ``path=value`` lines into one mapping; of two values for one setting the last counts.

    A path may be the end of one, such as "num_steps", where no other setting ends so.

    Raises:
        SettingsError: no override, the end of several paths, or a value for a section that another line sets a part of.
    """
    result: Plain = {}
    for text in overrides:
        _add(result, parse_override(in_full(text)), "")
    return result


def fold_values(settings: Mapping[str, Any]) -> Plain:
    """Put values by path into one mapping; a path may be the end of one, as in ``fold``, whose errors there are.

    Members of enums become their names, paths of files texts.
    """
    result: Plain = {}
    for path, value in settings.items():
        plain: Any = str(value) if isinstance(value, Path) else to_plain(value)
        for name in reversed(in_full(f"{path}=").removesuffix("=").split(".")):
            plain = {name: plain}
        _add(result, plain, "")
    return result


def _add(result: Plain, more: Plain, path: str) -> None:
    for key, value in more.items():
        where, old = f"{path}{key}", result.get(key, value)
        if isinstance(old, dict) != isinstance(value, dict):
            raise SettingsError(f"set={where}: one value, or settings in it wanted, got both; leave one of them out")
        if isinstance(value, dict):
            _add(result.setdefault(key, {}), value, f"{where}.")
        else:
            result[key] = value
