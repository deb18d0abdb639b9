"""What stands among points: colours of each, and marks at places of their own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Shaped

from idm.report.colours import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@final
@dataclass(frozen=True, eq=False)
class Colouring:
    """What points are coloured by.

    Attributes:
        values: a number for each point, in its own units; of classes, the number of each.
        name: what it is.
        classes: names of the classes by number; none of other numbers.
    """

    values: Shaped[np.ndarray, " n"]
    name: str
    classes: tuple[str, ...] = ()

    @property
    def groups(self) -> dict[str, int]:
        """Numbers of the classes that there are, by name; nothing of other numbers, and of more than have colours."""
        numbers = np.unique(self.values).tolist() if self.classes else []
        return {self.classes[number]: number for number in numbers} if len(numbers) <= len(PALETTE) else {}


@final
@dataclass(frozen=True, eq=False)
class Marks:
    """Places that are marked among points.

    Attributes:
        values: in the units of the points [m, c]; where a coordinate is NaN, the others are drawn as lines.
        name: what they are.
        marker: as matplotlib names it.
        colour: of markers and lines.
        size: of markers, in points.
    """

    values: Shaped[np.ndarray, "m c"]
    name: str
    marker: str
    colour: str
    size: float = 7

    def draw(self, axes: "Axes", column: int, row: int) -> None:
        """Draw two of the coordinates: a marker where both are known, a line where one is."""
        x, y = self.values[:, column], self.values[:, row]
        for line, values, other in ((axes.axvline, x, y), (axes.axhline, y, x)):
            for value in values[~np.isnan(values) & np.isnan(other)]:
                line(value, color=self.colour, linewidth=0.8, linestyle="--", zorder=1)
        axes.plot(x, y, self.marker, color=self.colour, markersize=self.size, markeredgewidth=1.6, linestyle="none")
