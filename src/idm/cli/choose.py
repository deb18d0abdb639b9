"""Which experiment ``idm train`` is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from idm.cli.settings import every_setting
from idm.cli.words import value_in_words
from idm.core.errors import SettingsError
from idm.experiment import Experiment, resolve, stored_experiment, to_plain
from idm.experiment.files import fold
from idm.experiment.settings import SourceSettings
from idm.experiment.validate import flat
from idm.presets import PRESETS, inferred, source_settings
from idm.training.checkpoint import checkpoint_to_continue
from idm.training.retention import FOLDER

CODE = "make"
"""The option of a source that names code."""

RESIZED = frozenset({"image_folder", "index"})
"""Sources of image files, which are brought to one size."""


def choose_experiment(
    config: Path | None, preset: str | None, data: str | None, run: Path, overrides: Sequence[str]
) -> Experiment:
    """Lay a preset (or what the data suggest), a settings file, the data's path and overrides over one another.

    With none of the first three, the experiment of the run in the folder.

    Raises:
        SettingsError: wrong values, or nothing to train on.
        DataError: data that cannot be read.
    """
    source = None if data is None else source_settings(data)
    if preset is not None:
        base = PRESETS.build(preset, {})
    elif source is not None:
        base = inferred(source)
    elif config is not None:
        base = Experiment()
    else:
        base = _experiment_in(run)
    experiment = resolve(base, file=config)
    if source is not None:
        experiment = _with_source(experiment, source)
    return resolve(experiment, overrides=overrides)


def names_code(config: Path | None, overrides: Sequence[str]) -> bool:
    """Whether the code of a custom source is named by this command line: by an override, or a settings file it gives.

    A settings file in the folder of a run is part of that run, which may be a stranger's.
    """
    own_file = config is not None and not (config.resolve().parent / FOLDER).is_dir()
    return own_file or f"data.source.{CODE}" in flat(fold(overrides))


def _experiment_in(run: Path) -> Experiment:
    checkpoint = checkpoint_to_continue(run)
    if checkpoint is None:
        raise SettingsError(
            f"train: --preset NAME, --data PATH or a settings file wanted, got none and no run to continue in {run}; "
            "'idm config' lists presets and settings"
        )
    return stored_experiment(checkpoint)


def _with_source(experiment: Experiment, source: SourceSettings) -> Experiment:
    """Put the source in place of the experiment's, keeping the size that images are brought to."""
    old = experiment.data.source
    if {source.name, old.name} <= RESIZED and "image_size" in old.options:
        source = replace(source, options={**source.options, "image_size": old.options["image_size"]})
    return replace(experiment, data=replace(experiment.data, source=source))


def what_is_new(experiment: Experiment) -> Iterator[str]:
    """Write the settings that are not the defaults as ``path=value`` lines."""
    written = {path: value_in_words(value) for path, value in flat(to_plain(experiment)).items()}
    defaults = {
        row.path: row.default
        for row in every_setting()
        if not row.condition or row.condition == f"{row.section}.name={written[f'{row.section}.name']}"
    }
    return (f"{path}={value}" for path, value in written.items() if defaults[path] != value)
