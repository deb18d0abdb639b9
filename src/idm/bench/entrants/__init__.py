"""The implementations that take part; a new one is one file and one line in ``ENTRANTS``."""

from collections.abc import Sequence

from idm.bench.entrants.base import Entrant
from idm.bench.entrants.diffusers import DIFFUSERS
from idm.bench.entrants.lucidrains import LUCIDRAINS
from idm.bench.entrants.ours import OUR_BFLOAT16, OUR_FLOAT32

ENTRANTS: tuple[Entrant, ...] = (DIFFUSERS, LUCIDRAINS, OUR_FLOAT32, OUR_BFLOAT16)
"""In the order of the rows: the first that is installed is what the others are compared with."""


def installed(entrants: Sequence[Entrant] = ENTRANTS) -> tuple[list[Entrant], list[str]]:
    """Return those that can take part, and for each of the others a line that says how to install it."""
    present: list[Entrant] = []
    missing: list[str] = []
    for entrant in entrants:
        try:
            entrant.require()
        except ImportError as error:
            missing.append(f"{entrant.name} is left out ({error}); to have it: {entrant.install}")
        else:
            present.append(entrant)
    return present, missing


__all__ = ["DIFFUSERS", "ENTRANTS", "LUCIDRAINS", "OUR_BFLOAT16", "OUR_FLOAT32", "Entrant", "installed"]
