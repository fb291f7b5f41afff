"""How much there is in a schema."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.schema.dialects import Limits
from extractor.schema.measure import depth_of, depths_of, exceeded, nodes_of

TEXT = {"type": "string"}
LISTS = {"type": "array", "items": {"type": "array", "items": TEXT}}
TREE = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/T"}}}}


def record(**properties: Any) -> dict[str, Any]:
    """An object with these properties, all required."""
    return {"type": "object", "properties": properties, "required": [*properties]}


def test_nodes_of() -> None:
    """All schemas are found, and nothing that only looks like one."""
    inner = [{"title": str(number)} for number in range(6)]
    schema = {
        "properties": {"enum": inner[0]},
        "items": inner[1],
        "anyOf": [inner[2]],
        "prefixItems": [inner[3]],
        "additionalProperties": inner[4],
        "$defs": {"A": inner[5]},
        "enum": [{"title": "data"}],
        "required": ["enum"],
    }
    found = list(nodes_of(schema))
    assert found[0] is schema
    assert sorted(each["title"] for each in found[1:]) == list("012345")


@pytest.mark.parametrize(
    ("schema", "depth"),
    [
        (TEXT, 0),
        (record(), 1),
        (record(a=TEXT), 1),
        (LISTS, 2),
        (record(a=LISTS), 3),
        ({"anyOf": [TEXT, LISTS]}, 2),
        ({"type": "array", "prefixItems": [TEXT, LISTS]}, 3),
        ({"type": "object", "additionalProperties": LISTS}, 3),
        ({**record(a={"$ref": "#/$defs/A"}), "$defs": {"A": LISTS, "B": record(a=record(b=LISTS))}}, 3),
        ({"$ref": "#/$defs/T", "$defs": {"T": TREE}}, 2),
    ],
)
def test_depth_of(schema: dict[str, Any], depth: int) -> None:
    """Levels are objects and lists in each other; a definition inside of itself counts once."""
    assert depth_of(schema) == depth


def test_depths_of() -> None:
    """Each definition has its own depth."""
    definitions = {"A": LISTS, "B": {"type": "array", "items": {"$ref": "#/$defs/A"}}, "T": TREE, "S": TEXT}
    assert depths_of({"$defs": definitions}) == {"A": 2, "B": 3, "T": 2, "S": 0}
    assert depths_of(TEXT) == {}


MANY = [f"v{number:03}" for number in range(251)]


@pytest.mark.parametrize(
    ("limits", "schema", "within"),
    [
        (Limits(properties=2), record(a=record(b=TEXT), c=TEXT), record(a=TEXT, b=TEXT)),
        (Limits(depth=1), LISTS, record(a=TEXT)),
        (Limits(enum_values=2), record(a={"enum": [1, 2]}, b={"enum": [3]}), {"enum": [1, 2]}),
        (Limits(characters=4), record(abc={"enum": ["de"]}), record(ab={"enum": ["de", 5_000_000]})),
        (Limits(characters=4), {"$defs": {"abcde": TEXT}}, {"description": "long enough"}),
        (Limits(characters=4), {"const": "abcde"}, {"const": "abcd"}),
        (Limits(enum_characters=1_003), {"enum": MANY}, {"enum": MANY[:-1]}),
        (Limits(schema_characters=18), {"type": "string", "a": 1}, {"type": "string"}),
        (Limits(members=2), {"anyOf": [TEXT] * 3}, {"anyOf": [TEXT] * 2}),
        (Limits(optional=1), {**record(a=TEXT, b=TEXT), "required": []}, {**record(a=TEXT, b=TEXT), "required": ["a"]}),
        (Limits(unions=1), record(a={"anyOf": [TEXT]}, b={"type": ["string", "null"]}), {"type": ["string", "null"]}),
    ],
)
def test_exceeded(limits: Limits, schema: dict[str, Any], within: dict[str, Any]) -> None:
    """A schema over a limit is told by the limit's name; one that is just within it is not."""
    (name,) = exceeded(schema, limits)
    assert getattr(limits, name) is not None
    assert exceeded(within, limits) == []


def test_nothing_is_counted_without_limits() -> None:
    """Without limits, or with one that single nodes are held to, nothing is too much."""
    assert exceeded(LISTS, Limits()) == exceeded({"maxItems": 9}, Limits(count=3)) == []
