"""The nearest training data of samples: whether samples are copies."""

from collections.abc import Sequence
from typing import final

import torch

from idm.metrics.memorisation import nearest, to_nearest
from idm.report import Block, Paragraph, Picture, SideBySide
from idm.report.densities import cumulative
from idm.report.point_paths import beside_data
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject

NUM_NEAREST = 2
"""Neighbours that are shown of each sample."""


@final
class Neighbours(Section):
    """The samples that lie nearest to training data, with these; and how far all samples and held-out data lie."""

    heading = "Nearest training data"
    needs = (DATA,)

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Find the nearest training data of all samples."""
        training, codec = subject.training.x, subject.run.spec.codec
        with subject.timed("nearest training data"):
            found = nearest(codec.rounded(subject.samples), training, NUM_NEAREST)
            sets = {"samples": found.distances[:, 0].numpy()}
            if len(subject.data.held_out):
                sets["held-out data"] = to_nearest(subject.held_out.x, training).numpy()
        x = "root mean square distance, values in [-1, 1]"
        figure = cumulative(sets, title="Distance to the nearest training data", x=x)
        lines = Picture(figure, "Line chart: distances of samples and of held-out data to the nearest training data")
        said = f"Of {len(subject.samples):,} samples, beside {len(training):,} training data."
        if not subject.picture.has_columns:
            drawn, behind = codec.decode(subject.samples), codec.decode(training)
            points = beside_data(drawn, behind, subject.point_names, "Samples before training data")
            return [
                SideBySide([Picture(points, "Scatter plot: samples before training data"), lines], 26),
                Paragraph(said),
            ]
        closest = found.distances[:, 0].argsort()[: min(subject.across, 10)]
        near = [training[found.rows[closest, place]] for place in range(found.rows.shape[1])]
        rows = torch.cat([subject.samples[closest], *near])
        caption = "First row: the samples that lie nearest to training data. Below each: its nearest training data."
        picture = subject.picture.draw(rows, columns=len(closest))
        return [Picture(picture, "Samples and their nearest training data", caption), lines, Paragraph(said)]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Say how to read it."""
        return [
            Paragraph(
                "A model that repeats its training data draws samples that lie nearer to them than new data do. Where "
                "the line of samples runs to the left of that of held-out data, look at the pairs."
            )
        ]
