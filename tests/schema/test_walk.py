"""Laws of the walk over a schema: for every dialect, any schema, and the values that it accepts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from extractor.errors import SchemaError
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import DIALECTS
from extractor.schema.measure import nodes_of
from extractor.schema.schema_target import SchemaTarget
from extractor.schema.target import Target, target_of
from extractor.schema.words import WORDS, in_words

Problems: TypeAlias = "Callable[[dict[str, Any], str], list[str]]"
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def law(examples: int) -> Callable[[Any], Any]:
    """Settings of a law: the same examples every time; making them smaller would take minutes."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )


# ------------------------------------------------------------------------------------------- schemas

NAMES = ("a", "b", "c")
UNNAMED = "r"  # required, though no property has the name
KEPT = 9  # properties that an object may always have: null in the place of what is absent counts too

small = st.integers(0, 3)
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b", 1.5])
constants = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=3,
)


def node(always: Mapping[str, Any], **sometimes: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make nodes that always have some keywords, and sometimes others."""
    fixed = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in always.items()}
    return st.fixed_dictionaries(fixed, optional=sometimes)


patterns = st.sampled_from(["^[ab]*$", "^a|b$", "a", r"^\d{1,3}$", "^(?!x)[a-z]*$"])
formats = st.sampled_from(["date", "date-time", "email", "x-own"])
strings = st.one_of(
    node({"type": "string"}, minLength=small, maxLength=st.integers(3, 5)),
    node({"type": "string", "pattern": patterns}),
    node({"type": "string", "pattern": "^[ab]*$"}, maxLength=small),
    node({"type": "string", "format": formats}),
)
numbers = node(
    {"type": st.sampled_from(["number", "integer"])},
    minimum=st.integers(-3, 0),
    maximum=st.integers(1, 9),
    exclusiveMinimum=st.sampled_from([-2, -0.5]),
    multipleOf=st.sampled_from([1, 2, 0.5]),
)
plain = st.sampled_from(
    [
        {"type": "boolean"},
        {"type": "null"},
        {},
        True,
        False,
        {"type": ["string", "null"], "minLength": 1},
        {"type": ["integer", "string"], "maximum": 5},
        {"type": ["array", "null", "string"], "items": {"type": "integer"}},
    ]
)
enums = st.lists(constants, min_size=1, max_size=4, unique_by=json.dumps).map(
    lambda values: {"enum": values}
) | constants.map(lambda value: {"const": value})
references = st.sampled_from(["A", "B"]).map(lambda name: {"$ref": f"#/$defs/{name}"})
remarks = node({}, title=st.sampled_from(["T", "a"]), description=st.just("Said."), default=st.sampled_from([None, 1]))


def objects(inner: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make objects with some properties, of which some are required."""

    def around(properties: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        required = st.lists(st.sampled_from([*properties, UNNAMED]), unique=True, max_size=2)
        return node({"type": "object", "properties": properties}, required=required, **more)

    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=3).flatmap(around)


def joined(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make one node of several."""
    return st.tuples(*parts).map(lambda each: {key: value for part in each for key, value in part.items()})


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Make nodes with other nodes inside."""
    by_pattern = st.dictionaries(st.just("^x"), inner, max_size=1)
    demands = st.lists(st.sampled_from([{"required": ["a"]}, {"required": ["b", "c"]}]), min_size=1, max_size=2)
    return st.one_of(
        objects(
            inner,
            additionalProperties=st.booleans() | inner,
            patternProperties=by_pattern,
            minProperties=st.integers(0, 1),
            maxProperties=st.just(KEPT),
        ),
        joined(objects(inner), remarks),
        node(
            {"type": "object"},
            additionalProperties=inner,
            propertyNames=st.sampled_from([{"enum": ["a", "b"]}, {"pattern": "^[ab]"}]),
            patternProperties=by_pattern,
            minProperties=st.integers(0, 1),
            maxProperties=st.integers(1, 3),
        ),
        node(
            {"type": "array"},
            items=inner,
            minItems=st.integers(0, 2),
            maxItems=st.integers(2, 3),
            uniqueItems=st.booleans(),
        ),
        node({"type": "array", "prefixItems": st.lists(inner, min_size=1, max_size=2)}, items=st.just(False) | inner),
        joined(node({"anyOf": st.lists(inner, min_size=1, max_size=3)}), remarks),
        joined(node({"oneOf": st.lists(inner, min_size=1, max_size=3)}), remarks),
        node({"allOf": st.tuples(objects(inner), objects(inner) | references).map(list)}),
        joined(objects(inner), node({"anyOf": demands})),
        joined(references, remarks),
    )


nodes = st.recursive(st.one_of(strings, numbers, plain, enums, references), compound, max_leaves=7)
documents = st.tuples(objects(nodes) | nodes, objects(nodes) | nodes, objects(nodes)).map(
    lambda made: {
        **(made[0] if isinstance(made[0], dict) else {"allOf": [made[0]]}),
        "$defs": {"A": made[1], "B": made[2]},
    }
)


def targets() -> st.SearchStrategy[SchemaTarget]:
    """Make targets; a schema that is none (`A` means `A`, and nothing else) is not one."""

    def made(document: dict[str, Any]) -> Target[Any] | None:
        try:
            return target_of(document)
        except SchemaError:
            return None

    return documents.map(made).filter(lambda target: target is not None)  # type: ignore[return-value]


def in_dialects(target: SchemaTarget) -> Iterator[tuple[str, Adapted]]:
    """Adapt a target to every dialect in which it can be asked for."""
    for dialect in DIALECTS:
        try:
            yield dialect, adapt(target, dialect)
        except SchemaError:
            continue


# -------------------------------------------------------------------------------------------- values


def written_out(schema: Any, definitions: Mapping[str, Any], left: int = 2, *, part: bool = False) -> Any:
    """Put definitions in the place of references, a few levels deep, and close objects that do not say whether they
    are open: properties that nothing names are not asked for. A `part` of an object is closed with the whole.
    """
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        if not left:
            return False
        inner = written_out(definitions[schema["$ref"].rpartition("/")[2]], definitions, left - 1, part=part)
        rest = {key: value for key, value in schema.items() if key not in ("$ref", "$defs")}
        return {"allOf": [inner, written_out(rest, definitions, left, part=True)]} if rest else inner
    whole = "allOf" in schema or ("properties" in schema and "anyOf" in schema)
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            result[key] = {name: written_out(member, definitions, left) for name, member in value.items()}
        elif key in ("items", "additionalProperties"):
            result[key] = written_out(value, definitions, left)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            inside = key != "prefixItems" and (part or whole)
            result[key] = [written_out(member, definitions, left, part=inside) for member in value]
        elif key != "$defs":
            result[key] = value
    if whole and not part:
        result["unevaluatedProperties"] = False
    elif part and "properties" in schema:
        result.setdefault("propertyNames", {"enum": [*NAMES, UNNAMED]})
    elif schema.keys() & {"properties", "patternProperties"}:
        result.setdefault("additionalProperties", False)
    if "prefixItems" in schema:
        result.setdefault("items", False)
    return result


def in_draft_7(schema: Any) -> Any:
    """Say a schema in the words that hypothesis-jsonschema knows."""
    if isinstance(schema, list):
        return [in_draft_7(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: in_draft_7(value) for key, value in schema.items() if key != "unevaluatedProperties"}
    if "prefixItems" in schema:
        result["additionalItems"] = result.get("items", False)
        result["items"] = result.pop("prefixItems")
    return result


def values_of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Make values that a schema accepts, without properties that nothing names."""
    whole = written_out(schema, schema.get("$defs", {}))
    judge = jsonschema_rs.validator_for(whole)
    return from_schema(in_draft_7(whole), custom_formats={"x-own": st.just("own")}).filter(judge.is_valid)


def as_read(schema: Any) -> Any:
    """Say in JSON Schema what OpenAPI means by `nullable`."""
    if isinstance(schema, list):
        return [as_read(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    read = {key: _keyword(key, value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [read, {"type": "null"}]} if schema.get("nullable") else read


def _keyword(keyword: str, value: Any) -> Any:
    if keyword in ("properties", "$defs"):
        return {name: as_read(member) for name, member in value.items()}
    return value if keyword in ("enum", "const") else as_read(value)


def without_nulls(value: Any) -> Any:
    """Leave out what is null: an optional property that is null and one that is absent mean the same."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


# ---------------------------------------------------------------------------------------------- laws


@law(60)
@given(targets())
def test_adapting_ends(target: SchemaTarget) -> None:
    """A schema is adapted to any dialect, or it is the schema that is at fault."""
    for dialect in DIALECTS:
        with contextlib.suppress(SchemaError):
            adapt(target, dialect)


@law(60)
@given(target=targets())
def test_the_rules_are_obeyed(target: SchemaTarget, problems: Problems) -> None:
    """What is sent as strict has nothing that the endpoint refuses, ignores or gets wrong."""
    for dialect, adapted in in_dialects(target):
        assert not adapted.strict or problems(adapted.schema, dialect) == [], (dialect, adapted.schema)


@law(80)
@given(st.data())
def test_values_go_and_come_back(data: st.DataObject) -> None:
    """What the target accepts is accepted on the wire, and comes back as it was."""
    target = data.draw(targets())
    value = data.draw(values_of(target.schema))
    assume(target.validator.is_valid(value))
    for dialect, adapted in in_dialects(target):
        wire = adapted.to_wire(value)
        judge = jsonschema_rs.validator_for(as_read(adapted.schema), offline=True)
        assert [error.message for error in judge.iter_errors(wire)] == [], (dialect, wire, adapted.schema)
        back = adapted.restore(wire)
        assert without_nulls(back) == without_nulls(value), (dialect, wire, adapted.schema)
        assert target.validator.is_valid(back), (dialect, wire, back)


@law(40)
@given(st.data())
def test_what_is_written_can_be_read(data: st.DataObject) -> None:
    """Whatever conforms to what was sent can be restored, and held against the target."""
    target = data.draw(targets())
    dialect = data.draw(st.sampled_from(list(DIALECTS)))
    try:
        adapted = adapt(target, dialect)
    except SchemaError:
        return
    wire = data.draw(values_of(as_read(adapted.schema)))
    json.dumps(adapted.restore(wire))
    target.validate(adapted.restore(wire))
    list(adapted.absences(wire))


@law(12)
@given(targets())
def test_adapting_is_repeatable(target: SchemaTarget) -> None:
    """The same schema gives the same bytes and rewrites every time, and is not changed."""
    before = json.dumps(target.schema)
    for dialect, adapted in in_dialects(target):
        again = adapt(SchemaTarget(name=target.name, schema=target.schema, validator=target.validator), dialect)
        assert again is not adapted
        assert json.dumps(again.schema) == json.dumps(adapted.schema)
        assert again.rewrites == adapted.rewrites
    assert json.dumps(target.schema) == before


CONSTRAINTS = WORDS.keys() - {"default", "required", "anyOf", "oneOf", "const", "enum", "prefixItems", "deprecated"}
# What says the same on the wire in another word.
ALSO = {"minProperties": "minItems", "maxProperties": "maxItems"}


@law(60)
@given(targets())
def test_no_constraint_is_lost(target: SchemaTarget) -> None:
    """Each kind of constraint is sent as it is, or in words, or is named among the rewrites."""
    said = {key for each in nodes_of(target.schema) for key in each.keys() & CONSTRAINTS if _says(each, key)}
    for dialect, adapted in in_dialects(target):
        sent = list(nodes_of(adapted.schema))
        known = {key for each in sent for key in each}
        if any("key" in each.get("properties", ()) for each in sent):
            known.add("propertyNames")  # of the entries of a list that was a map
        told = " ".join([*(each.get("description", "") for each in sent), json.dumps(target.schema.get("$defs"))])
        notes = " ".join(each.what + each.pointer for each in adapted.rewrites)
        lost = {
            keyword
            for keyword in said
            if keyword not in known
            and ALSO.get(keyword) not in known
            and keyword not in told
            and keyword not in notes
            and "JSON text" not in notes
            and "left out" not in notes
            and "joined" not in notes
        }
        assert lost == set(), (dialect, adapted.schema, adapted.rewrites)


def _says(schema: Mapping[str, Any], keyword: str) -> bool:
    """Whether a constraint says anything, at a place that is asked for."""
    if keyword == "additionalProperties":
        return schema[keyword] not in (True, False)
    return bool(in_words(keyword, schema[keyword])) and schema[keyword] != {}


# ------------------------------------------------------------------------------- what is meant to break it


def deep_objects() -> dict[str, Any]:
    """Objects in objects, 10,000 levels deep."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(10_000):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def deep_constant() -> dict[str, Any]:
    """A value of an enum that is 10,000 lists in each other."""
    value: Any = []
    for _ in range(10_000):
        value = [value]
    return {"properties": {"p": {"enum": [value]}}}


def chain(link: Callable[[int], dict[str, Any]], last: Any, count: int) -> dict[str, Any]:
    """Definitions that each refer to the next."""
    definitions = {f"D{number}": link(number + 1) for number in range(count)}
    return {"$ref": "#/$defs/D0", "$defs": {**definitions, f"D{count}": last}}


def ref(number: int | str) -> dict[str, str]:
    """A reference to a definition of a chain."""
    return {"$ref": f"#/$defs/D{number}"}


TEXT = {"type": "string"}
RECORD = {"type": "object", "properties": {"x": TEXT}}
HOSTILE: dict[str, Callable[[], dict[str, Any]]] = {
    "nested objects": deep_objects,
    "nested constant": deep_constant,
    "chain of references": lambda: chain(ref, TEXT, 10_000),
    "chain of lists": lambda: chain(lambda n: {"type": "array", "items": ref(n)}, TEXT, 10_000),
    "chain of allOf": lambda: chain(lambda n: {"allOf": [ref(n), {"properties": {f"p{n}": TEXT}}]}, RECORD, 10_000),
    "chain of anyOf": lambda: chain(lambda n: {"anyOf": [ref(n), TEXT]}, RECORD, 10_000),
    "cycle of references": lambda: chain(ref, ref(0), 3),
    "cycle of one": lambda: chain(ref, TEXT, 1) | {"$defs": {"D0": ref(0)}},
    "cycle of allOf": lambda: chain(lambda n: {"allOf": [ref(n), RECORD]}, {"allOf": [ref(0)]}, 3),
    "cycle of anyOf": lambda: chain(lambda n: {"anyOf": [ref(n)]}, {"anyOf": [ref(0)]}, 3),
    "cycle with siblings": lambda: chain(lambda n: {**ref(n), "type": "object"}, {**ref(0), "minProperties": 1}, 3),
    "cycle of lists": lambda: chain(lambda n: {"type": "array", "items": ref(n)}, ref(0), 3),
    "cycle of required properties": lambda: chain(
        lambda n: {"type": "object", "properties": {"a": ref(n)}, "required": ["a"]}, ref(0), 3
    ),
    "twice": lambda: chain(lambda n: {"type": "object", "properties": {"a": ref(n), "b": ref(n)}}, TEXT, 40),
    "twice in allOf": lambda: chain(lambda n: {"allOf": [ref(n), ref(n)]}, RECORD, 40),
    "twice in allOf, beside others": lambda: chain(
        lambda n: {"allOf": [{"properties": {f"p{n}": ref(n)}}, {"properties": {f"q{n}": ref(n)}}]}, RECORD, 40
    ),
    "twice in anyOf": lambda: chain(lambda n: {"anyOf": [ref(n), {"title": "T", **ref(n)}]}, RECORD, 40),
    "twice in anyOf, of lists": lambda: chain(
        lambda n: {"anyOf": [{"type": "array", "items": ref(n)}, ref(n)]}, RECORD, 40
    ),
    "twice in oneOf of allOf": lambda: chain(
        lambda n: {"oneOf": [{"allOf": [ref(n), {"minProperties": n}]}, {"allOf": [ref(n), {"maxProperties": n}]}]},
        RECORD,
        20,
    ),
    "twice in words": lambda: chain(lambda n: {"type": "object", "not": {"anyOf": [ref(n), ref(n)]}}, TEXT, 40),
    "many unions in allOf": lambda: {
        "allOf": [{"anyOf": [{"minProperties": n}, {"maxProperties": n}]} for n in range(200)],
        "type": "object",
    },
    "5 MB": lambda: {"properties": {f"p{number}": {"description": "x" * 50_000} for number in range(100)}},
    "many values": lambda: {"properties": {"p": {"enum": [f"value {number}" for number in range(100_000)]}}},
    "many properties": lambda: {"properties": {f"p{number}": TEXT for number in range(6_000)}},
    "many nested properties": lambda: chain(
        lambda n: {"type": "object", "properties": {f"p{number}": ref(n) for number in range(100)}}, TEXT, 9
    ),
    "large pattern": lambda: {"properties": {"p": {"type": "string", "pattern": "^" + "(a|" * 5_000 + ")" * 5_000}}},
    "large number": lambda: {"properties": {"p": {"type": "integer", "maximum": 10**400, "multipleOf": 10**300}}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas(name: str) -> None:
    """What is meant to break it is adapted, or refused as a schema."""
    schema = HOSTILE[name]()
    for dialect in ("openai", "evolink", "llama.cpp"):
        try:
            adapted = adapt(schema, dialect)
        except SchemaError:
            continue
        json.dumps(adapted.response_format)
        json.dumps(adapted.restore(adapted.to_wire({"a": 1, "p": [1], "x": "x"})))


# ------------------------------------------------------------------------------------- exact results


def sent(schema: Any, dialect: str = "openai") -> Any:
    """What is sent for a property."""
    return adapt({"properties": {"p": schema}, "required": ["p"]}, dialect).schema["properties"]["p"]


def closed(**properties: Any) -> dict[str, Any]:
    """An object as OpenAI takes it."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


@pytest.mark.parametrize(
    ("dialect", "schema", "wire"),
    [
        ("openai", {"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ("openai", {"enum": ["a", 1, None]}, {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}),
        ("gemini", {"enum": [1, 2]}, {"type": "integer", "description": "One of 1, 2"}),
        ("openai", {"const": {"k": 1}}, closed(k={"type": "integer", "enum": [1]})),
        (
            "openai",
            {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"enum": ["a", "b"]}},
            {
                "type": "array",
                "description": "A map, as a list of its entries",
                "items": closed(key={"type": "string", "enum": ["a", "b"]}, value={"type": "integer"}),
            },
        ),
        (
            "openai",
            {
                "anyOf": [
                    {"title": "One", "properties": {"n": {"type": "string"}}, "required": ["n"]},
                    {"title": "Two", "properties": {"n": {"type": "string"}, "m": TEXT}, "required": ["n", "m"]},
                ]
            },
            {
                "anyOf": [
                    closed(One={**closed(n=TEXT), "description": "One"}),
                    closed(Two={**closed(n=TEXT, m=TEXT), "description": "Two"}),
                ]
            },
        ),
        (
            "openai",
            {
                "anyOf": [
                    {"properties": {"n": TEXT, "kind": {"const": "x"}}, "required": ["n", "kind"]},
                    {"properties": {"n": TEXT, "kind": {"const": "y"}}, "required": ["n", "kind"]},
                ]
            },
            {
                "anyOf": [
                    closed(kind={"type": "string", "enum": ["x"]}, n=TEXT),
                    closed(kind={"type": "string", "enum": ["y"]}, n=TEXT),
                ]
            },
        ),
        ("evolink", {"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ("gemini", {"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ("lmstudio", {"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ("openai", {"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ("anthropic", {"type": "array", "items": TEXT, "minItems": 1}, {"type": "array", "items": TEXT, "minItems": 1}),
        (
            "anthropic",
            {"type": "array", "items": TEXT, "minItems": 2},
            {"type": "array", "description": "At least 2 items", "items": TEXT},
        ),
    ],
)
def test_what_is_sent(dialect: str, schema: Any, wire: Any) -> None:
    """A node is said in the words of the dialect."""
    assert sent(schema, dialect) == wire


@every_dialect
def test_objects_left_open_are_told_once(dialect: str) -> None:
    """Objects that do not say whether they are open are closed with one remark for all, where the dialect closes."""
    inner = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
    adapted = adapt({"type": "object", "properties": {"a": inner, "b": inner}, "required": ["a", "b"]}, dialect)
    closing = [each for each in adapted.rewrites if "does not name" in each.what]
    assert [each.pointer for each in closing] == ([] if dialect in ("gemini", "evolink") else [""])


def test_deep_parts_become_json_text() -> None:
    """What is deeper than the endpoint takes is asked for as JSON text, told in its description, and read again."""
    schema: dict[str, Any] = {"type": "integer"}
    value: Any = 5
    for _ in range(12):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
        value = {"a": value}
    adapted = adapt(schema, "openai")
    assert adapted.strict
    wire = adapted.to_wire(value)
    assert '{\\"a\\":' in json.dumps(wire)
    assert adapted.restore(wire) == value
    assert any("JSON text" in each.what for each in adapted.rewrites)


@every_dialect
def test_any_key_can_be_written(dialect: str) -> None:
    """Properties with names that an endpoint does not take have others on the wire."""
    names = ["a b", "a-b", "a.b", "ä", "", "x" * 100, "a_b"]
    schema = {"type": "object", "properties": dict.fromkeys(names, TEXT), "required": names}
    adapted = adapt(schema, dialect)
    value = {name: name for name in names}
    wire = adapted.to_wire(value)
    assert list(wire) == list(adapted.schema["properties"])
    assert adapted.restore(wire) == value


@every_dialect
def test_absent_is_allowed_where_that_is_asked_for(dialect: str) -> None:
    """With `absent`, what the document lacks can be null though it is required; a constant cannot."""
    schema = {"properties": {"a": TEXT, "k": {"const": "x"}}, "required": ["a", "k"]}
    adapted = adapt(schema, dialect, absent="allow")
    judge = jsonschema_rs.validator_for(as_read(adapted.schema))
    assert judge.is_valid({"a": None, "k": "x"})
    assert not judge.is_valid({"a": "y", "k": None})
    assert adapted.restore({"a": None, "k": "x"}) == {"k": "x"}
    assert adapted.absences({"a": None, "k": "x"}) == ("/a",)
