"""One value against what is right."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.evaluation.aligning import LARGEST, aligned, disordered
from extractor.evaluation.comparing import Compared, compared
from extractor.evaluation.normal import Normal
from extractor.evaluation.shape import Shape
from extractor.evaluation.trees import Listed, bag, leaves, tree

NORMAL = Normal()


def _compared(predicted: Any, right: Any, schema: dict[str, Any] | None = None) -> Compared:
    root = Shape(schema or {}).root
    return compared(tree(predicted, root, NORMAL), tree(right, root, NORMAL), NORMAL)


def _counts(found: Compared) -> tuple[int, int, int, int]:
    tallies = found.tallies.values()
    return (
        sum(each.right for each in tallies),
        sum(each.wrong for each in tallies),
        sum(each.missing for each in tallies),
        sum(each.invented for each in tallies),
    )


def _told(found: Compared) -> list[tuple[str, str]]:
    return [(each.pointer, each.verdict) for each in found.differences]


SCALARS = st.integers(0, 3) | st.sampled_from(["a", "b c", "b d", ""]) | st.none() | st.booleans()
ITEMS = st.lists(st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), max_size=3), max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def test_every_scalar_is_one_of_four() -> None:
    """Right, wrong, missing and invented scalars are told apart and counted by their place."""
    found = _compared({"a": 1, "b": 2, "d": 4}, {"a": 1, "b": 3, "c": 5})
    assert _counts(found) == (1, 1, 1, 1)
    assert _told(found) == [("/b", "wrong"), ("/d", "invented"), ("/c", "missing")]
    assert (found.differences[0].got, found.differences[0].expected) == (2, 3)


def test_nothing_is_not_counted() -> None:
    """Null, missing, an empty text and an empty list are the same, and count nothing."""
    assert _counts(_compared({"a": None, "b": "", "c": []}, {"d": {}})) == (0, 0, 0, 0)


def test_texts_have_credit() -> None:
    """A wrong text has the share of the words that it has in common with the right one."""
    (found,) = _compared("Acme Tools", "Acme Tools GmbH").differences
    assert found.alike == 0.8


def test_items_are_laid_side_by_side() -> None:
    """Items in another order are right; what is in one list alone is missing or invented."""
    found = _compared({"l": [{"q": 2, "n": "b"}, {"q": 1, "n": "x"}]}, {"l": [{"q": 1, "n": "a"}, {"q": 2, "n": "b"}]})
    assert _counts(found) == (3, 1, 0, 0)
    assert _told(found) == [("/l/1/n", "wrong")]
    items = found.items["/l"]
    assert (items.found, items.missing, items.invented, items.disordered) == (2, 0, 0, 1)
    assert _counts(_compared([1, 2], [2, 3, 4])) == (1, 0, 2, 1)


def test_what_is_missing_from_a_list_has_its_place_there() -> None:
    """An item that is missing is told by its place in what is right."""
    (found,) = _compared({"l": [1]}, {"l": [None, 7, 1]}).differences
    assert (found.pointer, found.verdict, found.item) == ("/l/1", "missing", True)


def test_other_kinds_do_not_agree() -> None:
    """An object in place of a text is invented, and the text is missing."""
    assert _counts(_compared({"a": {"b": 1, "c": 2}}, {"a": "x"})) == (0, 0, 1, 2)


def test_keys_of_a_map_have_one_place() -> None:
    """Members of a map are counted together, those that are declared by name; references are looked through."""
    schema = {
        "properties": {"rates": {"$ref": "#/$defs/Rates"}, "kind": {"type": "string"}},
        "$defs": {"Rates": {"anyOf": [{"additionalProperties": {"type": "number"}}, {"type": "null"}]}},
    }
    found = _compared(
        {"rates": {"EUR": 1, "USD": 2}, "kind": "x"}, {"rates": {"EUR": 1, "GBP": 2}, "kind": "x"}, schema
    )
    assert {pattern: (each.right, each.missing, each.invented) for pattern, each in found.tallies.items()} == {
        "/rates/*": (1, 1, 1),
        "/kind": (1, 0, 0),
    }


def test_computed_members_are_left_out() -> None:
    """A member that only what is written has is not compared."""
    asked = Shape({"properties": {"a": {}}}).root
    written = Shape({"properties": {"a": {}, "double": {"readOnly": True}}}).root
    made = tree({"a": 1, "double": 2, "other": 3}, asked, NORMAL, written)
    assert [pointer for pointer, _ in leaves(made)] == ["/a", "/other"]


@pytest.mark.parametrize("size", [LARGEST - 1, LARGEST + 10, 3 * LARGEST])
@pytest.mark.parametrize("wrong", ["id", "n", "text"])
def test_long_lists_are_laid_side_by_side(size: int, wrong: str) -> None:
    """Where one place is wrong in all items of a list, however long, all else of them is right."""
    right = [{"id": number, "n": number % 7, "m": number % 3, "text": f"t {number}"} for number in range(size)]
    found = _compared([{**each, wrong: f"{each[wrong]}x"} for each in reversed(right)], right)
    assert _counts(found) == (3 * size, size, 0, 0)
    assert found.items[""].rough == 0


def test_a_long_list_without_a_key_is_nearly_as_right() -> None:
    """Lists that are too long for the best assignment are counted, and lose little by it."""
    chance = random.Random(1)
    right = [{name: chance.randrange(30) for name in "abcdef"} for _ in range(2 * LARGEST)]
    mixed = [{**each, **dict.fromkeys(chance.sample("abcdef", 2), -1)} for each in right]
    chance.shuffle(mixed)
    found = _compared(mixed, right)
    assert _counts(found)[0] > 0.98 * 4 * len(right)
    assert found.items[""].rough == 1
    assert _counts(_compared(right, mixed)) == _counts(found)


@pytest.mark.parametrize("size", [2, LARGEST + 10])
def test_numbers_that_are_the_same_agree_in_lists(size: int) -> None:
    """Items are laid side by side by what is the same, be it written otherwise."""
    right = [{"a": 0.1 + number, "b": number % 2} for number in range(size)]
    mixed = [{"a": 0.1 + number + 1e-11, "b": 1 - number % 2} for number in reversed(range(size))]
    assert _counts(_compared(mixed, right)) == (size, size, 0, 0)


def test_deep_values_are_compared() -> None:
    """A value that is nested very deeply is compared as a whole from some depth on."""
    deep: Any = 1
    other: Any = 2
    for _ in range(500):
        deep, other = [deep], [other]
    assert _counts(_compared(deep, deep)) == (1, 0, 0, 0)
    assert sum(_counts(_compared(deep, other))[1:]) in (1, 2)


def test_items_in_another_order_are_counted() -> None:
    """As many are in another order as have to be moved."""
    assert disordered([(0, 0), (1, 1), (2, 2)]) == 0
    assert disordered([(0, 1), (1, 2), (2, 0)]) == 1
    assert disordered([(0, 2), (1, 1), (2, 0)]) == 2


@given(VALUES)
def test_a_value_is_as_it_is(value: Any) -> None:
    """A value against itself is right everywhere."""
    found = _compared(value, value)
    assert _counts(found)[1:] == (0, 0, 0)
    assert all(each.disordered == each.missing == each.invented == 0 for each in found.items.values())


@given(VALUES, VALUES)
def test_the_other_way_round_is_the_same(one: Any, other: Any) -> None:
    """With both sides swapped the same is right and wrong, and what was missing is invented, place by place."""
    there, back = _compared(one, other).tallies, _compared(other, one).tallies
    assert there.keys() == back.keys()
    for pattern, each in there.items():
        mine = back[pattern]
        assert (each.right, each.wrong, each.missing, each.invented) == (
            mine.right,
            mine.wrong,
            mine.invented,
            mine.missing,
        )


@given(st.lists(VALUES, max_size=4), VALUES, st.randoms(use_true_random=False))
def test_the_order_of_items_changes_no_count(items: list[Any], other: Any, chance: Any) -> None:
    """A list whose items are in another order is counted in the same way, place by place."""
    moved = items.copy()
    chance.shuffle(moved)
    right = other if isinstance(other, list) else [other]
    one, two = _compared(items, right), _compared(moved, right)
    assert one.tallies == two.tallies


@settings(max_examples=50)
@given(ITEMS, ITEMS)
def test_no_pairs_of_items_agree_better(ours: list[Any], theirs: list[Any]) -> None:
    """The pairs share as many scalars as those of any other way to lay the lists side by side."""
    root = Shape({}).root
    one, other = tree(ours, root, NORMAL), tree(theirs, root, NORMAL)
    if not isinstance(one, Listed) or not isinstance(other, Listed):
        return
    shared = [[(bag(left) & bag(right)).total() for right in other.items] for left in one.items]
    pairs, best = aligned(one, other, NORMAL)
    size = max(len(one.items), len(other.items))
    ways = itertools.permutations(range(size), len(one.items))
    most = max(sum(shared[row][way[row]] for row in range(len(way)) if way[row] < len(other.items)) for way in ways)
    assert best
    assert sum(shared[row][column] for row, column in pairs) == most
