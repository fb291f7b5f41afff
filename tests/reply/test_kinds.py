"""Types as a view needs them: what is in them, by which keys, and how a part of them is validated."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel

from extractor.reply.kinds import Kind
from extractor.reply.partial import UNKNOWN


class Line(BaseModel):
    """A model with an alias and a limit."""

    count: int = Field(gt=0)
    price: Decimal = Field(alias="net price")
    place: str = Field(validation_alias=AliasPath("at", 0), default="")
    kind: str = Field(validation_alias=AliasChoices(AliasPath("at", 1), "sort"), default="")


@dataclass
class Point:
    """A dataclass."""

    x: int


class Open(BaseModel):
    """A model that takes any key."""

    model_config = ConfigDict(extra="allow")
    one: int


class Named(RootModel[list[int]]):
    """A list with a name."""


@pytest.mark.parametrize(
    ("wanted", "name", "key"),
    [
        (Line, "count", "count"),
        (Line, "price", "net price"),
        (Line, "net price", "net price"),
        (Line, "place", "place"),
        (Line, "kind", "sort"),
        (Line, "cost", None),
        (Line | None, "cost", None),
        (Annotated[Point, "so"], "x", "x"),
        (Point, "y", None),
        (Open, "two", "two"),
        (dict[str, int], "two", "two"),
        (Any, "two", "two"),
        (Named, "root", "root"),
    ],
)
def test_keys(wanted: Any, name: str, key: str | None) -> None:
    """A key is known by itself or by its field's name; any is where there are no fields, or others are allowed."""
    assert Kind(wanted).key(name) == key


def test_keys_are_those_of_the_schema() -> None:
    """Each field has the key that the JSON Schema of its model gives it, whatever its aliases."""
    assert {*Kind(Line).keys.values()} == Line.model_json_schema()["properties"].keys()


def test_parts() -> None:
    """The parts of a type are validated as it does that; what they do not take is unknown."""
    kind = Kind(dict[str, list[Line]])
    lines = kind.field("any")
    assert lines is not None
    line = lines.item(5)
    assert line is not None
    count, price = line.field("count"), line.field("net price")
    assert count is not None
    assert price is not None
    assert (count.validated(3, None), count.validated(-3, None)) == (3, UNKNOWN)
    assert price.validated("1.50", None) == Decimal("1.50")
    assert line.field("cost") is None
    pair = Kind(tuple[int, str])
    assert [each and each.bare for each in map(pair.item, range(3))] == [int, str, None]
