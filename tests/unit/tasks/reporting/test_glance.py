"""Cards of the first section: a share of all of a few samples says so."""

from idm.metrics import Figure
from idm.tasks.reporting.sections.glance import card_of


def test_a_share_of_all_of_a_few_has_its_interval_and_count() -> None:
    card = card_of("precision", {"precision": Figure("precision", 1.0, 0.0, num=12)})
    assert (card.value, card.error) == ("100.0 %", "")  # Wilson: 12 / (12 + 1.96^2) to 1
    assert card.label.endswith("; 12 samples: with 95 % confidence 75.8 to 100.0 %")


def test_other_figures_have_their_error_and_their_count_where_it_is_told() -> None:
    card = card_of("recall", {"recall": Figure("recall", 0.85, 0.029, num=1_375)})
    assert (card.value, card.error) == ("85.0 %", "2.9")
    assert card.label.endswith("; 1,375 samples")
    assert "samples" not in card_of("total", {"total": Figure("total", 1.7, 0.01)}).label
