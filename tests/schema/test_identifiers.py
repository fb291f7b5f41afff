"""What references mean: by identifiers, anchors, meta-schemas and the rules of each draft."""

from __future__ import annotations

import random
from typing import Any

import jsonschema_rs
import pytest

from extractor.errors import SchemaError
from extractor.schema.references import definitions_only

A: dict[str, Any] = {"type": "string", "minLength": 2}
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
ROOT = "https://example.com/dir/root.json"


def led(reference: str, **document: Any) -> Any:
    """What the reference of the property `p` leads to."""
    schema = definitions_only({"properties": {"p": {"$ref": reference}}, **document})
    found = schema["properties"]["p"]
    while "$ref" in found:
        found = schema["$defs"][found["$ref"].removeprefix("#/$defs/")]
    return found


@pytest.mark.parametrize(
    ("reference", "document"),
    [
        (f"{ROOT}#/$defs/a", {"$id": ROOT, "$defs": {"a": A}}),
        ("root.json#/$defs/a", {"$id": ROOT, "$defs": {"a": A}}),
        ("#/$defs/a", {"$id": ROOT, "$defs": {"a": A}}),
        ("a.json", {"$id": ROOT, "$defs": {"a": {"$id": "a.json", **A}}}),
        ("/a.json", {"$id": ROOT, "$defs": {"a": {"$id": "../a.json", **A}}}),
        ("b/a.json", {"$id": ROOT, "$defs": {"b": {"$id": "b/", "$defs": {"a": {"$id": "a.json", **A}}}}}),
        ("a.json#/items", {"$id": ROOT, "$defs": {"a": {"$id": "a.json", "items": A}}}),
        ("a.json", {"$defs": {"a": {"$id": "a.json", **A}}}),
        ("#here", {"$defs": {"a": {"$anchor": "here", **A}}}),
        ("#here", {"$defs": {"a": {"$dynamicAnchor": "here", **A}}}),
        ("a.json#here", {"$id": ROOT, "$defs": {"a": {"$id": "a.json", "items": {"$anchor": "here", **A}}}}),
        ("#here", {"$schema": DRAFT_7, "definitions": {"a": {"$id": "#here", **A}}}),
        ("#here", {"$schema": DRAFT_4, "definitions": {"a": {"id": "#here", **A}}}),
        (f"{ROOT}#here", {"$schema": DRAFT_7, "$id": ROOT, "definitions": {"a": {"$id": "#here", **A}}}),
        (f"{ROOT}#/definitions/a", {"$schema": DRAFT_4, "id": ROOT + "#", "definitions": {"a": A}}),
        ("urn:example:1#/$defs/a", {"$id": "urn:example:1", "$defs": {"a": A}}),
        ("#/$defs/a", {"$id": "urn:example:1", "$defs": {"a": A}}),
        ("urn:example:2", {"$defs": {"a": {"$id": "urn:example:2", **A}}}),
        ("urn:example:2#here", {"$id": "urn:example:2", "$defs": {"a": {"$anchor": "here", **A}}}),
        ("#/$defs/a%25b", {"$defs": {"a%b": A}}),
        ("#/$defs//items", {"$defs": {"": {"items": A}}}),
        ("#//a", {"": {"a": A}}),
        ("#/", {"": A}),
        ("#/examples/0", {"examples": [A]}),
        ("#/$defs/b/$defs/a", {"$defs": {"b": {"$ref": "#/$defs/c", "$defs": {"a": A}}, "c": {}}}),
        ("#/allOf/1", {"$ref": "#/$defs/c", "allOf": [{}, A], "$defs": {"c": {}}}),
        ("#/properties/$ref", {"properties": {"p": {"$ref": "#/properties/$ref"}, "$ref": A}}),
    ],
)
def test_places_by_their_names(reference: str, document: dict[str, Any]) -> None:
    """A place of the document is found by its identifier, an anchor, or a pointer below either."""
    assert led(reference, **document) == A


def test_the_nearest_identifier_counts() -> None:
    """A pointer begins at the nearest identifier around it, not at the root."""
    inner = {"$id": "inner.json", "properties": {"q": {"$ref": "#/$defs/a"}}, "$defs": {"a": A}}
    schema = definitions_only({"$id": ROOT, "$defs": {"a": {"const": 1}}, "properties": {"p": inner}})
    assert schema["properties"]["p"] == {"properties": {"q": {"$ref": "#/$defs/a"}}}
    assert schema["$defs"] == {"a": A}


def test_an_identifier_in_data_is_none() -> None:
    """What looks like an identifier in data, or below an unknown keyword, names nothing."""
    for keyword in ("const", "default", "x-more"):
        with pytest.raises(SchemaError):
            led("a.json", **{keyword: {"$id": "a.json"}})


@pytest.mark.parametrize(
    ("reference", "document"),
    [
        ("https://example.com/dir/other.json", {"$id": ROOT}),
        (f"{ROOT}#/$defs/none", {"$id": ROOT}),
        ("#nowhere", {}),
        ("#/allOf/-1", {"allOf": [A]}),
        ("#/allOf/01", {"allOf": [A, A]}),
        ("#/allOf/1", {"allOf": [A]}),
        ("#/title", {"title": "no schema"}),
        ("#/required", {"required": ["p"]}),
        ("http://[", {}),
        ("#here", {"$schema": DRAFT_7, "definitions": {"a": {"$anchor": "here"}}}),
        ("a.json", {"$schema": DRAFT_4, "definitions": {"a": {"$id": "a.json"}}}),
        ("#/$defs/b/items", {"$defs": {"b": {"$ref": "#/$defs/c"}, "c": {"items": A}}}),
        ("#/$defs/\ud800", {"$defs": {"a": A}}),
    ],
)
def test_dead_references(reference: str, document: dict[str, Any]) -> None:
    """What is not in the document is refused; the error names the reference and where it stands."""
    with pytest.raises(SchemaError, match="/properties/p cannot be resolved") as caught:
        led(reference, **document)
    assert repr(reference) in caught.value.message


def test_only_what_is_in_use_is_looked_at() -> None:
    """A dead reference in a definition that nothing refers to does no harm."""
    assert led("#/$defs/a", **{"$defs": {"a": A, "b": {"$ref": "https://example.com/none"}}}) == A


@pytest.mark.parametrize(
    ("reference", "means"),
    [
        (DRAFT_2020, {"type": ["object", "boolean"]}),
        ("http://json-schema.org/draft-07/schema", {"type": ["object", "boolean"]}),
        (DRAFT_4, {"type": "object"}),
        (f"{DRAFT_4}/properties/title", {}),
        ("https://json-schema.org/draft/2020-12/meta/core", {}),
    ],
)
def test_meta_schemas(reference: str, means: dict[str, Any]) -> None:
    """A reference to a known meta-schema asks for a schema, a part of one for anything."""
    assert led(reference) == means


def test_a_meta_schema_beside_a_type() -> None:
    """What stands beside the reference to a meta-schema still counts."""
    schema = definitions_only({"items": {"type": "object", "$ref": DRAFT_2020}})
    assert schema["items"] == {"type": "object", "allOf": [{"type": ["object", "boolean"]}]}
    old = definitions_only({"$schema": DRAFT_7, "items": {"type": "array", "$ref": DRAFT_7}})
    assert old["items"] == {"type": ["object", "boolean"]}


@pytest.mark.parametrize("draft", [DRAFT_4, DRAFT_7])
def test_old_drafts_ignore_what_stands_beside(draft: str) -> None:
    """In the drafts 4 to 7 a reference stands alone: only what tells of it is kept."""
    beside = {"$ref": "#/definitions/a", "description": "d", "minLength": 9, "properties": {"x": {"$ref": "#none"}}}
    schema = definitions_only({"$schema": draft, "items": beside, "definitions": {"a": A}})
    assert schema["items"] == {"$ref": "#/$defs/a", "description": "d"}
    root = definitions_only({"$schema": draft, "type": "array", "$ref": "#/definitions/a", "definitions": {"a": A}})
    assert root == {"$schema": draft, "$ref": "#/$defs/a", "$defs": {"a": A}}


def test_what_is_ignored_can_be_referred_to() -> None:
    """A place beside a reference means nothing there, and still is a place."""
    beside = {"$ref": "#/properties/q/items", "items": A}
    schema = definitions_only({"$schema": DRAFT_7, "properties": {"q": beside}})
    assert schema["properties"]["q"] == {"$ref": "#/$defs/items"}
    assert schema["$defs"] == {"items": A}


@pytest.mark.parametrize("keyword", ["$dynamicRef", "$recursiveRef"])
def test_dynamic_references(keyword: str) -> None:
    """A dynamic reference asks for nothing, and nothing around it refuses what it would have accepted."""
    loose = {keyword: "#", "title": "T"}
    assert definitions_only({"items": loose})["items"] == {"title": "T"}
    document = {
        "$schema": DRAFT_2019 if keyword == "$recursiveRef" else DRAFT_2020,
        "not": {"items": loose},
        "if": loose,
        "then": A,
        "contains": loose,
        "maxContains": 1,
        "oneOf": [{"$ref": "#/$defs/a"}, {"type": "string"}],
        "unevaluatedProperties": False,
        "properties": {"p": {"not": A, "oneOf": [A, {}]}},
        "$defs": {"a": loose},
    }
    schema = definitions_only(document)
    assert schema.keys() == {"$schema", "contains", "anyOf", "properties", "$defs"}
    assert schema["properties"]["p"] == {"not": A, "oneOf": [A, {}]}


def test_schemas_that_stand_in_data() -> None:
    """Data that is also referred to as a schema stays the data that it is."""
    default = {"items": {"$ref": "#/$defs/a"}}
    schema = definitions_only({"default": default, "items": {"$ref": "#/default"}, "$defs": {"a": A}})
    assert schema["default"] == default
    assert schema["$defs"]["default"] == default


def test_booleans_are_schemas() -> None:
    """A reference may lead to true or false."""
    assert definitions_only({"items": {"$ref": "#/$defs/no"}, "$defs": {"no": False}})["$defs"] == {"no": False}


def test_a_reference_that_is_no_text() -> None:
    """A `$ref` that is no text says nothing."""
    schema = definitions_only({"items": {"$ref": 5, "minLength": 1}, "not": {"$ref": "#/$defs/a"}, "$defs": {"a": A}})
    assert schema["items"] == {"minLength": 1}


# ------------------------------------------------------------------- as a validator understands it

VALUES: list[Any] = [1, 3, "a", "abc", None, {}, {"p": 1}, {"p": "abc"}, {"p": {"p": "a"}}, [], [1], ["abc", 2], [[1]]]
TARGETS = ["#", "#/$defs/a", "#/$defs/b", "#/properties/p", "#/x/0", "#a", "#b", "r.json#/items", "a.json", "b.json#a"]
LEAVES: list[Any] = [True, False, {"type": "string"}, {"minimum": 2}, {"minLength": 2}, {"enum": ["a", 1, None]}]
LISTS, SINGLE = ("allOf", "anyOf", "oneOf", "x"), ("items", "not", "if", "then", "contains", "additionalProperties")


def some_schema(chance: random.Random, levels: int, names: list[dict[str, str]]) -> Any:
    """A schema with references of all kinds; each of `names` is given to one place."""
    if not levels or chance.random() < 0.15:
        return chance.choice(LEAVES)
    schema: dict[str, Any] = {}
    if chance.random() < 0.4:
        schema["$ref"] = chance.choice(TARGETS)
    elif names and chance.random() < 0.4:
        schema.update(names.pop())
    if chance.random() < 0.1:
        schema["$dynamicRef"] = "#"
    for keyword in chance.sample([*LISTS, *SINGLE, "properties", "unevaluatedProperties"], 2):
        inner = [some_schema(chance, levels - 1, names) for _ in range(2)]
        schema[keyword] = inner if keyword in LISTS else {"p": inner[0]} if keyword == "properties" else inner[0]
    return schema


@pytest.mark.parametrize("draft", [DRAFT_7, DRAFT_2020])
def test_nothing_is_refused_that_the_document_accepts(draft: str) -> None:
    """Whatever a validator accepts by the document, it accepts by what has become of the references."""
    chance = random.Random(draft)
    judged = 0
    for _ in range(1_500):
        anchors = [{"$id": "#a"}, {"$id": "#b"}] if draft == DRAFT_7 else [{"$anchor": "a"}, {"$anchor": "b"}]
        names = [{"$id": "a.json"}, {"$id": "b.json"}, *anchors]
        parts = {key: some_schema(chance, 2, names) for key in ("a", "b", "items", "p")}
        document = {
            "$schema": draft,
            "$id": "r.json",
            "items": parts["items"],
            "properties": {"p": parts["p"]},
            "$defs": {"a": parts["a"], "b": parts["b"]},
        }
        try:
            before = jsonschema_rs.validator_for(document, offline=True)
            after = jsonschema_rs.validator_for(definitions_only(document), offline=True)
        except (SchemaError, jsonschema_rs.ValidationError):
            continue
        judged += 1
        for value in VALUES:
            assert after.is_valid(value) or not before.is_valid(value), (document, value)
    assert judged > 100
