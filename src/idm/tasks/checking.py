"""Looking at data as training would."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from idm.core.files import write_atomically
from idm.core.passes import passes_shown_by
from idm.core.progress import SILENT, Listener
from idm.core.text import json_text
from idm.data.check import DataCheck, check_located
from idm.data.check.training import Opened
from idm.presets import Told, located, with_condition
from idm.report.data_page import write_data_page
from idm.run.data import open_as_training
from idm.settings import Experiment
from idm.settings.experiment import SourceSettings
from idm.settings.files import fold
from idm.settings.validate import lay

INDEX, SUMMARY, PAGE = "index.jsonl", "check.json", "page.html"
NAMES, WHAT = (INDEX, SUMMARY, PAGE), "a check"
"""What is written, and what it is."""


def check_data(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    condition: str | Path | None = None,
    listener: Listener = SILENT,
) -> DataCheck:
    """Look at data: what is there, what training would refuse or convert and why, what is odd.

    Args:
        path: a folder of images, or another kind of data that is read.
        overrides: settings of the data, such as "data.source.channels=first".
        condition: what the network would be shown beside each sample: a file or folder.
        listener: hears how looking at the samples gets on.

    Raises:
        SettingsError: wrong settings.
        DataError: nothing that is read.
    """
    told = fold(overrides)
    lay(Experiment(), {section: values for section, values in told.items() if section != "data"})
    found = located(str(path), with_condition(Told(overrides=told), condition))

    def opener(name: str, options: Mapping[str, Any]) -> Opened:
        source = SourceSettings(name, SourceSettings.options_of(name)(**options))
        return open_as_training(replace(found.settings, source=source))

    with passes_shown_by(listener):
        check = check_located(found.settings.source.name, found.said, opener, listener)
    cut = found.settings.patch_size, found.settings.patch_stride
    return replace(check, apart=found.settings.apart, patches=cut)


def write_check(folder: str | Path, check: DataCheck) -> dict[str, Path]:
    """Write a check to a folder that is there: its index, if it has one, a summary and a page.

    Returns:
        What was written, by what it is.
    """
    folder, summary = Path(folder), json_text(check.to_plain(), indent=2) + "\n"
    index = {} if check.index is None else {"index": write_atomically(folder / INDEX, check.index.to_text().encode())}
    return index | {
        "summary": write_atomically(folder / SUMMARY, summary.encode()),
        "page": write_data_page(folder / PAGE, check),
    }
