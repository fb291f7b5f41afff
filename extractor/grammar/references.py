"""The references of a schema, as far as a grammar can follow them."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from extractor.errors import SchemaError
from extractor.schema.nodes import PREFIX

__all__ = ["FIRST", "check_references", "definitions_of", "listed"]

FIRST = ("$ref", "const", "enum", "anyOf", "oneOf", "type")
"""What a schema says of its values: the first that it says is taken."""


def check_references(schema: Mapping[str, Any]) -> None:
    """Raises `SchemaError` where a reference leads back to itself before anything is written: no engine could tell what
    comes first.
    """
    try:
        TopologicalSorter({name: _first_of(each) for name, each in definitions_of(schema).items()}).prepare()
    except CycleError as error:
        raise SchemaError("A reference of the schema leads back to itself.") from error


def definitions_of(root: Any) -> Mapping[str, Any]:
    """Name → schema, of all that can be referred to."""
    found = root.get("$defs") if isinstance(root, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _first_of(schema: Any) -> set[str]:
    """The definitions with which the values of a schema may begin."""
    found: set[str] = set()
    ahead = [schema]
    while ahead:
        each = ahead.pop()
        keyword = next((keyword for keyword in FIRST if keyword in each), "") if isinstance(each, Mapping) else ""
        if keyword == "$ref":
            found.add(str(each["$ref"]).removeprefix(PREFIX))
        elif keyword in ("anyOf", "oneOf"):
            ahead += listed(each, keyword)
    return found


def listed(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    """A list that the schema has. Raises `SchemaError` where it is none, or empty."""
    found = schema[keyword]
    if not isinstance(found, list) or not found:
        raise SchemaError(f"The schema has no list of values at {keyword}.")
    return found
