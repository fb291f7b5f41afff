"""What a wire value says is not there, as pointers into the target's own shape."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from extractor.schema.adapt import adapt


class Line(BaseModel):
    """A line."""

    name: str
    price: float | None


class Order(BaseModel):
    """An order."""

    number: str
    total: float = Field(alias="a/b")
    note: str = "none"
    lines: list[Line] = []
    by_name: dict[str, Line] = {}
    first: tuple[Line, int] | None = None


class Cat(BaseModel):
    """One of two."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"]
    tricks: list[str]


class Owner(BaseModel):
    """Has either."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Node(TypedDict):
    """Holds itself."""

    name: str
    kids: list[Node]


ORDER = {"number": None, "a/b": None, "note": None, "lines": None, "by_name": None, "first": None}
LINE = {"name": None, "price": None}


@pytest.mark.parametrize(
    ("target", "wire", "pointers"),
    [
        (Order, ORDER, {"/number", "/a~1b", "/note", "/lines", "/by_name"}),
        (Order, {**ORDER, "number": "x", "a/b": 1, "lines": [LINE]}, {"/note", "/lines/0/name", "/by_name"}),
        (
            Order,
            {**ORDER, "number": "x", "a/b": 1, "note": "", "lines": [], "by_name": [{"key": "k/", "value": LINE}]},
            {"/by_name/k~1/name"},
        ),
        (Owner, {"pet": None}, {"/pet"}),
        (Owner, {"pet": {"kind": "cat", "lives": None}}, {"/pet/lives"}),
        (Owner, {"pet": {"kind": "dog", "tricks": None}}, {"/pet/tricks"}),
        (Node, {"name": "a", "kids": [{"name": None, "kids": [{"name": "b", "kids": None}]}]}, None),
        (int, {"value": None}, {""}),
        (int, {"value": 5}, set()),
        (int | None, {"value": None}, set()),
        (list[Line], {"value": [LINE, {"name": "x", "price": 1}]}, {"/0/name"}),
    ],
)
def test_absences(target: Any, wire: Any, pointers: set[str] | None) -> None:
    """Null is an absence where the target itself has no null, at any depth."""
    expected = {"/kids/0/name", "/kids/0/kids/0/kids"} if pointers is None else pointers
    assert set(adapt(target, "openai", absent="allow").absences(wire)) == expected


def test_only_optional_fields_are_absent_unless_allowed() -> None:
    """Without leave, null for a required field is a wrong value, not an absence."""
    assert adapt(Order, "openai").absences({**ORDER, "number": None}) == ("/note", "/lines", "/by_name")


@pytest.mark.parametrize("dialect", ["openai", "gemini", "evolink", "anthropic", "llama.cpp", "unknown"])
def test_required_fields_may_be_null_on_the_wire(dialect: str) -> None:
    """With leave, every dialect takes null for a required field, but not for the constant that names a variant."""
    adapted = adapt(Owner, dialect, absent="allow")
    wire = adapted.to_wire({"pet": {"kind": "cat", "lives": 9}})
    pet = wire["pet"]
    branch = pet if "kind" in pet else next(iter(pet.values()))
    branch["lives"] = None
    assert adapted.absences(wire) == ("/pet/lives",)
    assert adapted.restore(wire) == {"pet": {"kind": "cat"}}


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {"pet": 5}, {"pet": {}}, {"pet": {"kind": "bird"}}])
def test_values_of_another_shape(wrong: Any) -> None:
    """A value that is not as asked for has no absences, or some; it is never an error."""
    assert set(adapt(Owner, "openai", absent="allow").absences(wrong)) <= {
        *("/pet", "/pet/kind", "/pet/lives", "/pet/tricks")
    }
