"""Targets: the schema of what is asked for, and values held against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    RootModel,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from extractor.errors import ConfigurationError, SchemaError
from extractor.schema.checked import FOUND_LENGTH, FieldError, shown
from extractor.schema.pointers import value_at
from extractor.schema.schema_target import SchemaTarget
from extractor.schema.target import TypeTarget, target_of


class Line(BaseModel):
    """A line."""

    sku: str
    quantity: int = Field(ge=1)


class Invoice(BaseModel):
    """An invoice."""

    number: str
    lines: list[Line] = []
    by_key: dict[str, int] = {}
    total: float | None = Field(default=None, alias="grand total/€~")


class Cat(BaseModel):
    """A cat."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    name: str


class Owner(BaseModel):
    """Somebody with pets."""

    tagged: Annotated[Cat | Dog, Field(discriminator="kind")]
    either: Cat | Dog | None = None
    scalar: int | list[int] = 0


@dataclass
class Point:
    """A point."""

    x: int
    y: int = 0


class Movie(TypedDict):
    """A film."""

    title: str
    year: int


POINT_SCHEMA = {
    "type": "object",
    "properties": {"x": {"type": "integer"}},
    "required": ["x"],
    "title": "Point",
}


def pointers(target: Any, value: Any) -> list[tuple[str, str, str]]:
    """Give pointer, kind and what was found for all that is wrong with a value."""
    return [(e.pointer, e.kind, e.found) for e in target_of(target).validate(value).errors]


# ------------------------------------------------------------------------------------- what is a target


@pytest.mark.parametrize(
    ("wanted", "name", "text", "value"),
    [
        (Line, "Line", '{"sku": "a", "quantity": 2}', Line(sku="a", quantity=2)),
        (Point, "Point", '{"x": 1}', Point(1, 0)),
        (Movie, "Movie", '{"title": "M", "year": 1931}', {"title": "M", "year": 1931}),
        (list[int], "list", "[1, 2]", [1, 2]),
        (Literal["a", "b"], "Literal", '"b"', "b"),
        (int, "int", "5", 5),
        (Annotated[int, Field(ge=1)], None, "5", 5),
        (dict[str, Line], "dict", '{"k": {"sku": "a", "quantity": 1}}', {"k": Line(sku="a", quantity=1)}),
        (int | None, None, "null", None),
        (POINT_SCHEMA, "Point", '{"x": 1, "z": 2}', {"x": 1, "z": 2}),
        ({"type": "array", "items": {"type": "integer"}}, "Record", "[1]", [1]),
    ],
)
def test_targets(wanted: Any, name: str | None, text: str, value: Any) -> None:
    """Types of every kind and JSON Schemas are targets: a name, a schema, and values that conform."""
    target = target_of(wanted)
    assert name in (None, target.name)
    assert isinstance(target.schema, dict)
    for form in (text, None):
        checked = target.validate(json.loads(text), text=form)
        assert checked.errors == ()
        assert checked.value == value
        assert type(checked.value) is type(value)


def test_the_schema_of_a_model_is_pydantics() -> None:
    """A model's schema is the one that pydantic makes for validation."""
    assert target_of(Invoice).schema == Invoice.model_json_schema()


@pytest.mark.parametrize("form", [str, Path])
def test_schema_files(tmp_path: Path, form: type[Any]) -> None:
    """A JSON Schema can be given by its path; the file's name is the target's where it has no title."""
    path = tmp_path / "point.json"
    path.write_text(json.dumps({"type": "object", "required": ["x"], "description": "ä"}), encoding="utf-8")
    target = target_of(form(path))
    assert target.name == "point"
    assert target.schema["description"] == "ä"
    assert target.validate({}).errors[0].kind == "required"


def test_ready_schemas_are_targets() -> None:
    """A ready schema is a target by its name."""
    target = target_of("invoice")
    assert isinstance(target, SchemaTarget)
    assert target.name == "Invoice"
    assert "total" in json.dumps(target.schema)


def test_targets_are_made_once() -> None:
    """The same type or schema gives the same target, and a target is its own."""
    assert target_of(Line) is target_of(Line)
    assert target_of(dict(POINT_SCHEMA)) is target_of(POINT_SCHEMA)
    assert target_of(target_of(Line)) is target_of(Line)
    assert isinstance(target_of(Line), TypeTarget)


def test_types_that_compare_equal_are_two_targets() -> None:
    """`Literal[1]` and `Literal[True]` are not mistaken for each other, nor the orders of a union."""
    wanted: list[Any] = [Literal[1], Literal[True], int | str, str | int]
    one, true, int_first, str_first = (target_of(each).schema for each in wanted)
    assert (one["type"], true["type"]) == ("integer", "boolean")
    assert int_first["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert str_first["anyOf"] == [{"type": "string"}, {"type": "integer"}]


def test_unknown_names() -> None:
    """A name that is no ready schema is an error that lists those there are."""
    with pytest.raises(ConfigurationError) as caught:
        target_of("invoise")
    assert "invoice" in caught.value.hint


# ------------------------------------------------------------------------------- unsupported fields

Lock = type(threading.Lock())


class Locked(BaseModel):
    """A model with a field that no JSON carries."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    fine: int
    lock: Lock  # type: ignore[valid-type]


class CalledBack(BaseModel):
    """A model with a function."""

    fine: int
    callback: Callable[[int], int]


class Holder(BaseModel):
    """A model around one that cannot be asked for."""

    fine: int
    inner: list[Locked]


@dataclass
class CallingPoint:
    """A dataclass with a function."""

    x: int
    callback: Callable[[int], int]


class CallingMovie(TypedDict):
    """A typed dictionary with a function."""

    title: str
    callback: Callable[[int], int]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Locked, "lock"),
        (CalledBack, "callback"),
        (Holder, "inner"),
        (CallingPoint, "callback"),
        (CallingMovie, "callback"),
    ],
)
def test_unsupported_fields(wanted: Any, field: str) -> None:
    """A field that cannot be asked for is named, with what to do."""
    with pytest.raises(SchemaError) as caught:
        target_of(wanted)
    assert f"{wanted.__name__}.{field} cannot be asked for" in caught.value.message
    assert caught.value.pointer == f"/{field}"
    assert "leave the field out" in caught.value.hint


@pytest.mark.parametrize("wanted", [5, threading.Lock(), Callable[[int], int], Lock, object()])
def test_what_is_no_target(wanted: Any) -> None:
    """What is neither a type of data nor a schema is refused with our own error."""
    with pytest.raises(SchemaError):
        target_of(wanted)


# -------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({}, [("/number", "missing", "nothing")]),
        ([], [("", "model_type", "[]")]),
        (None, [("", "model_type", "null")]),
        ({"number": 5}, [("/number", "string_type", "5")]),
        (
            {"number": "1", "lines": [{"sku": "a", "quantity": 1}, {"quantity": 0}]},
            [("/lines/1/sku", "missing", "nothing"), ("/lines/1/quantity", "greater_than_equal", "0")],
        ),
        ({"number": "1", "lines": {}}, [("/lines", "list_type", "{}")]),
        ({"number": "1", "by_key": {"a/b~c": "x", "": "y"}}, [
            ("/by_key/a~1b~0c", "int_parsing", '"x"'),
            ("/by_key/", "int_parsing", '"y"'),
        ]),
        ({"number": "1", "grand total/€~": "x"}, [("/grand total~1€~0", "float_parsing", '"x"')]),
    ],
)  # fmt: skip
def test_places(value: Any, errors: list[tuple[str, str, str]]) -> None:
    """Each error has the JSON pointer of its place, the rule, and what was found there."""
    assert pointers(Invoice, value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"kind": "cat", "lives": "x"}, [("/tagged/lives", "int_parsing", '"x"')]),
        ({"kind": "cat"}, [("/tagged/lives", "missing", "nothing")]),
        ({"kind": "cat", "lives": 9, "x": 1}, [("/tagged/x", "extra_forbidden", "1")]),
        ({"kind": "cow"}, [("/tagged", "union_tag_invalid", '{"kind": "cow"}')]),
        ({}, [("/tagged", "union_tag_not_found", "{}")]),
    ],
)
def test_places_in_discriminated_unions(value: Any, errors: list[tuple[str, str, str]]) -> None:
    """The tag of a union's member is no part of the pointer."""
    assert pointers(Owner, {"tagged": value}) == errors


def test_places_in_unions() -> None:
    """Names of union members are no part of the pointers, and every member's errors are there."""
    tagged = {"kind": "cat", "lives": 1}
    found = pointers(Owner, {"tagged": tagged, "either": {"kind": "dog"}, "scalar": [1, "x"]})
    assert [pointer for pointer, _, _ in found] == [
        "/either/kind",
        "/either/lives",
        "/either/name",
        "/scalar",
        "/scalar/1",
    ]


def test_a_tag_that_is_also_a_key() -> None:
    """A union's tag is left out of the pointer even where the value has a key of that name."""
    value = {"kind": "cat", "lives": "x", "cat": {"lives": 1}}
    assert ("/tagged/lives", "int_parsing", '"x"') in pointers(Owner, {"tagged": value})


class Sourced(BaseModel):
    """A model whose fields are found under other names."""

    choice: int = Field(validation_alias=AliasChoices("first", "second"))
    deep: int = Field(validation_alias=AliasPath("a", "b"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"second": "x", "a": {"b": 1}}, ["/second"]),
        ({"first": 1, "a": {"b": "x"}}, ["/a/b"]),
        ({"first": 1, "a": {}}, ["/a/b"]),
    ],
)
def test_places_of_aliases(value: Any, expected: list[str]) -> None:
    """A pointer leads through the aliases by which the value is found."""
    assert [pointer for pointer, _, _ in pointers(Sourced, value)] == expected


def test_tuples_that_are_too_short() -> None:
    """The place of an item that is not there has its index."""
    assert pointers(tuple[int, int], [1]) == [("/1", "missing", "nothing")]


class Checking(BaseModel):
    """A model with validators of its own."""

    total: int
    limit: int = 10

    @field_validator("total")
    @classmethod
    def allowed(cls, value: int, info: ValidationInfo) -> int:
        """Hold the total against the caller's context."""
        if info.context and value > info.context["most"]:
            raise ValueError("too_much")
        return value

    @model_validator(mode="after")
    def within(self) -> Checking:
        """Hold the total against the limit."""
        if self.total > self.limit:
            raise ValueError("off_limits")
        return self


def test_validators_and_context() -> None:
    """The caller's own validators run, and get the caller's context."""
    target = target_of(Checking)
    assert target.validate({"total": 5}).value == Checking(total=5)
    assert target.validate({"total": 5}, context={"most": 9}).value == Checking(total=5)
    checked = target.validate({"total": 5}, context={"most": 4})
    assert checked.errors == (
        FieldError(pointer="/total", message="Value error, too_much", found="5", kind="value_error"),
    )
    whole = target.validate({"total": 11}).errors[0]
    assert (whole.pointer, whole.kind) == ("", "value_error")
    assert str(whole) == 'the whole: Value error, off_limits (found {"total": 11})'


def test_long_values_are_quoted_short() -> None:
    """Only the beginning of a wrong value is quoted."""
    found = pointers(Line, {"sku": ["x" * 5_000], "quantity": 1})[0][2]
    assert found == '["' + "x" * (FOUND_LENGTH - 2) + "…"
    assert shown("ü") == '"ü"'


class Embedded(BaseModel):
    """A model with JSON inside a string."""

    inner: Json[int]


def test_json_inside_a_string() -> None:
    """A wrong JSON string within a value is that field's error."""
    checked = target_of(Embedded).validate({"inner": "x"})
    assert [error.pointer for error in checked.errors] == ["/inner"]


# ------------------------------------------------------------------------------------------- bounds

NUMBERS = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}}


@pytest.mark.parametrize("wanted", [dict[str, list[int]], NUMBERS])
def test_very_many_errors(wanted: Any) -> None:
    """Of thousands of errors the first thousand are listed, and how many more there are."""
    *errors, last = target_of(wanted).validate({"k": ["x"] * 3_000}).errors
    assert [each.pointer for each in errors] == [f"/k/{number}" for number in range(1_000)]
    assert (last.kind, last.pointer, last.message, last.found) == ("more", "", "and 2000 more", "…")


@pytest.mark.parametrize("wanted", [dict[str, list[int]], NUMBERS])
def test_very_long_pointers(wanted: Any) -> None:
    """The pointers of all errors come to a million characters at most, whatever keys a model makes up."""
    *errors, last = target_of(wanted).validate({"k" * 60_000: ["x"] * 100}).errors
    assert len(errors) == 16
    assert last.message == "and 84 more"
    (only,) = target_of(wanted).validate({"k" * 60_000: ["x"] * 10_000}).errors
    assert (only.kind, only.pointer) == ("more", "")
    assert target_of(wanted).validate({"k" * 60_000: [1] * 10_000}).errors == ()


class Nested(RootModel["list[Nested] | dict[str, Nested] | int"]):
    """A model within itself, of which every level may be several things."""


def test_places_in_deep_unions() -> None:
    """Deep inside of unions within unions the errors still have places, and there are as many as there may be."""
    value: Any = ["x"] * 1_500
    for _ in range(90):
        value = {"a": [value]}
    errors = target_of(Nested).validate(value).errors
    assert (len(errors), errors[-1].kind) == (1_001, "more")
    for each in errors[:-1]:
        assert value_at(value, each.pointer) is not None


class Card(BaseModel):
    """A member of a union whose tag is one of its keys."""

    kind: Literal["card"]
    card: dict[str, str] = {}
    name: str


class Cash(BaseModel):
    """Another."""

    kind: Literal["cash"]


class Paid(BaseModel):
    """A tagged union."""

    by: Annotated[Card | Cash, Field(discriminator="kind")]


def test_what_is_missing_beside_a_tag_that_is_also_a_key() -> None:
    """The place of what is missing in a member of a union is that member, though its tag be one of its keys."""
    assert pointers(Paid, {"by": {"kind": "card", "card": {"a": "b"}}}) == [("/by/name", "missing", "nothing")]
