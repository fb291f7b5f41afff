"""Wrappers: an object that holds the one that was wanted, and nothing else."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest

from extractor.reply.branches import Fit
from extractor.reply.notes import placed
from extractor.reply.shaping import shape_of
from extractor.reply.wrapper import unwrapped

Schema: TypeAlias = "dict[str, Any]"

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}


def record(**properties: Schema) -> Schema:
    """An object."""
    return {"type": "object", "properties": properties}


PERSON = record(first_name=STRING, age=INTEGER)

NAMES = ["Person", "record_person", ""]
A = {"first_name": "A", "age": 1}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Person": A}, A),
        ({"person": A}, A),
        ({"data": A}, A),
        ({"Result": {"firstName": "A", "age": "1"}}, {"firstName": "A", "age": "1"}),
        ({"response": {"age": 1}}, {"age": 1}),
        ({"name": "record_person", "arguments": A}, A),
        ({"name": "Person", "parameters": json.dumps(A)}, A),
        ({"name": "Person", "input": A}, A),
    ],
)
def test_unwrapped(given: Any, expected: Any) -> None:
    """An object that is nothing but a wrapper, by a name that is known, is taken off."""
    found, notes = unwrapped(shape_of(PERSON, decimals=True), given, NAMES, Fit())
    assert found == expected
    assert [pointer for pointer, note in placed(notes, "") if note.kind == "unwrapped"] == [""]


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (record(data=PERSON), {"data": A}),
        (record(Data=INTEGER), {"data": {"Data": 1}}),
        ({**record(first_name=STRING), "additionalProperties": True}, {"data": A}),
        ({"type": "object", "additionalProperties": PERSON}, {"data": A}),
        (STRING, {"data": A}),
        (PERSON, {"invoice": A}),
        (PERSON, {"data": A, "more": 1}),
        (PERSON, {"data": {"other": 1}}),
        (PERSON, {"data": [A]}),
        (PERSON, {"data": {"data": A}}),
        (PERSON, {"name": "other", "arguments": A}),
        (PERSON, {"name": "Person", "arguments": "x"}),
        (PERSON, {}),
    ],
)
def test_what_may_be_meant_is_no_wrapper(schema: Schema, given: Any) -> None:
    """What could be a value of the target as it is, or has its properties, is not taken off."""
    found, notes = unwrapped(shape_of(schema), given, NAMES, Fit())
    assert found is given
    assert list(notes) == []
