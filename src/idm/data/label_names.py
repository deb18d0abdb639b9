"""Which arrays or columns are samples and which are their labels, told by their names."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError

LABELS = ("labels", "label", "y", "targets", "target", "classes", "class", "categories", "category", "cls")
"""Words for labels, those that count first in front."""

OF_LABELS = frozenset({*LABELS, "name", "names", "id", "ids", "idx", "index"})
"""Words that names of labels are made of, as in "class name" and "label_ids"."""

DATA = ("data", "images", "x", "arr_0", "image", "img", "imgs", "samples", "inputs", "signals", "volumes", "features")
"""Words for samples, those that count first in front."""

OF_DATA = frozenset({*DATA, "arr", "0"})
"""Words that names of samples are made of."""

NO_LABELS = "none"
"""What is written in place of a name where labels are not wanted."""


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, without case, quotes, blanks and signs between them."""
    return tuple(re.findall(r"[^\W_]+", name.casefold()))


def find_labels(names: Sequence[str], data: str | None = None) -> str | None:
    """Return the name that plainly stands for labels; None if none does.

    What else a name says must be said of the data, too: "y_train" belongs to "x_train", "labels" to all. Names in the
    plural, such as "target_names", are those of the classes where there is another.

    Args:
        names: names to choose from.
        data: name of the samples, where they have one.
    """
    said = _further(data, OF_DATA) if data is not None else frozenset[str]()
    found = [name for name in names if name != data and is_of_labels(name) and _further(name, OF_LABELS) <= said]
    return min(
        found, key=lambda name: (-len(_further(name, OF_LABELS)), "names" in words(name), _rank(name)), default=None
    )


def as_text(where: object, labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels with text in place of bytes in UTF-8, and of objects that are text; others as they are.

    Args:
        where: what messages call them.
        labels: labels as they are stored.

    Raises:
        DataError: bytes that are no text.
    """
    names = labels.reshape(-1).tolist() if labels.dtype.kind in "SOT" else []
    if not names or not all(isinstance(name, (str, bytes)) for name in names):
        return labels
    try:
        texts = [name.decode() if isinstance(name, bytes) else name for name in names]
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: labels in UTF-8 wanted, got {error.object!r}; save them as text") from error
    return np.array(texts).reshape(labels.shape)


def is_of_labels(name: str) -> bool:
    """Whether a name has a word for labels in it."""
    return not frozenset(LABELS).isdisjoint(words(name))


def is_of_data(name: str) -> bool:
    """Whether a name has a word for samples in it."""
    return not OF_DATA.isdisjoint(words(name))


def _further(name: str, known: frozenset[str]) -> frozenset[str]:
    return frozenset(words(name)) - known


def _rank(name: str) -> int:
    return min(LABELS.index(word) for word in words(name) if word in LABELS)
