"""How the members of a union differ."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.schema.unions import discriminator, distinct, is_demand, objects_of, tags


def same(node: Any) -> Any:
    """Look at a node without references."""
    return node


def record(**properties: Any) -> dict[str, Any]:
    """An object with these properties, all required."""
    return {"type": "object", "properties": properties, "required": [*properties]}


CAT, DOG = record(name={}, kind={"const": "cat"}), record(name={}, kind={"const": "dog"})
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("member", "objects"),
    [
        (True, []),
        (TEXT, []),
        ({"type": "object"}, []),  # a map
        (CAT, [CAT]),
        ({"type": "object", "required": ["a"]}, [{"type": "object", "required": ["a"]}]),
        ({"anyOf": [TEXT, CAT, {"oneOf": [DOG]}]}, [CAT, DOG]),
    ],
)
def test_objects_of(member: Any, objects: list[Any]) -> None:
    """The objects among what a member may be are found, in unions inside of it too."""
    assert objects_of(member, same) == objects


@pytest.mark.parametrize(
    ("objects", "wish", "key"),
    [
        ([CAT], None, None),
        ([CAT, DOG], None, "kind"),
        ([CAT, CAT], None, None),
        ([CAT, DOG, record(name={})], None, None),
        ([CAT, {**DOG, "required": ["name"]}], None, None),  # it may be absent
        ([record(a={"const": 1}, b={"const": 1}), record(a={"const": 2}, b={"const": 2})], None, "a"),
        ([record(a={"const": 1}, b={"const": 1}), record(a={"const": 2}, b={"const": 2})], "b", "b"),
        ([record(a={"enum": [1, 2]}), record(a={"enum": [2, 3]})], None, None),
        ([record(a={"const": 1}), record(a={"const": True})], None, "a"),
    ],
)
def test_discriminator(objects: list[Any], wish: str | None, key: str | None) -> None:
    """A property that is required, with constants of its own in each object, tells them apart."""
    assert discriminator(objects, same, wish) == key


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (record(a=TEXT), record(a=TEXT), (True, False, False)),
        (record(a=TEXT), record(b=TEXT), (True, True, False)),
        (record(a={"const": 1}), record(a={"const": 2}), (True, True, False)),
        (record(a={"enum": [1, 2]}), record(a={"const": 2}), (True, False, False)),
    ],
)
def test_distinct(one: Any, other: Any, expected: tuple[bool, bool, bool]) -> None:
    """Objects differ in any way, by their first key or its constants, or never by keys of their own."""
    found = (
        distinct([[one], [other]], "any", None, same),
        distinct([[one], [other]], "distinct", None, same),
        distinct([[one], [other]], "own", None, same),
    )
    assert found == expected
    assert distinct([[one], []], "own", None, same)


def test_what_comes_first_decides() -> None:
    """Where the key that tells objects apart is put first, they differ."""
    assert not distinct([[CAT], [DOG]], "distinct", None, same)
    assert distinct([[CAT], [DOG]], "distinct", "kind", same)


@pytest.mark.parametrize(
    ("members", "taken", "names"),
    [
        ([{"$ref": "#/$defs/Cat"}, {"title": "A Dog"}, TEXT, True], [], ["Cat", "A_Dog", "string", "value"]),
        ([TEXT, TEXT, TEXT], [], ["string", "string_2", "string_3"]),
        ([TEXT], ["string", "string_2"], ["string_3"]),
        ([{"allOf": [{"minLength": 1}, {"$ref": "#/$defs/Cat"}]}], [], ["Cat"]),
        ([{"title": "Größe"}, {"title": "ü"}, {"title": "x" * 50}], [], ["Gr_e", "value", "x" * 40]),
    ],
)
def test_tags(members: list[Any], taken: list[str], names: list[str]) -> None:
    """Members are named by their definition, their title or their type, each in another way."""
    found = tags(members, taken)
    assert len(set(found)) == len(found)
    assert [name.replace("__", "_") for name in found] == names


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (True, False),
        ({"required": ["a"]}, True),
        ({"required": ["a"], "additionalProperties": True}, True),
        ({"required": ["a"], "additionalProperties": False}, False),
        ({"properties": {"a": {}}}, False),
        ({"anyOf": [{"required": ["a"]}, {"not": {}}]}, True),
        ({"anyOf": [{"required": ["a"]}, TEXT, {"enum": [1]}]}, False),
    ],
)
def test_is_demand(member: Any, expected: bool) -> None:
    """A demand on the object beside it is told from an alternative of its own."""
    assert is_demand(member) is expected
