"""Data to noise and back."""

from collections.abc import Sequence
from typing import final

import torch

from idm.editing.inversion import MAX_NOISE_TO_SIGNAL
from idm.report import Block, Card, Cards, Paragraph, Picture
from idm.report.point_paths import round_trip
from idm.run import encoding
from idm.run.inputs import Inputs
from idm.run.inversions import choose_inversion
from idm.run.label_kinds import Label
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject

NUM_POINTS = 60


@final
class Inversion(Section):
    """Samples, the noise that they are carried to, and what comes back of it."""

    heading = "To noise and back"
    needs = (DATA,)

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Carry held-out samples, or training data where nothing is held out."""
        run, codec = subject.run, subject.run.spec.codec
        dataset = subject.data.held_out if len(subject.data.held_out) else subject.data.train
        x, y = dataset.first(min(subject.across, 10) if subject.picture.has_columns else NUM_POINTS)
        labels: list[Label | None] = [None] * len(x) if y is None else list(run.spec.label_kind.labels_of(y))
        available = run.diffusion.grid.num_steps_below(MAX_NOISE_TO_SIGNAL)
        steps = max(1, min(subject.effort.carried(len(x)), available))
        choice = choose_inversion(run.diffusion, steps=steps)
        with subject.timed("inversion and back"):
            latents = encoding.encode(run, Inputs(x, labels), choice=choice, listener=subject.listener)
            again, _ = encoding.decode(run, latents, listener=subject.listener)
        original, rebuilt = codec.decode(x), codec.decode(again)
        error = float(
            (torch.from_numpy(rebuilt.astype("f8")) - torch.from_numpy(original.astype("f8"))).square().mean().sqrt()
        )
        cards = [Card(f"{error:.3g}", "root mean square error, in units of the data")]
        if codec.levels is not None:
            cards.insert(
                0, Card(f"{100 * float((original == rebuilt).mean()):.1f} %", "of all values come back exactly")
            )
        said = f"Sampling without noise is run backwards by {choice.method} in {steps:,} steps, and forwards again."
        if not subject.picture.has_columns:
            behind = codec.decode(subject.training.x)
            figure = round_trip(original, rebuilt, behind, subject.point_names)
            return [Paragraph(said), Picture(figure, "Points and what came back of them"), Cards(cards)]
        rows = torch.cat([x, latents.x.to(x), again])
        caption = "First row: data. Second row: the noise that they are carried to. Third row: what is drawn from it."
        picture = subject.picture.draw(rows, columns=len(x))
        return [Paragraph(said), Picture(picture, "Data, noise, and what came back", caption), Cards(cards)]
