"""What was trained, on what, and where this page was made."""

import platform
from collections.abc import Mapping, Sequence
from typing import final

import numpy
import torch
import yaml

from idm.report import Block, Fold, Paragraph, Table
from idm.report.preformatted import Preformatted
from idm.settings import to_plain
from idm.tasks.describing import describe_opened
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.subject import Subject
from idm.tasks.words import without_folders

LONGEST_ROW = 90
"""Letters of a row that is not folded away."""

Rows = list[tuple[str, str]]


def _apart(words: Mapping[str, str]) -> tuple[Rows, Rows]:
    """Return rows that are short, and those that are long; options are named by what they are of."""
    named: Rows = []
    last = ""
    for name, value in words.items():
        last = name.strip() or last
        named.append((last if name.strip() else f"options of the {last}", value))
    short = [row for row in named if len(row[1]) <= LONGEST_ROW]
    return short, [row for row in named if len(row[1]) > LONGEST_ROW]


@final
class Configuration(Section):
    """Settings, data and versions; of several runs, where they differ."""

    heading = "Configuration and environment"

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Describe a run, and this machine."""
        run = subject.run
        words = describe_opened(run).in_words(folders=False)
        here = {
            "Python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "system": f"{platform.system()} {platform.machine()}",
            "device": f"{run.device}, {torch.get_num_threads()} threads",
        }
        short, long = _apart(words)
        text = yaml.safe_dump(without_folders(to_plain(run.experiment)), sort_keys=False, allow_unicode=True)
        return [
            Table(short),
            *([Fold("Options in full", [Table(long)])] if long else []),
            Paragraph("This page was made with:"),
            Table(list(here.items())),
            Fold("All settings", [Preformatted(text)]),
        ]
