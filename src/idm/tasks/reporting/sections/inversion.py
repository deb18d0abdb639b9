"""Data to noise and back."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch

from idm.report import Block, Card, Cards, Paragraph, Picture
from idm.report.point_paths import round_trip
from idm.run import encoding
from idm.tasks.reporting.carried import Carried
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject

MOST_SHOWN, NUM_POINTS = 10, 60
"""Samples that stand beside each other, at the most, and points."""


@final
class Inversion(Section):
    """Samples, the noise that they are carried to, and what comes back of it."""

    heading = "To noise and back"
    needs = (DATA,)

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Carry held-out samples, or training data where nothing is held out."""
        run, codec, has_rows = subject.run, subject.run.spec.codec, subject.picture.has_columns
        taken = Carried.of(subject, min(subject.across, MOST_SHOWN) if has_rows else NUM_POINTS)
        x = taken.inputs.x
        with subject.timed("inversion and back"):
            latents = encoding.encode(
                run, taken.inputs, choice=taken.choice, seed=subject.seed, listener=subject.listener
            )
            again, _ = encoding.decode(run, latents, listener=subject.listener)
        original, rebuilt = codec.decode(x), codec.decode(again)
        cards = _cards(original, rebuilt, are_exact=codec.levels is not None)
        said = Paragraph(f"Sampling without noise is run backwards by {taken.in_words}, and forwards again.")
        if not has_rows:
            figure = round_trip(original, rebuilt, codec.decode(subject.training.x), subject.point_names)
            return [said, Picture(figure, "Points and what came back of them"), cards]
        picture = subject.picture.draw(torch.cat([x, latents.x.to(x), again]), columns=len(x))
        caption = "First row: data. Second row: the noise that they are carried to. Third row: what is drawn from it."
        return [said, Picture(picture, "Data, noise, and what came back", caption), cards]


def _cards(original: np.ndarray, rebuilt: np.ndarray, *, are_exact: bool) -> Cards:
    """Say how far values are from what they were, and how many of quantised ones are exact."""
    error = float(np.sqrt(np.square(rebuilt.astype(np.float64) - original.astype(np.float64)).mean()))
    cards = [Card(f"{error:.3g}", "root mean square error, in units of the data")]
    if are_exact:
        cards.insert(0, Card(f"{100 * float((original == rebuilt).mean()):.1f} %", "of all values come back exactly"))
    return Cards(cards)
