"""Which places of a value are those of a `Decimal`: pydantic says of them what it says of a number or any text."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from extractor.schema.checked import FieldError, shown
from extractor.schema.target import TypeTarget

__all__ = ["DECIMAL", "Decimals", "decimal_schema", "is_numeral", "no_numeral"]

DECIMAL = "decimal"
"""The `format` that is put down for them."""
_NUMERAL = re.compile(r"\s*+[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+\s*+", re.ASCII)


class Decimals(GenerateJsonSchema):
    """A schema that tells them."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # as in the class above

    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        """A number, or the text of one."""
        return {"anyOf": [{"type": "number", "format": DECIMAL}, {"type": "string", "format": DECIMAL}]}


@functools.lru_cache(maxsize=256)
def decimal_schema(target: TypeTarget[Any]) -> Mapping[str, Any]:
    """The schema of a type, which tells them."""
    try:
        return target.adapter.json_schema(schema_generator=Decimals)
    except PydanticInvalidForJsonSchema:  # one that writes its own
        return target.schema


def is_numeral(text: str) -> bool:
    """Whether a text is that of a finite number."""
    return _NUMERAL.fullmatch(text) is not None


def no_numeral(pointer: str, text: str) -> FieldError:
    """What is said of a place where a text is none."""
    return FieldError(pointer=pointer, message="Input should be a number", found=shown(text), kind="decimal_parsing")
