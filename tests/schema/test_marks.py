"""What a model says about where values come from, in its schema and nowhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict

from extractor import Grounded, Inferred, Merge
from extractor.errors import SchemaError
from extractor.evidence.leaves import leaves
from extractor.schema.adapt import adapt
from extractor.schema.dialects import DIALECTS
from extractor.schema.marks import KEY, MARK, RULE, marks_of
from extractor.schema.target import target_of


class Line(BaseModel):
    item: str
    note: Annotated[str, Inferred()] = ""


class Model(BaseModel):
    vendor: Annotated[str, Grounded()]
    due: Annotated[str | None, Grounded()] = None
    lines: Annotated[list[Line], Grounded()]
    first: Annotated[Line, Grounded()]
    union: Annotated[int, Grounded()] | str
    tags: list[Annotated[str, Grounded()]]
    summary: Annotated[str, Inferred()] = ""


@dataclass
class Data:
    vendor: Annotated[str, Grounded()]
    summary: Annotated[str, Inferred()] = ""


class Typed(TypedDict):
    vendor: Annotated[str, Grounded()]
    summary: Annotated[str, Inferred()]


VALUE: dict[str, Any] = {
    "vendor": "Acme",
    "due": "x",
    "lines": [{"item": "a", "note": "b"}],
    "first": {"item": "a", "note": "b"},
    "union": 3,
    "tags": ["a"],
    "summary": "s",
}


def _marks(schema: Any, data: Any) -> dict[str, tuple[bool, bool]]:
    return {leaf.pointer: (leaf.grounded, leaf.inferred) for leaf in leaves(schema, data)}


def test_marks_of_a_model() -> None:
    """A mark holds for the value and all inside of it; the nearest one counts."""
    grounded, inferred = (True, False), (False, True)
    assert _marks(target_of(Model).schema, VALUE) == {
        "/vendor": grounded,
        "/due": grounded,
        "/lines/0/item": grounded,
        "/lines/0/note": inferred,
        "/first/item": grounded,
        "/first/note": inferred,
        "/union": grounded,
        "/tags/0": grounded,
        "/summary": inferred,
    }


def test_a_mark_of_one_branch() -> None:
    """A mark on one branch of a union is not one on the other."""
    assert _marks(target_of(Model).schema, {"union": "text"}) == {"/union": (False, False)}


@pytest.mark.parametrize("target", [Data, Typed], ids=["dataclass", "TypedDict"])
def test_marks_of_other_targets(target: Any) -> None:
    """Dataclasses and TypedDicts are marked as models are."""
    marks = _marks(target_of(target).schema, {"vendor": "a", "summary": "b"})
    assert marks == {"/vendor": (True, False), "/summary": (False, True)}


def test_a_mark_on_a_class() -> None:
    """A model as a whole can be marked, wherever it is used."""
    marked_line: Any = Annotated[Line, Grounded()]
    assert _marks(target_of(marked_line).schema, {"item": "a"}) == {"/item": (True, False)}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_endpoint_sees_a_mark(dialect: str) -> None:
    """The keyword is for this library: no endpoint is sent it."""
    assert MARK not in json.dumps(adapt(target_of(Model), dialect).response_format)


def test_a_mark_changes_no_value() -> None:
    """A marked type takes and gives what it would without its mark."""
    adapter = TypeAdapter(Annotated[str, Grounded()])
    assert adapter.validate_python("a") == "a"
    assert adapter.dump_python("a") == "a"
    assert adapter.json_schema() == {"type": "string", MARK: "grounded"}


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({}, False),
        ({MARK: "grounded"}, True),
        ({MARK: "inferred"}, False),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {MARK: "grounded"}]}}}, True),
        ({"$defs": {"A": {"items": {MARK: "grounded"}}}}, True),
        ({"properties": {MARK: {"type": "string"}}}, False),
        ({MARK: ["grounded"]}, False),
        (True, False),
        ([], False),
        (None, False),
    ],
)
def test_whether_anything_is_marked(schema: Any, found: bool) -> None:
    """A mark is found wherever a schema may have it."""
    assert ("grounded" in marks_of(schema)) is found


class Merged(BaseModel):
    balance: Annotated[float, Merge("last")]
    lines: Annotated[list[Line], Merge(key="item")]
    both: Annotated[list[Line], Merge(key=("item", "note"))]


def test_how_chunks_are_merged() -> None:
    """What is said of merging stands in the schema, and no endpoint sees it."""
    target = target_of(Merged)
    own = target.schema["properties"]
    assert own["balance"][RULE] == "last"
    assert (own["lines"][KEY], own["both"][KEY]) == ("item", ["item", "note"])
    assert RULE not in own["lines"]
    for dialect in DIALECTS:
        assert "x-" not in json.dumps(adapt(target, dialect).response_format)


@pytest.mark.parametrize("rule", ["latest", "", 1])
def test_a_rule_that_there_is_not(rule: Any) -> None:
    """A rule that does not exist is refused where it is written."""
    with pytest.raises(SchemaError, match=r"There is no rule .* Merge takes first, last, best, most, join"):
        Merge(rule)


def test_a_deep_schema() -> None:
    """However deep a schema is, it is looked through."""
    schema: Any = {MARK: "grounded"}
    for _ in range(50_000):
        schema = {"items": schema}
    assert "grounded" in marks_of(schema)


def test_marks_are_values() -> None:
    """Two marks of one kind are the same, and their words cannot be changed."""
    assert len({Grounded(), Grounded(), Inferred()}) == 2
