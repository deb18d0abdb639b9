"""Whether a folder may become that of a run, or is one: before data are opened, and before anything is written."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from idm.core.errors import CheckpointError
from idm.core.places import exists, file_in, folder_in, require_usable
from idm.run.data_folder import refuse_data_folder
from idm.settings.yaml_text import read_yaml
from idm.storage.retention import FOLDER, folders
from idm.training.snapshots import SNAPSHOTS

SETTINGS = "experiment.yaml"
WRITTEN = (SETTINGS, "metrics.jsonl", "events.jsonl", "micro_batch.json")
FILLED = (FOLDER, SNAPSHOTS, "samples", "tensorboard", "wandb")
REPLACED = ("samples/step-*.png", f"{SNAPSHOTS}/step-*", f"{SNAPSHOTS}/.step-*", f"{FOLDER}/.step-*")
"""What training replaces or removes besides."""

LARGEST_SETTINGS_BYTES = 2**16
"""Bytes of the largest experiment.yaml that is read; ours have a few thousand, and YAML takes long to read."""

SECTIONS = {"data", "network", "training", "sampler"}
"""Some that are in the settings of every run."""


def require_run_folder(run_folder: Path, data: Iterable[str] = ()) -> None:
    """Refuse a folder that cannot be written to, or in which training would alter what is not a run's.

    Args:
        run_folder: the folder.
        data: where the data lie; a new run is none of these places.

    Raises:
        SettingsError: it is the folder of the data.
        CheckpointError: it is such a folder, or there is a link in place of what training writes.
    """
    require_usable(run_folder)
    for name in WRITTEN:
        file_in(run_folder, name)
    for name in FILLED:
        folder_in(run_folder, name)
    if folders(run_folder) or _is_as_written(run_folder / SETTINGS):
        return
    for place in data:
        refuse_data_folder(run_folder, place)
    foreign = [name for name in WRITTEN if exists(run_folder / name) and (run_folder / name).stat().st_size]
    foreign += [path.relative_to(run_folder) for pattern in REPLACED for path in sorted(run_folder.glob(pattern))]
    if foreign:
        raise CheckpointError(
            f"{run_folder}: a new folder or that of a run wanted, got {foreign[0]} without a run; move it away, or "
            "choose another folder"
        )


def _is_as_written(path: Path) -> bool:
    """Whether a file is that of a run that had no checkpoint yet: settings in full, and just as they are written."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_SETTINGS_BYTES:
            return False
        text = path.read_text(encoding="utf-8")
        plain = read_yaml(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return False
    return isinstance(plain, dict) and plain.keys() >= SECTIONS and settings_text(plain) == text


def settings_text(plain: dict[str, object]) -> str:
    """Return settings as they are written to a run folder."""
    return yaml.safe_dump(plain, sort_keys=False)
