"""Ways from one sample to another, through the noise that they come from."""

from collections.abc import Sequence
from typing import final

import torch

from idm.report import Block, Paragraph, Picture
from idm.report.point_paths import paths_of
from idm.run import interpolating
from idm.run.inputs import Inputs
from idm.tasks.reporting.carried import Carried
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject

NUM_PAIRS, FEWEST_PLACES, MOST_PLACES = 4, 4, 9


@final
class Interpolation(Section):
    """A row for each pair of samples; points on their way before the data."""

    heading = "Between two samples"
    needs = (DATA,)

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Walk between pairs of held-out samples, or of training data where too few are held out."""
        run, has_rows = subject.run, subject.picture.has_columns
        places = max(FEWEST_PLACES, min(MOST_PLACES, subject.across)) if has_rows else MOST_PLACES
        taken = Carried.of(subject, 2 * NUM_PAIRS, places)
        x, labels, ways = taken.inputs.x, taken.inputs.labels, list[torch.Tensor]()
        with subject.timed("ways between samples"):
            for first in range(0, len(x) - 1, 2):
                pair = Inputs(x[first : first + 2], labels[first : first + 2])
                way, _ = interpolating.interpolate(run, pair, places, choice=taken.choice, listener=subject.listener)
                ways.append(way)
        said = Paragraph(
            "Two samples are turned into noise, the noise is mixed in small steps from the first to the second, and "
            f"each mixture is drawn, by {taken.in_words}. Where every place of the way looks like data, the model has "
            "learned more than a list of examples."
        )
        if has_rows:
            picture = subject.picture.draw(torch.cat(ways), columns=places)
            return [said, Picture(picture, "Rows of samples that change", "Each row leads from one to another.")]
        codec = run.spec.codec
        figure = paths_of(list(map(codec.decode, ways)), codec.decode(subject.training.x), subject.point_names)
        return [said, Picture(figure, "Points on their way from one to another")]
