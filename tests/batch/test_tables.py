"""From the schema of a target to tables: columns in its order, whatever it is made of."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from extractor.batch.shapes import (
    MOST_NODES,
    Items,
    Scalar,
    Shape,
    Struct,
    is_numeral,
    root_of,
    settled,
    shape_of,
    title_of,
)
from extractor.batch.tables import Names, Table, flat_columns, head_names, related
from extractor.schema.ready import ready_names, ready_schema


class Colour(Enum):
    """Two colours."""

    red = "red"
    blue = "blue"


class Line(BaseModel):
    """A line of an order."""

    kind: Literal["line"] = "line"
    text: str
    price: Decimal
    tags: list[str] = []


class Note(BaseModel):
    """Another one."""

    kind: Literal["note"] = "note"
    note: str


class Place(BaseModel):
    """A place."""

    city: str | None = None


class Address(Place):
    """A place with a street."""

    street: str


class Order(BaseModel):
    """An order with all sorts of fields."""

    number: str
    day: date | None = None
    at: datetime
    total: Decimal
    count: int | None
    code: int | str
    rate: float | int
    paid: bool
    colour: Colour
    seller: Address
    buyer: Annotated[Address | None, Field(description="who buys")]
    lines: list[Line]
    first: Line | Note
    map: dict[str, int]
    pair: tuple[int, str]
    kids: list[Order] = []
    grid: list[list[int]] = []
    anything: Any = None
    nothing: None = None


ORDER = TypeAdapter(Order).json_schema()
TEXT, JSON = Scalar("text"), Scalar("json")
ADDRESS = Struct({"city": TEXT, "street": TEXT})
LINE = Struct({"kind": TEXT, "text": TEXT, "price": Scalar("loose"), "tags": Items(TEXT)})


def test_shape_of_a_model() -> None:
    """Every field has a shape, through references, options and enums; what can be many things is JSON."""
    shape = shape_of(ORDER)
    assert isinstance(shape, Struct)
    assert dict(shape.members) == {
        "number": TEXT,
        "day": Scalar("date"),
        "at": Scalar("moment"),
        "total": Scalar("loose"),
        "count": Scalar("integer"),
        "code": Scalar("mixed"),
        "rate": Scalar("number"),
        "paid": Scalar("boolean"),
        "colour": TEXT,
        "seller": ADDRESS,
        "buyer": ADDRESS,
        "lines": Items(LINE),
        "first": JSON,
        "map": JSON,
        "pair": JSON,
        "kids": Items(JSON),
        "grid": Items(Items(Scalar("integer"))),
        "anything": JSON,
        "nothing": JSON,
    }
    assert list(shape.members) == list(Order.model_fields)
    assert title_of(ORDER) == "Order"


def everything(schema: Any) -> Any:
    """A definition that refers to itself in every way."""
    return {"$ref": "#/$defs/A", "$defs": {"A": schema}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, JSON),
        ({"type": ["string", "null"]}, TEXT),
        ({"type": ["string", "integer"]}, Scalar("mixed")),
        ({"type": ["integer", "number"]}, Scalar("number")),
        ({"type": ["string", "array"]}, JSON),
        ({"enum": [1, 2, None]}, Scalar("integer")),
        ({"enum": [1, 2.5]}, Scalar("number")),
        ({"enum": ["a", 1]}, Scalar("mixed")),
        ({"enum": [{"a": 1}]}, JSON),
        ({"const": True}, Scalar("boolean")),
        ({"type": "object"}, JSON),
        ({"type": "object", "additionalProperties": {"type": "string"}}, JSON),
        ({"type": "array"}, JSON),
        ({"type": "array", "items": True}, JSON),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "string"}}, JSON),
        ({"allOf": [{"type": "string"}, {"format": "date"}]}, Scalar("date")),
        ({"allOf": [{"properties": {"a": {"type": "string"}}}], "properties": {"b": {"type": "integer"}}}, None),
        ({"oneOf": [{"type": "string", "format": "date"}, {"type": "string"}]}, TEXT),
        ({"anyOf": [{"type": "string"}], "oneOf": [{"type": "string"}]}, JSON),
        ({"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]}, Items(TEXT)),
        ({"properties": {"a\0": {"type": "string"}, "\ud800": {"type": "string"}}}, JSON),
        (everything({"$ref": "#/$defs/A"}), JSON),
        (everything({"allOf": [{"$ref": "#/$defs/A"}]}), JSON),
        (everything({"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]}), JSON),
        (everything({"type": "array", "items": {"$ref": "#/$defs/A"}}), Items(JSON)),
        ({"$ref": "#/$defs/Nowhere"}, JSON),
    ],
)
def test_shape_of_a_schema(schema: dict[str, Any], expected: Shape | None) -> None:
    """Any JSON Schema has a shape, whatever it says, and however it refers to itself."""
    expected = expected or Struct({"b": Scalar("integer"), "a": TEXT})
    assert shape_of(schema) == expected


@pytest.mark.parametrize("name", ready_names())
def test_ready_schemas(name: str) -> None:
    """Each ready schema is a table of more than JSON."""
    columns = flat_columns(root_of(shape_of(ready_schema(name))), Names())
    assert sum(column.shape != JSON for column in columns) > 2


def test_size_is_bounded() -> None:
    """A schema that would have very many columns, or levels, has JSON where it is too much."""
    wide = {f"{each}": {"type": "string"} for each in range(MOST_NODES * 2)}
    assert len(flat_columns(root_of(shape_of({"properties": wide})), Names())) == MOST_NODES * 2
    levels = {f"L{n}": {"properties": {k: {"$ref": f"#/$defs/L{n + 1}"} for k in "ab"}} for n in range(40)}
    assert len(flat_columns(root_of(shape_of({"$ref": "#/$defs/L0", "$defs": levels})), Names())) < MOST_NODES


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("loose", [], "number"),
        ("loose", [1, "2.50", None, -3.5, "-1"], "number"),
        ("loose", [1, "two"], "mixed"),
        ("loose", ["007"], "mixed"),
        ("loose", ["+49"], "mixed"),
        ("loose", [True], "mixed"),
        ("moment", [], "moment"),
        ("moment", ["2024-01-02T03:04:05Z", None], "moment"),
        ("moment", ["2024-01-02T03:04:05"], "local"),
        ("moment", ["2024-01-02T03:04:05", "2024-01-02T03:04:05+01:00"], "text"),
        ("text", [5], "text"),
    ],
)
def test_what_values_tell(kind: Any, values: list[Any], expected: Any) -> None:
    """What the schema leaves open is told by values, wherever they stand."""
    shape = Struct({"a": Items(Scalar(kind))})
    assert settled(shape, [{"a": values}, {"a": 5}, None, {}]) == Struct({"a": Items(Scalar(expected))})


@pytest.mark.parametrize("text", ["0", "-5", "10.50", "0.1"])
def test_numerals(text: str) -> None:
    """A text that is a number and nothing else can be one."""
    assert is_numeral(text)


@pytest.mark.parametrize("text", ["", "00", "1.", ".5", "1e5", "+1", "1 000", "٣", "-", "1\n"])
def test_no_numerals(text: str) -> None:
    """What may be more than a number stays text."""
    assert not is_numeral(text)


def names_of(schema: dict[str, Any], **options: Any) -> list[str]:
    """The names of its columns."""
    return [column.name for column in flat_columns(root_of(shape_of(schema)), Names(), **options)]


STRING = {"type": "string"}


def test_columns() -> None:
    """Objects in objects become columns with both names, each name once whatever its case."""
    inner = {"type": "object", "properties": {"b": STRING, "c": {"type": "object", "properties": {"d": STRING}}}}
    schema = {"properties": {"a": inner, "a.b": STRING, "A.B": STRING, "": STRING, "list": {"items": STRING}}}
    assert names_of(schema) == ["a.b", "a.c.d", "a.b_2", "A.B_3", "_", "list"]
    assert names_of(schema, nested=True) == ["a", "a.b", "A.B_2", "_", "list"]
    assert names_of({"items": STRING}) == ["value"]
    column = flat_columns(root_of(shape_of(schema)), Names())[1]
    assert (column.steps, column.pointer) == (("a", "c", "d"), "/a/c/d")
    assert column.value({"a": {"c": {"d": 5}}}) == 5
    assert column.value({"a": None}) is column.value(None) is None


def test_the_target_keeps_its_names() -> None:
    """The columns before the data get other names where the target's have them, and so do those of the input."""
    head = head_names(Names(["Name", "city"]), ["City", "x", "a/b"])
    expected = {"name": "document_Name", "row/City": "row_City", "row/x": "x", "row/a~1b": "a/b"}
    expected = {**expected, "name": "document_name", "state": "state", "error": "error", "rest": "rest"}
    assert head == expected
    assert list(head) == ["name", "row/City", "row/x", "row/a~1b", "state", "error", "rest"]


def listed(table: Table) -> dict[str, Any]:
    """A table and those below it."""
    columns = [column.name for column in table.columns]
    return {table.name: columns, **{key: value for each in table.lists for key, value in listed(each).items()}}


def test_related_tables() -> None:
    """Each list has a table of its own, with the name of where it stands."""
    table = related(root_of(shape_of(ORDER)), "PurchaseOrder", ["x"], Names())
    found = listed(table)
    assert list(found) == [
        "purchase_order",
        *(f"purchase_order_{name}" for name in ("lines", "lines_tags", "kids", "grid", "grid_value")),
    ]
    assert found["purchase_order_lines"] == ["kind", "text", "price"]
    assert found["purchase_order_lines_tags"] == found["purchase_order_grid_value"] == ["value"]
    assert found["purchase_order_grid"] == []
    assert "seller.city" in found["purchase_order"]


@pytest.mark.parametrize(
    ("title", "name"), [("", "table_"), ("Köln 1", "k_ln_1"), ("sqlite_x", "table_sqlite_x"), ("a" * 500, "a" * 100)]
)
def test_names_of_tables(title: str, name: str) -> None:
    """Any title makes a name that a table may have."""
    assert related(root_of(TEXT), title, [], Names()).name == name


def test_tables_of_the_same_name() -> None:
    """Two lists whose tables would have the same name have different ones."""
    items = {"type": "array", "items": STRING}
    schema = {"properties": {"a_b": items, "a": {"properties": {"b": items}}, "A_B": items}}
    table = related(root_of(shape_of(schema)), "t", [], Names())
    assert [each.name for each in table.lists] == ["t_a_b", "table_t_a_b", "table_t_a_b_2"]
