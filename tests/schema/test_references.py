"""References of a JSON Schema, all brought into `$defs`."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import SchemaError
from extractor.schema.references import DEPTH, definitions_only

A: dict[str, Any] = {"type": "string", "minLength": 2}


def obj(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Make an object schema."""
    return {"type": "object", "properties": properties, **more}


def followed(schema: dict[str, Any], reference: Any) -> Any:
    """Look up what a normalised reference leads to."""
    assert reference.keys() >= {"$ref"}
    prefix, _, name = reference["$ref"].rpartition("/")
    assert prefix == "#/$defs"
    return schema["$defs"][name]


@pytest.mark.parametrize(
    ("document", "reference"),
    [
        (obj({"p": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": A}}), "#/$defs/A"),
        (obj({"p": {"$ref": "#/definitions/A"}}, definitions={"A": A}), "#/definitions/A"),
        (obj({"p": {"$ref": "#/properties/q"}, "q": A}), "#/properties/q"),
        (obj({"p": {"$ref": "#/$defs/a~1b~0c"}}, **{"$defs": {"a/b~c": A}}), "escaped"),
        (obj({"p": {"$ref": "#/$defs/a%20b"}}, **{"$defs": {"a b": A}}), "percent"),
        (
            obj({"p": {"$ref": "#/$defs/L/items"}}, **{"$defs": {"L": {"type": "array", "items": A}}}),
            "inside",
        ),
        (obj({"p": {"$ref": "#/x/anyOf/1"}}, x={"anyOf": [{}, A]}), "index"),
        (obj({"p": {"$ref": "#/$defs/B"}}, **{"$defs": {"B": {"$ref": "#/$defs/A"}, "A": A}}), "chain"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_place_can_be_referred_to(document: dict[str, Any], reference: str) -> None:
    """A reference to any place of the document becomes one to a definition of the same content."""
    schema = definitions_only(document)
    found = followed(schema, schema["properties"]["p"])
    while "$ref" in found:
        found = followed(schema, found)
    assert found == A
    assert "definitions" not in schema


def test_the_root_can_be_referred_to() -> None:
    """`#` becomes a definition of the whole, which refers to itself."""
    document = obj({"v": A, "kids": {"type": "array", "items": {"$ref": "#"}}}, required=["v"])
    schema = definitions_only(document)
    inner = followed(schema, schema["properties"]["kids"]["items"])
    assert inner["properties"]["v"] == A
    assert inner["required"] == ["v"]
    assert inner["properties"]["kids"]["items"] == schema["properties"]["kids"]["items"]
    assert len(schema["$defs"]) == 1


def test_mutual_recursion() -> None:
    """Definitions that refer to each other stay two."""
    document = {
        "$ref": "#/$defs/A",
        "$defs": {"A": obj({"b": {"$ref": "#/$defs/B"}}), "B": obj({"a": {"$ref": "#/$defs/A"}})},
    }
    schema = definitions_only(document)
    a = followed(schema, schema)
    assert followed(schema, followed(schema, a["properties"]["b"])["properties"]["a"]) == a
    assert len(schema["$defs"]) == 2


def test_siblings_are_kept() -> None:
    """What stands beside a reference stays there, and is resolved too."""
    beside = {"$ref": "#/$defs/A", "description": "d", "not": {"$ref": "#/$defs/B"}}
    schema = definitions_only(obj({"p": beside}, **{"$defs": {"A": A, "B": {"const": "xx"}}}))
    place = schema["properties"]["p"]
    assert place["description"] == "d"
    assert followed(schema, {"$ref": place["$ref"]}) == A
    assert followed(schema, place["not"]) == {"const": "xx"}


@pytest.mark.parametrize("name", ["$ref", "$defs", "definitions", "$id", "properties"])
@pytest.mark.parametrize("referring", [True, False])
def test_properties_named_like_keywords(name: str, referring: bool) -> None:
    """A property may have the name of a keyword, and is kept as a property."""
    more = {"p": {"$ref": "#/$defs/A"}} if referring else {}
    schema = definitions_only(obj({name: {"type": "integer"}, **more}, **{"$defs": {"A": A}}))
    assert schema["properties"][name] == {"type": "integer"}
    assert list(schema["properties"]) == [name, *more]


@pytest.mark.parametrize("keyword", ["const", "default"])
def test_data_is_no_schema(keyword: str) -> None:
    """A value that looks like a reference or has definitions is data, and left as it is."""
    value = {"$ref": "#/nowhere", "definitions": 1, "in": [{"$ref": {"$ref": "#/nowhere"}}]}
    schema = definitions_only(obj({"q": {keyword: value}, "p": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": A}}))
    assert schema["properties"]["q"] == {keyword: value}


def test_names_do_not_clash() -> None:
    """Two places whose names end alike become two definitions."""
    document = obj(
        {"p": {"$ref": "#/$defs/x"}, "q": {"$ref": "#/definitions/x"}},
        **{"$defs": {"x": {"type": "integer"}}, "definitions": {"x": {"type": "string"}}},
    )
    schema = definitions_only(document)
    assert followed(schema, schema["properties"]["p"]) == {"type": "integer"}
    assert followed(schema, schema["properties"]["q"]) == {"type": "string"}


@pytest.mark.parametrize(
    "reference",
    [
        "#/$defs/missing",
        "#/properties/p/items",
        "#nowhere",
        "https://example.invalid/schema.json",
        "http://127.0.0.1:9/x#/a",
        "file:///etc/hostname",
        "other.json#/a",
        "urn:isbn:1",
    ],
)
def test_dead_and_foreign_references(reference: str) -> None:
    """What leads nowhere or out of the document is refused, and named."""
    with pytest.raises(SchemaError) as caught:
        definitions_only(obj({"p": {"$ref": reference}}))
    assert repr(reference) in caught.value.message
    assert "/properties/p" in caught.value.message
    assert caught.value.pointer == reference.removeprefix("#")
    assert "nothing is fetched" in caught.value.hint


@pytest.mark.parametrize(
    "document",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        {
            "items": {"$ref": "#/$defs/A"},
            "$defs": {"A": {"$ref": "#/$defs/B", "title": "T"}, "B": {"$ref": "#/$defs/A"}},
        },
    ],
)
def test_references_to_themselves(document: dict[str, Any]) -> None:
    """A reference that only ever leads to itself is refused, and named."""
    with pytest.raises(SchemaError, match="leads back to itself") as caught:
        definitions_only(document)
    assert caught.value.pointer in ("/$ref", "/$defs/A/$ref")


def test_deep_documents() -> None:
    """A document nested beyond reason is refused, not a crash."""
    deep: dict[str, Any] = {"$ref": "#/$defs/A"}
    for _ in range(10_000):
        deep = {"items": deep}
    with pytest.raises(SchemaError, match="nested too deeply"):
        definitions_only({**deep, "$defs": {"A": A}})


@pytest.mark.parametrize("level", [lambda inner: {"items": inner}, lambda inner: {"allOf": [inner]}])
def test_as_deep_as_allowed(level: Callable[[Any], dict[str, Any]]) -> None:
    """A document of the most levels is taken, also where the program itself is some calls deep."""
    deep: dict[str, Any] = {"$ref": "#/$defs/A"}
    for _ in range(DEPTH // 2 - 1):
        deep = level(deep)

    def called(calls: int) -> dict[str, Any]:
        return called(calls - 1) if calls else definitions_only({**deep, "$defs": {"A": A}})

    assert called(250)["$defs"] == {"A": A}


def test_long_chains() -> None:
    """However many definitions lead to each other, none is too deep, and each is there once."""
    count = 3_000
    definitions: dict[str, Any] = {f"d{n}": obj({"n": {"$ref": f"#/$defs/d{n + 1}"}}) for n in range(count)}
    document = {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{count}": A}}
    assert len(definitions_only(document)["$defs"]) == count + 1
    aliases: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(count)}
    document = {"$ref": "#/$defs/d0", "$defs": {**aliases, f"d{count}": A}}
    assert len(definitions_only(document)["$defs"]) == count + 1


def test_each_twice() -> None:
    """Definitions that refer to the next one twice are as many as before."""
    definitions = {
        f"d{n}": obj({"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}) for n in range(40)
    }
    schema = definitions_only({"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": A}})
    assert len(schema["$defs"]) == 41


def test_many_of_one_name() -> None:
    """Places whose names end alike get names of their own, in time that grows with their number."""
    count = 3_000
    document = obj(
        {f"p{n}": {"$ref": f"#/$defs/d{n}/items"} for n in range(count)},
        **{"$defs": {f"d{n}": {"items": {"const": n}} for n in range(count)}},
    )
    schema = definitions_only(document)
    assert [followed(schema, schema["properties"][f"p{n}"])["const"] for n in range(count)] == list(range(count))


def test_the_document_stays_as_it_is() -> None:
    """The caller's document is not changed."""
    document = obj({"p": {"$ref": "#/definitions/A"}}, definitions={"A": A})
    before = copy.deepcopy(document)
    definitions_only(document)
    assert document == before
    plain = obj({"p": A})
    assert definitions_only(plain) == plain


_NAMES = ("A", "B.c", "d_1")
_NODES = st.recursive(
    st.one_of(
        st.sampled_from(_NAMES).map(lambda name: {"$ref": f"#/$defs/{name}"}),
        st.sampled_from([{"type": "string"}, {"enum": [1, None]}, {"const": {"a": [1.5]}}, {}, True]),
    ),
    lambda node: st.one_of(
        st.dictionaries(st.sampled_from(["id", "a", "$ref", "$defs", "not"]), node, max_size=3).map(obj),
        st.lists(node, min_size=1, max_size=3).map(lambda members: {"anyOf": members}),
        node.map(lambda items: {"type": "array", "items": items, "x-more": items}),
        st.tuples(node, node).map(lambda both: {"title": "T", "allOf": [both[0]], "not": both[1]}),
        node.map(lambda inner: {**(inner if isinstance(inner, dict) else {}), "$anchor": "here"}),
    ),
    max_leaves=6,
)


@given(_NODES, st.fixed_dictionaries(dict.fromkeys(_NAMES, _NODES)), st.booleans())
def test_plain_references_mean_the_same(root: Any, definitions: dict[str, Any], said: bool) -> None:
    """References that have the one form already are taken as they are, and mean what they mean in any form."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"} if said else {}
    document = {**draft, **obj({"p": root}), "$defs": definitions}
    other = json.loads(json.dumps(document).replace("#/$defs/", "#/%24defs/"))  # the same places, said otherwise
    outcomes = []
    for each in (document, other):
        try:
            found = definitions_only(each)
        except SchemaError as error:
            outcomes.append(error.pointer)
        else:
            outcomes.append(json.loads(json.dumps(found, sort_keys=True).replace("%24defs", "$defs")))
    assert outcomes[0] == outcomes[1]
