"""What most candidates say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence import consensus
from extractor.evidence.consensus import Candidate, Vote, medoid, vote, votes_on
from extractor.evidence.field import Field
from extractor.schema.pointers import value_at


def candidates(*data: Any) -> list[Candidate]:
    """Candidates of whose fields nothing is known."""
    return [Candidate(data=each, fields={}) for each in data]


def merged(*data: Any, schema: Any = None) -> Any:
    """What most of them say."""
    return vote(schema or {}, candidates(*data)).data


def test_each_field_is_voted_on_by_itself() -> None:
    """What most have is taken field by field, with the share of those that have it and what the others have."""
    found = vote({}, candidates({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "y"}))
    assert found.data == {"a": 1, "b": "y"}
    assert found.votes == {
        "/a": Vote(agreement=2 / 3, others=((2, 1 / 3),)),
        "/b": Vote(agreement=2 / 3, others=(("x", 1 / 3),)),
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Acme Ltd", "ACME  ltd.", "Other", "Acme Ltd"], "Acme Ltd"),
        (["a", "ACME", "acme", "acme"], "acme"),
        ([5, 5.0, 7], 5),
        (["1,234.50", "1234.5", "9"], "1,234.50"),
        (["2024-03-05", "5 March 2024", "x"], "2024-03-05"),
        (["“it’s”", '"it\'s"', "its"], "“it’s”"),
        (["007", "7", "007"], "007"),
        ([True, 1, 1], 1),
        ([None, None, "x"], None),
        ([None, "x", "x"], "x"),
    ],
)
def test_what_is_equal(values: list[Any], expected: Any) -> None:
    """Values that say the same are one, and what most of those wrote is taken."""
    assert merged(*values) == expected
    assert type(merged(*values)) is type(expected)


def test_a_key_that_is_not_there_says_nothing() -> None:
    """A missing member counts as null does; where most lack it, it is left out."""
    assert merged({}, {"a": None}, {"a": 1}) == {}
    assert merged({"a": None}, {}, {"a": None}, {"a": 1}) == {"a": None}
    assert merged({}, {"a": 1}, {"a": 1}) == {"a": 1}
    assert vote({}, candidates({}, {"a": 1}, {"a": 1})).votes["/a"].others == ((None, 1 / 3),)


def field(**known: Any) -> dict[str, Field]:
    """What is known of the field /a."""
    return {"/a": Field(status=None, **known)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"confidence": 0.2}, {"confidence": 0.3}),
        ({"score": 0.5}, {"score": 1.0}),
        ({"logprob": -5.0}, {"logprob": -0.1}),
        ({}, {"logprob": -0.1}),
    ],
)
def test_the_surer_one_wins_a_tie(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Where as many say one thing as another, the surer is taken; where that is equal, the first."""
    pair = [Candidate(data={"a": 1}, fields=field(**one)), Candidate(data={"a": 2}, fields=field(**other))]
    assert vote({}, pair).data == {"a": 2}
    assert vote({}, pair[::-1]).data == {"a": 2}
    assert merged({"a": 1}, {"a": 2}) == {"a": 1}


def test_a_list_keeps_the_items_that_half_have() -> None:
    """Items that most lack are left out, those that most have stay, in their order, each with its share."""
    found = vote({}, candidates(["a", "b", "c"], ["a", "x", "b"], ["b", "c", "d"]))
    assert found.data == ["a", "b", "c"]
    assert {pointer: round(each.agreement, 2) for pointer, each in found.votes.items()} == {
        "/0": 0.67,
        "/1": 1.0,
        "/2": 0.67,
    }


def test_items_are_merged_member_by_member() -> None:
    """An item that is nearly the same in all candidates is one item; a wrong member of it is outvoted."""
    rows = [
        [{"name": "Bolt", "price": 2.5, "sku": "b1"}, {"name": "Nut", "price": 1, "sku": "n1"}],
        [{"name": "Bolt", "price": 2.5, "sku": "b1"}, {"name": "Nut", "price": 7, "sku": "n1"}],
        [{"name": "Nut", "price": 1, "sku": "n1"}],
    ]
    found = vote({}, candidates(*rows))
    assert found.data == rows[0]
    assert found.votes["/0"].agreement == found.votes["/0/name"].agreement == 2 / 3
    assert found.votes["/1/price"] == Vote(agreement=2 / 3, others=((7, 1 / 3),))
    assert found.votes["/1"].agreement == 1.0


ITEM = {"sku": "b1", "name": "Bolt", "at": {"shelf": 1}}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([("red", 3), ("red", 3), ("blue", 4), ("blue", 4), ("green", 4)], ("blue", 4)),
        ([("red", 3), ("blue", 4), ("red", 4)], ("red", 4)),
        ([("red", 3), ("blue", 4)], ("red", 3)),
        ([("red", 3), ("red", 4), ("red", 4)], ("red", 4)),
        ([("red", None), ("red", 4), (None, 4)], ("red", 4)),
    ],
)
def test_an_item_is_one_that_somebody_said(others: list[tuple[Any, Any]], expected: tuple[Any, Any]) -> None:
    """Where an item differs in more than one member it comes from one candidate, that which agrees with most."""
    data = [[{**ITEM, "colour": colour, "at": {"shelf": size}}] for colour, size in others]
    found = vote({}, candidates(*data))
    assert found.data == [{**ITEM, "colour": expected[0], "at": {"shelf": expected[1]}}]
    share = sum(size == expected[1] for _, size in others) / len(others)
    assert found.votes["/0/at/shelf"].agreement == share
    assert found.votes["/0/sku"].agreement == 1.0


def test_the_surer_item() -> None:
    """Of items with which as many agree, the surer one is taken whole."""
    sure = {f"/0/{key}": Field(status=None, confidence=0.9) for key in "ab"}
    one, two = [{"k": 1, "l": 1, "a": 1, "b": 1}], [{"k": 1, "l": 1, "a": 2, "b": 2}]
    assert vote({}, [Candidate(data=one, fields={}), Candidate(data=two, fields=sure)]).data == two


def test_votes_on_what_lost() -> None:
    """What one candidate says has the share of those that say the same, and the winner among the others."""
    data = [
        {"a": 1, "b": {"c": [{"x": 1}, {"x": 2}]}, "d": None},
        {"a": 2, "b": {"c": [{"x": 2}]}, "d": "y"},
        {"a": 2, "b": {"c": [{"x": 2}]}, "d": "y"},
    ]
    found = votes_on({}, candidates(*data), 0)
    assert found["/a"] == Vote(agreement=1 / 3, others=((2, 2 / 3),))
    assert found["/b/c/0"].agreement == found["/b/c/0/x"].agreement == 1 / 3
    assert found["/b/c/1/x"].agreement == 1.0
    assert found["/d"] == Vote(agreement=1 / 3, others=(("y", 2 / 3),))
    assert "/b/c/2" not in found


def test_huge_numbers() -> None:
    """Numbers with more digits than Python writes are voted on as others are."""
    huge = 10**5_000
    assert merged({"a": huge}, {"a": huge}, {"a": 1}) == {"a": huge}
    items = [{"a": number, "b": other, "c": 1, "d": 1} for number, other in ((huge, 1), (huge, 2), (3, 2))]
    assert merged(*([each] for each in items))[0]["b"] == 2
    assert medoid({}, candidates({"a": huge}, {"a": huge})) == 0
    deep: Any = huge
    for _ in range(5_000):
        deep = [deep, {"a": None}]
    assert merged(deep, deep, [2])[0][1] == {"a": None}


def test_equal_rows_stay_as_many_as_there_are() -> None:
    """Two equal items of one list are two items."""
    row = {"quantity": 1, "price": 5}
    assert merged([row, row], [row, row], [row]) == [row, row]


UNION = {
    "oneOf": [
        {"type": "object", "properties": {"kind": {"const": "cat"}, "name": {}, "lives": {}}},
        {"type": "object", "properties": {"kind": {"const": "dog"}, "name": {}, "breed": {}}},
    ]
}


def test_a_union_is_voted_on_first() -> None:
    """Only the candidates of the branch that most have say what its members are."""
    cat = {"kind": "cat", "name": "Tom", "lives": 9}
    dogs = [{"kind": "dog", "name": "Rex", "breed": None}, {"kind": "dog", "name": "Tom", "breed": "pug"}]
    found = vote(UNION, candidates(cat, dogs[0], dogs[1]))
    assert found.data == {"kind": "dog", "name": "Rex", "breed": None}
    assert found.votes[""] == Vote(agreement=2 / 3, others=((cat, 1 / 3),))
    assert merged({"a": cat}, {"a": dogs[0]}, {"a": dogs[0]}, schema={"properties": {"a": UNION}}) == {"a": dogs[0]}


def test_a_union_without_a_tag() -> None:
    """Where nothing tells the branches apart but their keys, the keys do."""
    schema: dict[str, Any] = {"anyOf": [{"properties": {"first": {}, "last": {}}}, {"properties": {"company": {}}}]}
    persons = {"first": "A", "last": "B"}
    assert merged({"company": "C"}, persons, persons, schema=schema) == persons


def test_the_items_of_a_tuple_have_their_places() -> None:
    """Where the schema gives an item its place, it is compared with what stands there."""
    schema = {"prefixItems": [{"type": "number"}, {"type": "number"}]}
    assert merged([1, 2], [2, 1], [2, 3], schema=schema) == [2, 2]


def test_different_types() -> None:
    """What most have is taken whole, be it a list, an object or a scalar."""
    assert merged([1], [1], "x") == [1]
    assert merged({"a": 1}, "x", "x") == "x"
    assert merged([], [1], [1]) == [1]
    assert merged([], [], [1]) == []
    assert vote({}, candidates([], [], [1])).votes[""] == Vote(agreement=2 / 3, others=(([1], 1 / 3),))
    assert merged(None, {"a": 1}) is None


def test_one_candidate_is_what_it_says() -> None:
    """Alone, a candidate is the consensus, whole."""
    data = {"a": [1, {"b": None}], "c": "x", "d": [], "e": {}}
    found = vote({}, candidates(data))
    assert found.data == data
    assert {each.agreement for each in found.votes.values()} == {1.0}


def test_very_deep_values() -> None:
    """What is deeper than anybody looks is compared as a whole."""
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    assert merged(deep, deep, [2]) == deep


def test_long_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands below keys so long that the pointers would be endless is compared as a whole."""
    monkeypatch.setattr(consensus, "MOST_CHARACTERS", 2_000)
    inner = [{"b": {"c": number, "d": 1}} for number in (1, 2, 2)]
    found = vote({}, candidates(*({"k" * 400: each} for each in inner)))
    assert found.data == {"k" * 400: {"b": {"c": 2, "d": 1}}}
    assert list(found.votes) == ["/" + "k" * 400 + "/b"]


def test_no_candidates() -> None:
    """Without candidates there is nothing to say."""
    with pytest.raises(ValueError, match="no candidates"):
        vote({}, [])
    with pytest.raises(ValueError, match="no candidates"):
        medoid({}, [])


def test_the_medoid_is_most_like_all() -> None:
    """The candidate in which the fewest values differ from all others, and of equal ones the surer, then the first."""
    data = [{"a": 1, "b": 2, "c": 9}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "c": 3}, {"a": 7}]
    assert medoid({}, candidates(*data)) == 1
    assert medoid({}, candidates(1, 2)) == 0
    sure = {"": Field(status=None, confidence=0.5)}
    assert medoid({}, [Candidate(data=1, fields={}), Candidate(data=2, fields=sure)]) == 1
    assert medoid({}, candidates(["a", "b"], ["b", "a"], ["c"])) == 0


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "A", "b", "c d", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3),
    max_leaves=10,
)


@given(values, st.integers(1, 5))
def test_who_agree_say_that(data: Any, count: int) -> None:
    """Equal candidates give what they say, with full agreement everywhere."""
    found = vote({}, candidates(*[data] * count))
    assert json.dumps(found.data) == json.dumps(data)
    assert all(each == Vote(agreement=1.0) for each in found.votes.values())


@given(st.lists(values, min_size=1, max_size=5))
def test_votes_are_shares(data: list[Any]) -> None:
    """Whatever the candidates are, every vote is on a place of the result, and shares add up to 1 at most."""
    found = vote({}, candidates(*data))
    for pointer, each in found.votes.items():
        assert value_at({"": found.data}, "/" + pointer) is not None or pointer in _nulls(found.data)
        assert 0 < each.agreement <= 1
        assert each.agreement + sum(share for _, share in each.others) <= 1 + 1e-9
    taken = medoid({}, candidates(*data))
    assert 0 <= taken < len(data)
    for pointer, each in votes_on({}, candidates(*data), taken).items():
        assert value_at({"": data[taken]}, "/" + pointer) is not None or pointer in _nulls(data[taken])
        assert 0 < each.agreement <= 1


def _nulls(data: Any, pointer: str = "") -> set[str]:
    if isinstance(data, dict):
        return {found for key, each in data.items() for found in _nulls(each, f"{pointer}/{key}")}
    if isinstance(data, list):
        return {found for index, each in enumerate(data) for found in _nulls(each, f"{pointer}/{index}")}
    return {pointer} if data is None else set()


@given(values, values)
def test_a_majority_is_followed(data: Any, other: Any) -> None:
    """What two of three say is the result, whatever the third says."""
    for three in ((data, data, other), (data, other, data), (other, data, data)):
        found = vote({}, candidates(*three)).data
        assert _plain(found) == _plain(data)


def _plain(data: Any) -> Any:
    """Without nulls as members, and text folded."""
    if isinstance(data, dict):
        return {key: _plain(each) for key, each in data.items() if each is not None}
    if isinstance(data, list):
        return [_plain(each) for each in data]
    return data.casefold() if isinstance(data, str) else (type(data) is bool, data)
