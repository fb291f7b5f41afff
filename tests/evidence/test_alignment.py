"""Which items of two lists are the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.alignment import aligned, rows
from extractor.evidence.equality import normal


def pairs(left: list[Any], right: list[Any]) -> list[Any]:
    """The pairs, in the values of both."""
    return [(None if i is None else left[i], None if j is None else right[j]) for i, j in aligned(left, right)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("", "", []),
        ("ab", "", [("a", None), ("b", None)]),
        ("", "ab", [(None, "a"), (None, "b")]),
        ("abc", "abc", [("a", "a"), ("b", "b"), ("c", "c")]),
        ("abc", "ac", [("a", "a"), ("b", None), ("c", "c")]),
        ("ac", "abc", [("a", "a"), (None, "b"), ("c", "c")]),
        ("aab", "ab", [("a", "a"), ("a", None), ("b", "b")]),
        ("ab", "ba", [("a", "a"), ("b", "b")]),
        ("abx", "yab", [(None, "y"), ("a", "a"), ("b", "b"), ("x", None)]),
    ],
)
def test_equal_items(left: str, right: str, expected: list[Any]) -> None:
    """Equal items are paired in order, and those that have moved wherever they are."""
    assert sorted(pairs(list(left), list(right)), key=str) == sorted(expected, key=str)


def test_items_that_are_alike() -> None:
    """Between equal items, those that share most of their values, or of their text, are one."""
    left = [{"n": "Bolt", "p": 1}, {"n": "Nut", "p": 2}, {"n": "Washer", "p": 3, "q": 4}]
    right = [{"n": "Bolt", "p": 1}, {"n": "Screw", "p": 9}, {"n": "Nut", "p": 5}, {"n": "Washer", "p": 3, "q": 5}]
    assert aligned(left, right) == [(0, 0), (None, 1), (1, 2), (2, 3)]
    assert aligned(["Johannes Muller", "x"], ["Johannes Müller"]) == [(0, 0), (1, None)]
    assert aligned(["abc"], ["xyz"]) == [(0, None), (None, 0)]


def test_nothing_and_null_are_alike() -> None:
    """A member that is null is as good as none."""
    assert aligned([{"a": 1, "b": None}], [{"a": 1}]) == [(0, 0)]
    assert aligned([None], [None]) == [(0, 0)]


def test_long_lists() -> None:
    """Thousands of changed rows, none of them equal, still find each other though some are missing."""
    left = [{"name": f"item {number}", "price": number * 7, "stock": number} for number in range(2_000)]
    right = [{**each, "stock": -1} for number, each in enumerate(left) if number % 100 != 5]
    found = aligned(left, right)
    same = sum(i is not None and j is not None and left[i]["name"] == right[j]["name"] for i, j in found)
    assert same >= 0.95 * len(right)
    assert len(aligned(left, ["other"] * 3_000)) == 5_000


def test_rows_of_many_lists() -> None:
    """Each row names the lists that have the item, and where."""
    assert rows([["a", "b"], ["b"], ["a", "b", "c"]]) == [
        [(0, 0), (2, 0)],
        [(0, 1), (1, 0), (2, 1)],
        [(2, 2)],
    ]
    assert rows([["a", "b"], ["b"]], fixed=1) == [[(0, 0), (1, 0)], [(0, 1)]]
    assert rows([[], []], fixed=3) == []


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Straße", "STRASSE", True),
        ("ﬁne  text", "fine\u00a0text", True),
        ("a–b", "a-b", True),
        ("(x).", "x", True),
        ("1,234.50", 1234.5, True),
        ("12,5", 12.5, True),
        ("0.50", 0.5, True),
        ("-3", -3, True),
        ("007", 7, False),
        ("1e5", 100000, False),
        ("1,234", 1234, False),
        ("3 March 2024", "2024-03-03", True),
        ("03/04/2024", "2024-04-03", False),
        (True, 1, False),
        (True, "true", False),
        (None, "null", False),
        ("", None, False),
        ("x" * 200_000, "X" * 200_000, False),
    ],
)
def test_what_says_the_same(one: Any, other: Any, equal: bool) -> None:
    """Numbers by value and dates by day, if clear; text but for case, spaces, quotes, dashes and edges."""
    assert (normal(one) == normal(other)) is equal


words = st.lists(st.sampled_from("abcdefg") | st.integers(0, 3) | st.none(), max_size=12)


@given(words, words)
def test_every_item_is_there_once(left: list[Any], right: list[Any]) -> None:
    """No item of either list is lost or taken twice, and the left one keeps its order."""
    found = aligned(left, right)
    assert [i for i, _ in found if i is not None] == list(range(len(left)))
    assert sorted(j for _, j in found if j is not None) == list(range(len(right)))
    assert all(i is not None or j is not None for i, j in found)


@given(words)
def test_a_list_is_itself(items: list[Any]) -> None:
    """Every item of a list is the same as itself."""
    assert aligned(items, items) == [(index, index) for index in range(len(items))]


@given(words, st.sets(st.integers(0, 11)))
def test_what_is_left_of_a_list_is_found_in_it(items: list[Any], dropped: set[int]) -> None:
    """A list without some of its items has all others in it."""
    rest = [each for index, each in enumerate(items) if index not in dropped]
    found = aligned(items, rest)
    assert all(left is not None for left, _ in found)
    assert all(normal(items[i]) == normal(rest[j]) for i, j in found if i is not None and j is not None)
