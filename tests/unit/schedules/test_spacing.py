"""Choice of steps: the reference's specifications by their definition, named spacings by their laws."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idm.core.errors import SettingsError, UnknownNameError
from idm.schedules import SPACINGS, space_timesteps, spaced

every_spacing = pytest.mark.parametrize("name", list(SPACINGS))


@st.composite
def chains(draw: st.DrawFn) -> tuple[int, int]:
    """A number of steps T and a count from 1 to T."""
    number = draw(st.integers(1, 1200))
    return number, draw(st.integers(1, number))


# Named spacings


@every_spacing
@pytest.mark.parametrize("number", [1, 2, 3, 10, 100, 257])
def test_every_count_from_1_to_t_gives_that_many_distinct_steps_in_order(name: str, number: int) -> None:
    for count in range(1, number + 1):
        steps = spaced(number, count, name)
        assert len(steps) == count
        assert steps == sorted(set(steps))
        assert steps[0] >= 0
        assert steps[-1] < number


@every_spacing
@given(chain=chains())
def test_they_are_even_up_to_rounding(name: str, chain: tuple[int, int]) -> None:
    steps = spaced(*chain, name)
    gaps = {after - before for before, after in itertools.pairwise(steps)}
    assert len(gaps) <= 2
    assert not gaps or max(gaps) - min(gaps) <= 1


@every_spacing
@pytest.mark.parametrize("number", [1, 5, 100])
def test_as_many_as_there_are_is_all_of_them(name: str, number: int) -> None:
    assert spaced(number, number, name) == list(range(number))


@given(chain=chains())
def test_trailing_and_linspace_visit_the_noisiest_step(chain: tuple[int, int]) -> None:
    for name in ("trailing", "linspace"):
        assert spaced(*chain, name)[-1] == chain[0] - 1


@given(chain=chains())
def test_leading_starts_at_step_0_and_so_does_linspace_from_two_steps_on(chain: tuple[int, int]) -> None:
    assert spaced(*chain, "leading")[0] == 0
    if chain[1] > 1:
        assert spaced(*chain, "linspace")[0] == 0


@given(chain=chains())
def test_leading_takes_the_first_and_trailing_the_last_step_of_equal_intervals(chain: tuple[int, int]) -> None:
    number, count = chain
    edges = [Fraction(i * number, count) for i in range(count + 1)]
    for step, low, high in zip(spaced(number, count, "leading"), edges[:-1], edges[1:], strict=True):
        assert step <= low < step + 1 <= high + 1
    for step, high in zip(spaced(number, count, "trailing"), edges[1:], strict=True):
        assert step < high <= step + 1


@given(chain=chains())
def test_linspace_is_within_half_a_step_of_even(chain: tuple[int, int]) -> None:
    number, count = chain
    if count > 1:
        for i, step in enumerate(spaced(number, count, "linspace")):
            assert abs(step - Fraction(i * (number - 1), count - 1)) <= Fraction(1, 2)


@every_spacing
@pytest.mark.parametrize("count", [0, -1, 11])
def test_a_count_outside_of_1_to_t_is_refused(name: str, count: int) -> None:
    with pytest.raises(SettingsError, match=f"steps: a number from 1 to 10 wanted, got {count}"):
        spaced(10, count, name)


def test_an_unknown_spacing_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'trailing'"):
        spaced(10, 2, "trailling")


@every_spacing
@given(chain=chains())
def test_a_specification_may_name_a_spacing(name: str, chain: tuple[int, int]) -> None:
    number, count = chain
    assert space_timesteps(number, f"{name}:{count}") == spaced(number, count, name)


# Sections


def reference_sections(number: int, counts: list[int]) -> list[int]:
    """The published rule: equal sections, the first ones one longer; a fractional stride through each."""
    steps, start = [], 0
    for i, count in enumerate(counts):
        size = number // len(counts) + (i < number % len(counts))
        if count == 1:
            steps.append(start)
        elif count > 1:
            steps += [start + Fraction(j * (size - 1), count - 1) for j in range(count)]
        start += size
    return steps


@given(number=st.integers(1, 1000), counts=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_sections_are_walked_by_a_fractional_stride_rounded_to_the_nearest_step(number: int, counts: list[int]) -> None:
    sizes = [number // len(counts) + (i < number % len(counts)) for i in range(len(counts))]
    if sum(counts) == 0 or any(count > size for count, size in zip(counts, sizes, strict=True)):
        with pytest.raises(SettingsError, match="respacing"):
            space_timesteps(number, counts)
        return
    steps = space_timesteps(number, counts)
    exact = reference_sections(number, counts)
    assert len(steps) == len(exact)
    # Ties may go either way: the reference accumulates the stride in floating point.
    assert all(
        abs(step - place) <= Fraction(1, 2) + Fraction(1, 10**9) for step, place in zip(steps, exact, strict=True)
    )
    assert steps == sorted(set(steps))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ([2, 3], [0, 4, 5, 7, 9]),
        ("2,3", [0, 4, 5, 7, 9]),
        (" 2, 3 ", [0, 4, 5, 7, 9]),
        ("1", [0]),
        (1, [0]),
        (4, [0, 3, 6, 9]),
        ("4", [0, 3, 6, 9]),
        ("", list(range(10))),
        ("10", list(range(10))),
        ("1,1,1", [0, 4, 7]),
        ("0,2", [5, 9]),
    ],
)
def test_sections_written_as_list_text_or_number(spec: str | int | list[int], expected: list[int]) -> None:
    assert space_timesteps(10, spec) == expected


def test_a_section_shorter_than_its_count_is_refused_by_number() -> None:
    with pytest.raises(SettingsError, match="section 1 has 5 steps, 6 were asked of it"):
        space_timesteps(10, [2, 6])


@pytest.mark.parametrize("spec", ["0", "0,0", 0, [], [0], [-1, 3]])
def test_no_steps_at_all_are_refused(spec: str | int | list[int]) -> None:
    with pytest.raises(SettingsError, match="respacing: at least one step wanted"):
        space_timesteps(10, spec)


@pytest.mark.parametrize("spec", ["a", "3,b", "3,,4", "-3", "2.5", "ddim", "ddimx", "trailing:", "linspace:x", ","])
def test_what_is_no_specification_is_refused_with_examples(spec: str) -> None:
    with pytest.raises(SettingsError, match="counts such as '25' or '10,15,20', 'ddim25' or 'trailing:25' wanted"):
        space_timesteps(10, spec)


# ddimN


@given(chain=chains())
def test_ddim_n_is_the_smallest_integer_stride_with_exactly_n_steps_or_none(chain: tuple[int, int]) -> None:
    number, count = chain
    # A stride s visits ceil(T / s) steps.
    strides = [s for s in range(1, number) if -(-number // s) == count]
    if strides:
        assert space_timesteps(number, f"ddim{count}") == list(range(0, number, strides[0]))
    else:
        with pytest.raises(SettingsError, match=rf"exactly {count} \(ddim{count}\)"):
            space_timesteps(number, f"ddim{count}")


def test_ddim_n_never_visits_the_last_step_as_published() -> None:
    assert space_timesteps(1000, "ddim50")[-1] == 980
    assert space_timesteps(1000, "ddim3")[-1] == 668


@pytest.mark.parametrize(("number", "count"), [(1000, 1), (1000, 999), (100, 70)])
def test_the_message_of_an_impossible_ddim_n_names_the_count_asked_for_and_a_spacing_that_works(
    number: int, count: int
) -> None:
    with pytest.raises(SettingsError) as caught:
        space_timesteps(number, f"ddim{count}")
    assert f"through {number} steps gives exactly {count}" in str(caught.value)
    assert f"'trailing:{count}'" in str(caught.value)
    assert len(space_timesteps(number, f"trailing:{count}")) == count


@pytest.mark.parametrize("count", [0, 11, 5000])
def test_ddim_n_outside_of_1_to_t_is_told_the_range_and_no_spacing(count: int) -> None:
    with pytest.raises(SettingsError, match=f"a count from 1 to 10 wanted after 'ddim', got 'ddim{count}'$"):
        space_timesteps(10, f"ddim{count}")


@pytest.mark.parametrize("number", [2, 3, 50, 969, 1000, 4000])
def test_linspace_takes_the_references_steps_for_every_count_from_two_on(number: int) -> None:
    for count in range(2, number + 1):
        assert spaced(number, count, "linspace") == space_timesteps(number, str(count))
