"""How samples are distributed beside data: values, pairs of coordinates, the power of frequencies."""

import math
from collections.abc import Sequence
from typing import final

from torch import Tensor

from idm.report import Block, Paragraph, Picture, SideBySide
from idm.report.densities import pair_densities, power_spectra, value_densities
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject

FEWEST_PLACES = 4
"""Places along the shortest axis from which on frequencies are told apart."""

MOST_VALUES, FEWEST_SAMPLES = 2**22, 16
"""Most values of a set that are counted, and the fewest samples whatever they hold."""


@final
class Distributions(Section):
    """Densities of points, histograms of values, spectra of what has axes."""

    heading = "How samples are distributed"
    needs = (DATA,)

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Draw samples beside training data."""
        codec, shown = subject.run.spec.codec, subject.picture.shown
        parts = {"training data": _some(subject.training.x), "samples": _some(subject.samples)}
        sets = {name: codec.decode(x) for name, x in parts.items()}
        figures = value_densities(shown, sets)
        if len(shown.shape) == 1 and shown.channels > 1:
            figures = [*pair_densities(shown, sets), *figures]
        if len(shown.shape) > 1 and min(shown.shape[1:]) >= FEWEST_PLACES:
            figures += power_spectra(shown, sets)
        pictures = [Picture(one, f"Chart: {one.axes[0].get_title('left')}") for one in figures]
        counts = " and ".join(f"{len(x):,} {name}" for name, x in parts.items())
        return [SideBySide(pictures, least_rem=26), Paragraph(f"Of {counts}.")]


def _some(x: Tensor) -> Tensor:
    """Return samples evenly from all, no more than are counted quickly."""
    most = max(FEWEST_SAMPLES, MOST_VALUES // math.prod(x.shape[1:]))
    return x[:: -(-len(x) // most)]
