"""The classes that files tell of the samples in them, as a run numbers them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.cells import MISSING
from idm.data.file_names import composed
from idm.run.label_kind import Label
from idm.run.labels import NO_CLASS, number_names
from idm.run.opened import Opened
from idm.run.point_files import table_of


def classes_in_table(run: Opened, path: Path, count: int) -> list[Label | None]:
    """Read the class of each of so many points in a file; None where none is told, or the run knows no classes.

    Raises:
        DataError: names of classes that the run lacks.
    """
    told, known = table_of(path, run.experiment.data).labels(), run.spec.class_names
    if known is None or told is None:
        return [None] * count
    names = [NO_CLASS if name.casefold() in MISSING else name for name in told]
    return list(classes_named(path, np.array(names), None, known))


def classes_named(
    path: Path, labels: NDArray[Any], names: Sequence[str] | None, known: Sequence[str]
) -> list[int | None]:
    """Number labels as the run does; None for those of no class, and for numbers that are no names of its classes.

    Raises:
        DataError: names of classes that the run lacks.
    """
    texts = [str(label) if names is None else names[int(label)] for label in labels.tolist()]
    if names is not None or labels.dtype.kind == "U":
        number_names(path, sorted({*texts} - {NO_CLASS}), known)
    number = {composed(name): row for row, name in enumerate(known)}
    return [number.get(composed(text)) for text in texts]
