"""Writing the page of a run, or of several, and its figures."""

import io
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from PIL import Image

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.core.outputs import checked_file
from idm.core.progress import SILENT, Listener
from idm.report.blocks import Drawn
from idm.report.figures import pdf, svg
from idm.run import Run, load
from idm.run.saving import results_folder
from idm.storage.results import Results, results_in
from idm.tasks.reporting.gathering import Gathered, Left, gather
from idm.tasks.reporting.request import ReportRequest
from idm.tasks.reporting.subject import Subject
from idm.tasks.together import Say, say_nothing, say_what_is_replaced, together

PAGE, FOLDER = "report.html", "reported"
"""What is written by default, and where in a run."""

LONGEST_NAME = 36
"""Characters of a run's name on the page; longer ones end in dots."""

FIGURES = r"[a-z]+-[0-9]+\.(?:pdf|svg|png)"
"""Names of figures in a folder of theirs: section and number."""


@final
@dataclass(frozen=True)
class Reported:
    """A page that was written.

    Attributes:
        runs: what it is of.
        page: the page.
        figures: its figures and pictures, where they were asked for.
        left_out: sections that are not on it, and why.
    """

    runs: Sequence[Run]
    page: Path
    figures: Sequence[Path]
    left_out: Sequence[Left]


def report_into(
    run_folders: Sequence[str | Path],
    request: ReportRequest | None = None,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Reported:
    """Write one page of a run, or of several side by side, to FIRST/reported/report.html by default.

    The page is one file that asks for no other. What does not apply to a run, such as bounds where no data are held
    out, is left out and named at the end. Files that this program did not write are not replaced.

    Args:
        run_folders: run folders, or checkpoints in them.
        request: what is wanted; all sections by default.
        out: the page, a file name that ends in .html.
        device: where to compute.
        trust_code: import and call what the runs name.
        listener: hears how it gets on.
        say: told what is replaced.

    Raises:
        SettingsError: no run, no such section, or files of others in the places of page or figures.
        CheckpointError: no run there, or a damaged one.
    """
    wanted = request or ReportRequest()
    if not run_folders:
        raise SettingsError("runs: at least one wanted, got none")
    sections, effort = together(lambda: wanted.members, lambda: wanted.effort)
    runs = [load(run, device=device, trust_code=trust_code).using(precision=wanted.precision) for run in run_folders]
    page, figures = _place(out, runs[0]), _place_of_figures(wanted, runs[0])
    subjects = [Subject(run, name, effort, wanted.seed, listener) for run, name in zip(runs, _names(runs), strict=True)]
    with results_in(page.parent, (page.name,), setting="" if out is None else f"out={out}") as results:
        say_what_is_replaced(results, say)
        gathered = gather(sections, subjects, listener)
        put = results.put(f"a page of {runs[0].name}", lambda new: {"page": gathered.page().write(new / page.name)})
    written: Sequence[Path] = []
    if figures is not None:
        with _results_of_figures(wanted, figures) as results:
            say_what_is_replaced(results, say)
            written = list(results.put(f"figures of {page}", lambda new: _write_figures(new, gathered)).values())
    return Reported(runs, put["page"], written, gathered.left_out)


def _place(out: str | Path | None, run: Run) -> Path:
    """Return where the page goes."""
    if out is None:
        return results_folder(None, run, FOLDER) / PAGE
    page = checked_file(Path(out), ".html")
    results_folder(page.parent, run, "", file=page.name)
    return page


def _place_of_figures(wanted: ReportRequest, run: Run) -> Path | None:
    """Return where figures go, if any are wanted; what is in the way there is refused before the work begins."""
    if wanted.figures is None:
        return None
    folder = results_folder(wanted.figures, run, "", setting="figures")
    with _results_of_figures(wanted, folder):
        return folder


def _results_of_figures(wanted: ReportRequest, folder: Path) -> AbstractContextManager[Results]:
    firsts = [f"{name}-1.{suffix}" for name in wanted.members for suffix in ("pdf", "svg", "png")]
    return results_in(folder, firsts, FIGURES, f"figures={wanted.figures}")


def _names(runs: Sequence[Run]) -> list[str]:
    """Name runs by their folders; by their checkpoints, too, and then by numbers, where they are not told apart so."""
    folders = [run.folder.resolve().name for run in runs]
    checkpoints = [f"{folder}, {run.name.name}" for folder, run in zip(folders, runs, strict=True)]
    for names in (folders, checkpoints):
        short = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in names]
        if max(Counter(short).values()) == 1:
            return short
    return [f"run {number}" for number in range(1, len(runs) + 1)]


def _write_figures(folder: Path, gathered: Gathered) -> dict[str, Path]:
    """Write figures as PDF and SVG, and pictures as PNG."""
    written: dict[str, Path] = {}
    for name, drawn in gathered.drawn():
        for suffix, content in _files(drawn).items():
            written[f"{name}.{suffix}"] = write_atomically(folder / f"{name}.{suffix}", content)
    return written


def _files(drawn: Drawn) -> dict[str, bytes]:
    _, content = drawn
    if not isinstance(content, Image.Image):
        return {"pdf": pdf(content), "svg": svg(content).encode()}
    stream = io.BytesIO()
    content.save(stream, format="PNG")
    return {"png": stream.getvalue()}
