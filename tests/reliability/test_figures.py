"""The table of figures holds what was found, and nothing else."""

from datetime import date

from ..figures import FIRST, LAST, Figure, combined, write

DAY, NEXT = date(2026, 1, 2), date(2026, 1, 3)


def test_cases_of_a_promise_add_up():
    figures = [Figure("a", 2, 1.0), Figure("b", "3 of 3", 1.0), Figure("a", 5, 0.5)]
    assert combined(figures) == [Figure("a", 7, 1.5), Figure("b", "3 of 3", 1.0)]


def test_other_rows_of_the_same_place_stay_and_those_of_another_go(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{FIRST}\nnone\n{LAST}\nafter\n")
    write(page, [Figure("b", 1_000, 3.4), Figure("a", "1 of 1", 2.0)], "here", DAY)
    rows = ["| a | 1 of 1 | 2 s | 2026-01-02 |", "| b | 1,000 | 3 s | 2026-01-02 |"]
    assert page.read_text().splitlines()[1:-2] == [FIRST, "here", "", *page.read_text().splitlines()[4:6], *rows]
    write(page, [Figure("a", "2 of 2", 9.0)], "here", NEXT)
    assert page.read_text().splitlines()[6:8] == ["| a | 2 of 2 | 9 s | 2026-01-03 |", rows[1]]
    write(page, [Figure("c", 1, 1.0)], "elsewhere", NEXT)
    assert page.read_text().splitlines()[6:] == ["| c | 1 | 1 s | 2026-01-03 |", LAST, "after"]
    assert page.read_text().startswith("before\n")
