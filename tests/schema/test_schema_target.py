"""JSON Schemas as targets: what is one, what it accepts, and what it says of a value."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from extractor.errors import SchemaError
from extractor.schema.target import list_of, target_of


def pointers(target: Any, value: Any) -> list[tuple[str, str, str]]:
    """Give pointer, kind and what was found for all that is wrong with a value."""
    return [(e.pointer, e.kind, e.found) for e in target_of(target).validate(value).errors]


def test_any_mapping_can_be_a_schema() -> None:
    """A schema need not be a `dict`, nor what is in it."""
    inner = MappingProxyType({"x": MappingProxyType({"type": "integer"})})
    target = target_of(MappingProxyType({"type": "object", "properties": inner}))
    assert target.schema == {"type": "object", "properties": {"x": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"type": "strin"}, "/type"),
        ({"properties": {"a": {"minLength": "x"}}}, "/properties/a/minLength"),
        ({"type": "string", "pattern": "("}, "/pattern"),
        ({"required": "a"}, "/required"),
        ("no/such/file.json", "no/such/file.json"),
    ],
)
def test_invalid_schemas(wanted: Any, words: str) -> None:
    """What is no JSON Schema is refused, with the place."""
    with pytest.raises(SchemaError) as caught:
        target_of(wanted)
    assert words in str(caught.value)
    assert caught.value.pointer in (words, "")


@pytest.mark.parametrize("text", ["{", "[1]", "5", "", "\xff"])
def test_files_that_hold_no_schema(tmp_path: Path, text: str) -> None:
    """A file that is no JSON object is refused."""
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SchemaError):
        target_of(path)


def test_unknown_dialects_of_json_schema() -> None:
    """A schema of an unknown dialect is refused with our own error."""
    with pytest.raises(SchemaError):
        target_of({"$schema": "urn:example:unknown", "type": "object"})


# ---------------------------------------------------------------------------------- nothing is fetched


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen, so that a fetch is noticed: the kernel takes the call, even one from native code."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(2)  # only so that a fetch fails the test instead of hanging it
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
    socket.setdefaulttimeout(before)


@pytest.mark.parametrize(
    "template",
    [
        {"$ref": "URL/x"},
        {"type": "object", "properties": {"a": {"$ref": "URL/x#/a"}}},
        {"type": "object", "properties": {"a": {"items": {"anyOf": [{"$ref": "URL/x.json"}]}}}},
        {"$id": "URL/base/", "properties": {"a": {"$ref": "x.json"}}},
        {"$defs": {"unused": {"$ref": "URL/x"}}},
        {"$dynamicRef": "URL/x#a"},
        {"$schema": "URL/meta", "type": "object"},
        {"properties": {"a": {"$schema": "URL/meta", "$id": "URL/inner", "type": "object"}}},
        {"$ref": "file:///etc/hostname"},
    ],
)
def test_nothing_is_fetched(template: dict[str, Any], listener: socket.socket) -> None:
    """A schema that points out of itself is refused or not followed; nobody is asked for anything."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with contextlib.suppress(SchemaError):
        target_of(json.loads(json.dumps(template).replace("URL", url))).validate({"a": {}})
    with pytest.raises(BlockingIOError):
        listener.accept()


# ------------------------------------------------------------------------------- what is wrong, and where

RECORD = {
    "type": "object",
    "properties": {
        "a/b~c": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "day": {"type": "string", "format": "date"},
    },
    "required": ["day"],
    "additionalProperties": False,
    "$defs": {"Item": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
}


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"day": "2024-02-29"}, []),
        ({}, [("/day", "required", "nothing")]),
        ({"day": "2024-02-30"}, [("/day", "format", '"2024-02-30"')]),
        ({"day": "2024-02-29", "a/b~c": [{"n": 1}, {"n": "x"}]}, [("/a~1b~0c/1/n", "type", '"x"')]),
        ({"day": "2024-02-29", "z": 1}, [("", "additionalProperties", '{"day": "2024-02-29", "z": 1}')]),
        ([], [("", "type", "[]")]),
    ],
)
def test_places_by_json_schema(value: Any, errors: list[tuple[str, str, str]]) -> None:
    """Errors of a JSON Schema target have pointers and kinds too, through its references."""
    assert pointers(RECORD, value) == errors


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2024-12-31", "31.12.2024"),
        ("date-time", "2024-12-31T23:59:59Z", "2024-12-31"),
        ("time", "23:59:59Z", "25:00:00Z"),
        ("email", "a@b.de", "a.b.de"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("uri", "https://a.de/", "a b"),
        ("ipv4", "127.0.0.1", "256.0.0.1"),
        ("duration", "P3DT4H", "3 days"),
    ],
)
def test_formats_are_checked(name: str, good: str, bad: str) -> None:
    """A format is a rule, not an annotation."""
    schema = {"type": "string", "format": name}
    assert pointers(schema, good) == []
    assert pointers(schema, bad) == [("", "format", json.dumps(bad))]


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^(?!x)[a-z]+$", "abc", "xbc"),
        ("^(?=.*[0-9])[a-z0-9]+$", "ab1", "abc"),
        (r"(?<=€)\d", "€5", "$5"),
        (r"^(a)\1$", "aa", "ab"),
        ("b", "abc", "ac"),
        (r"^\d{4}$", "2024", "20245"),
    ],
)
def test_patterns(pattern: str, good: str, bad: str) -> None:
    """Patterns hold, those with look-around and back-references too."""
    schema = {"type": "string", "pattern": pattern}
    assert pointers(schema, good) == []
    assert [kind for _, kind, _ in pointers(schema, bad)] == ["pattern"]


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(?=a)^(a+)+$"])
def test_catastrophic_patterns(pattern: str) -> None:
    """A pattern that would take for ever in a backtracking engine gives its answer."""
    target = target_of({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}})
    checked = target.validate({"a": "a" * 5_000 + "b"})
    assert [(error.pointer, error.kind) for error in checked.errors] == [("/a", "pattern")]


def test_messages_do_not_quote_values() -> None:
    """What is expected is told without the value, which may be private."""
    error = target_of({"type": "integer"}).validate("secret").errors[0]
    assert "secret" not in error.message
    assert error.found == '"secret"'


def test_recursive_schemas() -> None:
    """A schema that refers to itself judges values at any depth."""
    schema = {"properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}}, "required": ["v"]}
    assert pointers(schema, {"v": 1, "next": {"v": 2, "next": {"v": "x"}}}) == [("/next/next/v", "type", '"x"')]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            {"title": "Part", "properties": {"a": {"$ref": "#/$defs/Part"}}, "$defs": {"Part": {"type": "string"}}},
            {"a": "x"},
            {"a": 1},
        ),
        (
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "properties": {"a": {"type": "number", "minimum": 0, "exclusiveMinimum": True}},
            },
            {"a": 1},
            {"a": 0},
        ),
    ],
    ids=["a definition with the name of the whole", "an older draft"],
)
def test_a_list_of_what_a_schema_says(schema: dict[str, Any], good: Any, bad: Any) -> None:
    """The items of a list are what the schema says, in its own draft and with its own definitions."""
    listed = list_of(target_of({"type": "object", **schema}))
    assert listed.validate([good, good]).value == [good, good]
    assert [error.pointer for error in listed.validate([good, bad]).errors] == ["/1/a"]
