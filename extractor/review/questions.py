"""Small questions about schemas that only a form asks; what they are is not trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extractor.review.empties import Node
from extractor.schema.nodes import kinds_of, text_of

__all__ = [
    "bound",
    "choice",
    "count",
    "mapping",
    "number_in",
    "without_text_of_number",
]

OPTIONS = 2_000  # of a choice


def choice(values: list[Any], *, one: bool = True) -> Node:
    """The node of what is one of some values."""
    nullable = any(value is None for value in values)
    solid = list({text_of(value): value for value in values if value is not None}.values())
    if len(solid) == 1 and not nullable and one:
        return {"kind": "constant", "value": solid[0]}
    if not solid:
        return {"kind": "constant", "value": None, "nullable": True}
    if len(solid) > OPTIONS or any(isinstance(value, (dict, list)) for value in solid):
        return {"kind": "anything", "nullable": nullable}
    options = [{"value": value, "title": value if isinstance(value, str) else text_of(value)} for value in solid]
    return {"kind": "choice", "options": options, "nullable": nullable}


def without_text_of_number(members: list[Any], look: Callable[[Any], Any]) -> list[Any]:
    """A number that may also be written as a text (so pydantic takes a `Decimal`) is a number: its field takes both."""
    looked = [look(each) for each in members]
    kinds = [kinds_of(each) if isinstance(each, Mapping) else () for each in looked]
    if sorted(kinds) != [("number",), ("string",)]:
        return members
    text = mapping(looked[kinds.index(("string",))])
    if text.keys() <= {"type", "pattern"} and r"\d" in str(text.get("pattern", r"\d")):
        return [each for each, kind in zip(members, kinds, strict=True) if kind != ("string",)]
    return members


def mapping(value: Any) -> Mapping[str, Any]:
    """What is an object, and an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def count(value: Any) -> int | None:
    """A number of things; None where it is none."""
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None


def number_in(value: Any) -> int | float | None:
    """A number; None where it is none."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def bound(schema: Mapping[str, Any], plain: str, exclusive: str, tighter: Callable[..., Any]) -> int | float | None:
    """The tighter of two bounds of a number."""
    bounds = [each for each in map(number_in, (schema.get(plain), schema.get(exclusive))) if each is not None]
    return tighter(bounds) if bounds else None
