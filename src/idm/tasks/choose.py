"""Which experiment ``idm train`` is asked for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from idm.core.errors import SettingsError
from idm.core.phrasing import Call
from idm.presets import (
    NOTHING,
    PRESETS,
    USUAL,
    Told,
    data_settings,
    inferred,
    source_told,
    with_condition,
    with_fitting_batches,
    without_source,
)
from idm.run.held_out import split
from idm.run.opened_source import open_source
from idm.run.spec import size_for_images
from idm.run.stored import experiment_to_continue, started_experiment, stored_spec
from idm.settings import Experiment, to_plain
from idm.settings.experiment import DataSettings, SourceSettings
from idm.settings.files import fold, fold_values, lay_and_fit, read_settings, value_in_words
from idm.settings.listing import every_setting
from idm.settings.options import ImageFolderOptions
from idm.settings.validate import flat, lay
from idm.storage import Checkpoint, open_checkpoint
from idm.storage.newest import checkpoint_to_continue
from idm.tasks.task import NETWORK_CODE, SOURCE_CODE, Adapt, as_it_is

CODE = {SOURCE_CODE, NETWORK_CODE}
"""The settings that name code."""

LIST = Call("list(idm.presets.PRESETS)", ("config",))


@dataclass(frozen=True)
class Chosen:
    """What is trained.

    Attributes:
        experiment: the experiment.
        adapt: what is still to be changed when it is known how many samples there are to train on.
        is_inferred: whether the data suggest it.
        given: paths of the settings that somebody gave.
        trusted: settings that name code and were given as overrides, so that whoever gave them wants it to run; in a
            settings file, or a run, it may be a stranger's.
    """

    experiment: Experiment
    adapt: Adapt = as_it_is
    is_inferred: bool = False
    given: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()


def make_experiment(
    data: str | Path | None = None,
    *,
    condition: str | Path | None = None,
    preset: str | None = None,
    file: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    run_folder: str | Path | None = None,
    init: str | Path | None = None,
    trust_code: bool = False,
) -> Experiment:
    """Make the experiment that ``idm train`` would train: in a new folder, or to go on with the run in one.

    Args:
        data: images or arrays; settings that nobody gave are inferred from it, or are those of the preset.
        condition: what the network is shown beside each sample, such as a coarse field: as many, in the same order.
        preset: name of a preset, in place of what would be inferred.
        file: a YAML or TOML file of settings, which count more.
        settings: values by path, or its end where no other ends so, such as {"eta": 0.3}, which count most.
        run_folder: of a run that training will go on with, by its settings: nothing else need be given.
        init: another run, or one checkpoint, whose weights training will begin with: its network is taken over.
        trust_code: import and call what a custom source names, where the data are looked at.

    Raises:
        SettingsError: wrong values, or nothing to train on.
        DataError: data that cannot be read.
    """
    if not isinstance(data, str | Path | None):  # pyright: ignore[reportUnnecessaryIsInstance] (as callers give it)
        raise SettingsError(f"data: a path wanted, got {type(data).__name__}; save arrays with numpy.save")
    if all(given is None for given in (data, preset, file, init, run_folder)) and not settings:
        raise SettingsError("experiment: data, a preset, a file or settings wanted, got none of them")
    told = with_condition(Told({} if file is None else read_settings(file), fold_values(settings or {})), condition)
    trusted = frozenset(CODE) if trust_code else frozenset[str]()
    where = None if data is None else str(data)
    folder, first = (None if place is None else Path(place) for place in (run_folder, init))
    chosen = _chosen(told, file, preset, where, folder, first, trusted=trusted)
    if chosen.adapt is as_it_is:
        return chosen.experiment
    source = open_source(chosen.experiment.data, trust_code=trust_code)
    return chosen.adapt(chosen.experiment, len(split(chosen.experiment.data, source).train))


def choose_experiment(
    config: Path | None,
    preset: str | None,
    data: str | None,
    run_folder: Path,
    overrides: Sequence[str],
    init: Path | None = None,
    condition: str | None = None,
) -> Chosen:
    """Lay a preset (or what the data suggest), a settings file, the data's path and overrides over one another.

    With none of the first three, the experiment of the run in the folder; or what the data of a source suggest that
    needs no path, if the overrides name one. What would be inferred counts less than what a run in the folder was
    started with, and for a new run less than what is known of one whose weights it begins with (``init``). What nobody
    gave follows from the length of the run and the number of samples.

    Raises:
        SettingsError: wrong values, or nothing to train on.
        DataError: data that cannot be read.
    """
    told = with_condition(Told({} if config is None else read_settings(config), fold(overrides)), condition)
    return _chosen(told, config, preset, data, run_folder, init, trusted=frozenset(CODE & flat(told.overrides).keys()))


def _chosen(
    told: Told,
    config: str | Path | None,
    preset: str | None,
    data: str | None,
    run_folder: Path | None,
    init: Path | None,
    *,
    trusted: frozenset[str],
) -> Chosen:
    """Choose as ``choose_experiment``; without a run there is none to go on with."""
    started = None if run_folder is None else started_experiment(run_folder)
    weights = None if init is None or started is not None else open_checkpoint(init)
    first = None if weights is None else experiment_to_continue(weights)
    if data is None and (preset is not None or config is not None or first is not None):
        base = PRESETS.build(preset, {}) if preset is not None else first or Experiment()
        experiment = lay_and_fit(base, told.file, told.overrides, base.training, started)
        return Chosen(experiment, _fitting_batches(told, started), trusted=trusted)
    needed = source_told(told.overrides) is None
    if run_folder is not None and data is None and (stored := _experiment_in(run_folder, needed=needed)) is not None:
        return Chosen(lay(stored, told.overrides), trusted=trusted)
    below = started if preset is None else PRESETS.build(preset, {})
    found = data_settings(data, told, below or _image_size_of(weights), is_run=started is not None and preset is None)
    if below is None:
        base = _with_parts_of(
            first, inferred(found, told if first is None else NOTHING, trust_code=SOURCE_CODE in trusted)
        )
    else:
        base = replace(below, data=found)
    usual = replace(USUAL, batch_size=base.training.batch_size) if preset is None else base.training
    experiment = lay_and_fit(base, without_source(told.file), told.overrides, usual, started)
    given = frozenset(flat(told.file)).union(flat(told.overrides))
    return Chosen(experiment, _fitting_batches(told, started), below is None, given, trusted)


def _image_size_of(first: Checkpoint | None) -> Experiment | None:
    """Return an experiment that says of its data only which size images are brought to, as the weights expect it."""
    if first is None:
        return None
    size = size_for_images(experiment_to_continue(first).data, stored_spec(first))
    options = ImageFolderOptions(path="", image_size=size)
    return Experiment(data=DataSettings(source=SourceSettings("image_folder", options)))


def _with_parts_of(first: Experiment | None, experiment: Experiment) -> Experiment:
    """Take all but data and training from the run whose weights a new one begins with."""
    return experiment if first is None else replace(first, data=experiment.data, training=experiment.training)


def _fitting_batches(told: Told, started: Experiment | None) -> Adapt:
    """Return what brings the size of batches that nobody gave to the number of samples."""
    given = {**told.file.get("training", {}), **told.overrides.get("training", {})}
    return as_it_is if started is not None or "batch_size" in given else with_fitting_batches


def _experiment_in(run_folder: Path, *, needed: bool) -> Experiment | None:
    """Return the experiment of the run in a folder; None where there is none and none is needed.

    Raises:
        SettingsError: there is none, and it is needed.
    """
    checkpoint = checkpoint_to_continue(run_folder)
    if checkpoint is None and needed:
        raise SettingsError(
            f"train: preset=NAME, data=PATH or a settings file wanted, got none and no run to continue in {run_folder}"
            f"; {LIST} lists presets"
        )
    return None if checkpoint is None else experiment_to_continue(checkpoint)


def what_is_new(experiment: Experiment, given: Collection[str] = ()) -> Iterator[str]:
    """Write the settings that are not the defaults, and that nobody gave, as ``path=value`` lines."""
    written = {path: value_in_words(value) for path, value in flat(to_plain(experiment)).items()}
    defaults = {
        row.path: row.default
        for row in every_setting()
        if not row.condition or row.condition == f"{row.section}.name={written[f'{row.section}.name']}"
    }
    new = (path for path, value in written.items() if path not in given and defaults.get(path) != value)
    return (f"{path}={written[path]}" for path in new)
