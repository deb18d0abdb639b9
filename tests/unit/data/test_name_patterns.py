"""A pattern of names finds the group where the definition of globs says it is, in no time."""

import itertools
import re
import time
from functools import cache

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data.name_patterns import groups_in, read_pattern


@pytest.mark.parametrize(
    ("pattern", "name", "group"),
    [
        ("patient-(*)_*.png", "patient-12_slice_3.png.png", "12"),
        ("(*)/**", "a/b/c.png", "a"),
        ("**/(*)_*", "a/b/p1_3.png", "p1"),
        ("**/(*)_*", "p1_3.png", "p1"),
        ("(**)/*", "x/y/z.png", "x/y"),
        ("(**)/*", "z.png", ""),
        ("(*)#*", "a/b.tif#3", ""),
        ("(**/*)#*", "a/b.tif#3", "a/b.tif"),
        ("sub-([0-9]?)*", "sub-12b", "12"),
        ("sub-([0-9]?)*", "sub-x2b", ""),
        ("(*_*)_x", "a_b_x", "a_b"),
        ("img [(](*)[)].png", "img (1).png", "1"),
        ("[!-a](*)", "xb", "b"),
        ("[!-a](*)", "-b", ""),
        ("[!](*)", "!b", "b"),
        ("(*).", "a.b.", "a.b"),
        ("(*)", "", ""),
    ],
)
def test_the_group_is_what_the_parentheses_hold(pattern, name, group):
    assert read_pattern("o", pattern).group_in(name) == group


def fits(tokens: str, name: str) -> bool:
    """Whether a name fits by the definition: a star is any characters but a slash."""

    @cache
    def rest(i: int, j: int) -> bool:
        if i == len(tokens):
            return j == len(name)
        if tokens[i] != "*":
            return j < len(name) and name[j] == tokens[i] and rest(i + 1, j + 1)
        ends = itertools.takewhile(lambda k: k == j or name[k - 1] != "/", range(j, len(name) + 1))
        return any(rest(i + 1, k) for k in ends)

    return rest(0, 0)


def test_a_pattern_fits_the_names_that_the_definition_says():
    draw, found = np.random.default_rng(0), 0
    for _ in range(3000):
        tokens = re.sub(r"[*]+", "*", "".join(draw.choice(list("ab/*"), draw.integers(1, 8))))
        name = "".join(draw.choice(list("ab/"), draw.integers(0, 8)))
        is_fitting = read_pattern("o", f"({tokens})").compiled.fullmatch(name) is not None
        assert is_fitting == fits(tokens, name), (tokens, name)
        found += is_fitting
    assert found > 50


def test_no_pattern_takes_long():
    names = ["/".join(["a" * 200] * 20), "a" * 4000]
    start = time.perf_counter()
    for pattern in ("**/(*)" + "a*" * 300 + "b", "(" + "*a" * 300 + "*)b", "**/" + "?*" * 200 + "(b)"):
        assert [read_pattern("o", pattern).group_in(name) for name in names] == ["", ""]
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "(*", "*)", ")(", "(a)(b)", "a**(b)", "**/**/(*)", "[(*)", "[]](a)", "[z-a](*)", "(" + "a" * 1000],
)
def test_what_is_no_pattern_is_refused_in_a_line(pattern):
    with pytest.raises(DataError, match="o: a pattern such as") as caught:
        read_pattern("o", pattern)
    assert len(caught.value.lines) == 1


def test_the_first_pattern_that_fits_counts_and_a_name_that_none_fits_is_told():
    patterns = [read_pattern("o", text) for text in ("(*)-*", "(*).png")]
    assert groups_in("o", ["1f44d-1f3fb.png", "1f44d.png"], patterns) == ["1f44d", "1f44d"]
    with pytest.raises(DataError, match=r"o: names that fit \(\*\)-\*,\(\*\)\.png wanted, got x and 1 more; change"):
        groups_in("o", ["a-b", "x", "y"], patterns)
