"""What is written of a result: its value as plain data, and the JSON Schema of that.

It is not what was read: validators have been at it, defaults and computed fields are in it, and its names are those
under which the target is serialized.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

from extractor.result import Extraction
from extractor.schema.decimals import Decimals
from extractor.schema.target import Target, TypeTarget

__all__ = ["written", "written_schema", "written_value"]


def written(result: Extraction[Any]) -> Any:
    """The value as plain data; where there is no whole one, or it cannot be made plain data, what was read."""
    return result.data if result.errors else _written(result.value, result.data)


def written_value(target: Target[Any], value: Any, data: Any = ...) -> Any:
    """What `written` gives for a bare value that a target has made of `data`: that, where there is nothing else to be
    written.
    """
    return value if not isinstance(target, TypeTarget) else _written(value, data)


def _written(value: Any, otherwise: Any) -> Any:
    try:
        return to_jsonable_python(value, by_alias=True)
    except Exception:  # noqa: BLE001  # whatever the target's own code does: the document has not failed
        return otherwise


def written_schema(target: Target[Any]) -> dict[str, Any]:
    """The JSON Schema of what `written` gives for a target; that which was asked for, where there is no other."""
    if not isinstance(target, TypeTarget):
        return target.schema
    try:
        return target.adapter.json_schema(mode="serialization", by_alias=True, schema_generator=Decimals)
    except Exception:  # noqa: BLE001  # likewise; values that have no column are kept beside
        return target.schema
