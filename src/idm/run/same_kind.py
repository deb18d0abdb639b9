"""The rule of what results are written as: by the writer of their input's kind, with that file's own metadata."""

from pathlib import Path

from idm.core.errors import DataError
from idm.data.writers import ALWAYS, build_writers, usual_formats
from idm.report.pictures import fit_png
from idm.run.any_kind import is_picture
from idm.run.file_facts import FileFacts, nifti_among
from idm.run.formats import form_of
from idm.run.observed_files import ARRAY_SUFFIXES
from idm.run.opened import Opened
from idm.run.point_files import TABLE_SUFFIXES, table_of
from idm.run.restored_kinds import Arrays, ByWriter, Kind, Pictures, Tables


def kind_of(run: Opened, file: Path | None, reference: Path | None) -> Kind:
    """Return how results of what came in a file are written: as it was, or as the run's data best are.

    Args:
        run: the run.
        file: the file; None of what came in none, such as held-out samples, which is written as the run's data came.
        reference: another file whose place in the world a volume has, such as its mask.
    """
    suffix = "" if file is None else file.suffix.lower()
    if file is not None and suffix in TABLE_SUFFIXES:
        return Tables(table_of(file, run.experiment.data), run.spec, suffix)
    known = facts_of(run, file, reference)
    if known is not None and (kind := _by_writer(run, known)) is not None:
        return kind
    if fit_png(run.spec.shape, run.spec.codec) and suffix not in ARRAY_SUFFIXES:
        return Pictures(form_of(run))
    is_point = len(run.spec.shape) == 1
    return Arrays(suffix if suffix == ".npz" else ".npy", holds_sets=file is not None or is_point)


def facts_of(run: Opened, file: Path | None, reference: Path | None = None) -> FileFacts | None:
    """Return what is known of the file, or of the run's data; None of pictures and of plain arrays.

    Arguments are as of ``kind_of``; what lies in files that say where themselves has no place from another.
    """
    is_plain = file is not None and (is_picture(run, file) or file.suffix.lower() in ARRAY_SUFFIXES)
    where = nifti_among(file, reference if file is None or is_plain else None)
    if where is not None and len(run.spec.shape) > 2:
        return FileFacts.of_file(run, where)
    if file is None:
        return FileFacts.of_run(run)
    if is_plain:
        return None
    try:
        return FileFacts.of_file(run, file)
    except DataError:  # of observations of another shape, such as means of blocks, which tell no places of samples
        return FileFacts.of_run(run)


def _by_writer(run: Opened, known: FileFacts) -> ByWriter | None:
    """Return the writer of the format that files of a source have; None: there is none, or its package is missing."""
    form = form_of(run, known)
    try:
        writers = build_writers(usual_formats(known.source, form), form)
    except DataError:
        return None
    found = next((writer for name, writer in writers.items() if name != ALWAYS), None)
    return None if found is None else ByWriter(found, form, run.spec.layout, found.holds_sets)
