"""At a glance: the numbers that people ask for first."""

import math
from collections.abc import Mapping, Sequence
from typing import final

from idm.core.estimate import share_interval
from idm.core.text import counted
from idm.metrics import Figure
from idm.report import Block, Card, Cards
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.subject import Subject

CARDS = {
    "total": "bits/dim of held-out data, lower is better",
    "frechet": "Fréchet distance of features, lower is better",
    "recognised": "of samples recognised as their class",
    "precision": "precision: samples that lie among data",
    "recall": "recall: data that lie among samples",
    "memorisation": "of pairs: the sample is nearer to training data than the held-out one; 50 % is right",
}
"""Figures that are shown, where there are such, with what they are."""

SHARES = ("recognised", "precision", "recall", "memorisation")
"""Those that are shares."""


@final
class Glance(Section):
    """Cards."""

    heading = "At a glance"

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Return a card for each figure."""
        run = subject.run
        known = {} if subject.why_no_data else subject.figures
        cards = [card_of(name, known) for name in CARDS if name in known]
        cards.append(Card(f"{run.num_parameters:,}", "parameters"))
        return [Cards([*cards, *([Card(f"{run.step:,}", "optimiser steps")] if run.step else [])])]


def card_of(name: str, known: Mapping[str, Figure]) -> Card:
    """Return the card of a figure, with the number of samples where that is told."""
    figure, is_share = known[name], name in SHARES
    value = f"{100 * figure.value:.1f} %" if is_share else f"{figure.value:.4g}"
    error = f"{100 * figure.standard_error:.1f}" if is_share else f"{figure.standard_error:.2g}"
    label = f"{CARDS[name]}; {counted(figure.num, 'sample')}" if figure.num else CARDS[name]
    if is_share and figure.num and figure.value in (0.0, 1.0):  # of all or none of a few the standard error is 0
        lower, upper = (100 * end for end in share_interval(figure.value, figure.num))
        return Card(value, f"{label}: with 95 % confidence {lower:.1f} to {upper:.1f} %")
    return Card(value, label, error if math.isfinite(figure.standard_error) else "")
