"""What the shell completes: names of presets, samplers and settings. Imports no torch.

The names lie in a file, because to ask the package for them takes as long as importing torch. ``write`` makes it;
tests/docs/test_map.py sees that it is up to date.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

FILE = Path(__file__).with_name("names.json")


Names = dict[str, Any]
"""Names by kind; "settings" with the values that they can have, where these are few."""

Complete = Callable[[str], list[str]]
"""Given what was typed so far: what may stand there."""


def _one_of(names: Callable[[], list[str]]) -> Complete:
    def complete(incomplete: str) -> list[str]:
        return _that_begin(names(), incomplete)

    return complete


def _of_kind(kind: str) -> Complete:
    return _one_of(lambda: _names()[kind])


def _several_of(kind: str) -> Complete:
    """Complete the last of several names."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in _that_begin(_names()[kind], last)]

    return complete


presets, samplers, precisions, variances = map(_of_kind, ("presets", "samplers", "precisions", "variances"))
heads, plans, guidance_rules, trackers = map(_of_kind, ("heads", "plans", "guidance_rules", "trackers"))
inversions, checks, operators, methods = map(_of_kind, ("inversions", "checks", "operators", "methods"))
features = _of_kind("features")
metrics, formats, report_sections = map(_several_of, ("metrics", "formats", "report_sections"))
spacings = _one_of(lambda: _names()["settings"]["sampler.spacing"])
edits = _one_of(lambda: ["sdedit", *_names()["inversions"]])
devices = _one_of(lambda: ["cpu", "cuda", "mps"])
"""To know which of them are here takes torch."""


def settings_called(option: str, most: int = 3) -> list[str]:
    """Return the paths of settings whose last part has the words of an option, such as --steps; the shortest first."""
    words = set(option.lstrip("-").replace("-", "_").split("_"))
    fitting = [path for path in _names()["settings"] if words <= set(path.rpartition(".")[2].split("_"))]
    return sorted(fitting, key=lambda path: path.count("_"))[:most]


def sections(incomplete: str) -> list[str]:
    """Complete the path of a setting or of a section."""
    paths = _names()["settings"]
    above = {path.rpartition(".")[0] for path in paths} - {""}
    return _that_begin([*sorted(above), *paths], incomplete)


def settings(incomplete: str) -> list[str]:
    """Complete PATH= by whole paths, or by a name that only one setting has; behind that a value of a few."""
    return _settings(_names()["settings"], incomplete)


def sampler_settings(incomplete: str) -> list[str]:
    """Complete settings as above, of samplers only."""
    return _settings(_part("sampler."), incomplete)


def data_settings(incomplete: str) -> list[str]:
    """Complete settings as above, of the data only."""
    return _settings(_part("data."), incomplete)


def _part(section: str) -> dict[str, list[str]]:
    return {path: values for path, values in _names()["settings"].items() if path.startswith(section)}


def _settings(known: dict[str, list[str]], incomplete: str) -> list[str]:
    path, equals, _ = incomplete.partition("=")
    if equals:
        paths = [path] if path in known else [whole for whole in _short(known) if whole.endswith(f".{path}")]
        values = known[paths[0]] if len(paths) == 1 else []
        return _that_begin([f"{path}={value}" for value in values], incomplete)
    names = [whole.rpartition(".")[2] for whole in _short(known)]
    short = [name for name in names if names.count(name) == 1]
    return _that_begin([f"{name}=" for name in dict.fromkeys([*known, *short])], incomplete)


def _short(known: Iterable[str]) -> list[str]:
    """Return the paths that names may stand for: those of conditions have the names of those of samples."""
    return [whole for whole in known if not whole.startswith("data.condition.")]


@cache
def _names() -> Names:
    return json.loads(FILE.read_text(encoding="utf-8"))


def _that_begin(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def collect() -> Names:
    """Ask the package for all names."""
    from idm.data.writers import WRITERS
    from idm.guidance import GUIDANCE_RULES
    from idm.metrics import FEATURES, METRICS
    from idm.presets import PRESETS
    from idm.proof import CHECKS
    from idm.run.acceleration import PRECISIONS
    from idm.run.classifier_features import CLASSIFIER
    from idm.run.inversions import METHODS
    from idm.run.method_settings import MethodSettings
    from idm.run.operators import EXAMPLES
    from idm.run.planners import PLANNERS
    from idm.run.solver_fit import FITTED_SAMPLER
    from idm.run.variance import VARIANCES
    from idm.settings.experiment import SamplerSettings
    from idm.tasks.reporting import SECTIONS
    from idm.training.head_losses import HEADS
    from idm.training.trackers import TRACKERS

    return {
        "presets": list(PRESETS),
        "samplers": [*SamplerSettings.family, FITTED_SAMPLER],
        "precisions": list(PRECISIONS),
        "variances": list(VARIANCES),
        "heads": list(HEADS),
        "plans": list(PLANNERS),
        "guidance_rules": list(GUIDANCE_RULES),
        "trackers": list(TRACKERS),
        "checks": list(CHECKS),
        "operators": [f"{name}:" for name in EXAMPLES],
        "methods": list(MethodSettings.family),
        "inversions": list(METHODS),
        "metrics": list(METRICS),
        "features": [*FEATURES, CLASSIFIER],
        "formats": list(WRITERS),
        "report_sections": list(SECTIONS),
        "settings": _words_of_settings(),
    }


def _words_of_settings() -> dict[str, list[str]]:
    """Return the paths of settings with the words that each takes, if it takes words."""
    from idm.settings.listing import WORDS, every_setting

    settings: dict[str, list[str]] = {}
    for row in every_setting():  # a path has a row for each member that has such an option
        kind = row.kind.removesuffix(f" or {WORDS[NoneType]}")
        values = ["true", "false"] if kind == WORDS[bool] else kind.split(" | ") if " | " in kind else []
        settings[row.path] = list(dict.fromkeys([*settings.get(row.path, []), *values]))
    return settings


def write() -> None:
    """Write the file of names anew."""
    FILE.write_text(json.dumps(collect(), indent=1) + "\n", encoding="utf-8")
