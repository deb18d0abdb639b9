"""Labels in the file ``dataset.json`` of an archive, as data sets of StyleGAN and EDM have them."""

import json
from collections import Counter

from idm.core.errors import DataError, UnreadableFileError
from idm.core.text import one_line
from idm.data.images.items import Deflated, Slice, encoded

LABELS = "dataset.json"
"""The file of labels at the top of an archive."""


def read_told_labels(item: Slice | Deflated) -> dict[str, int] | None:
    """Read the class number of each image by its name; None where the file has none.

    Raises:
        UnreadableFileError: no JSON.
        DataError: JSON of another kind.
    """
    try:
        plain = json.loads(encoded(item))
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"{item}: cannot be read as JSON ({one_line(error)}); write it anew") from error
    rows = plain.get("labels") if isinstance(plain, dict) else plain
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(map(_is_label, rows)):
        raise DataError(
            f'{item}: {{"labels": [["NAME", CLASS NUMBER], ...]}} wanted, got something else; '
            "set data.source.labels=none to go without"
        )
    if doubled := [name for name, count in Counter(name for name, _ in rows).items() if count > 1]:
        raise DataError(f"{item}: one label of each image wanted, got several of {doubled[0]!r}; remove all but one")
    return dict(rows)


def _is_label(row: object) -> bool:
    if not isinstance(row, list) or len(row) != 2:
        return False
    name, number = row
    return isinstance(name, str) and isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**63
