"""A target for a part of a document."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, field_validator, model_validator

from extractor.schema.portion import portion_of
from extractor.schema.target import target_of


class Line(BaseModel):
    sku: str = Field(min_length=2)
    tags: list[str] = Field(default=[], min_length=1)


class Order(BaseModel):
    number: str
    lines: list[Line] = Field(min_length=2, max_length=3)

    @field_validator("number")
    @classmethod
    def _is_one(cls, number: str) -> str:
        if not number.startswith("Q"):
            raise ValueError("no number of ours")
        return number

    @model_validator(mode="after")
    def _never(self) -> Order:
        raise ValueError("never whole")


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"number": "Q1", "lines": []}, set()),
        ({"number": "Q1", "lines": [{"sku": "ab"}] * 9}, set()),
        ({"number": "Q1", "lines": [{"sku": "ab", "tags": []}]}, set()),
        ({"number": "X1", "lines": []}, {"/number"}),
        ({"number": "Q1", "lines": [{"sku": "a"}]}, {"/lines/0/sku"}),
        ({"lines": []}, {"/number"}),
        ({"number": "Q1"}, {"/lines"}),
    ],
)
def test_a_part_of_a_record(data: Any, wrong: set[str]) -> None:
    """Counts and the record's own validator are for the whole; single fields and items are judged at once."""
    part = portion_of(target_of(Order))
    assert {error.pointer for error in part.validate(data).errors} == wrong


def test_what_is_asked_for() -> None:
    """Neither a count of items is asked for, in a type or in a JSON Schema; the name stays."""
    schema = {"type": "object", "properties": {"a": {"type": "array", "minItems": 2}}, "title": "Record"}
    for target in (target_of(Order), target_of(schema)):
        part = portion_of(target)
        assert part is portion_of(target)
        assert part.name == target.name
        assert "minItems" not in str(part.schema)
        assert "minItems" in str(target.schema)
