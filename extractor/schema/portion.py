"""A target for a part of a document: what a part says need not keep the rules that are about the whole.

A list may have fewer items than it must have in all, and what a whole record must satisfy (a validator of the model
itself) is judged when the parts have been put together. Everything about single fields and items is judged at once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

from extractor.schema.checked import Checked, FieldError
from extractor.schema.nodes import JsonSchema, rebuilt
from extractor.schema.schema_target import SchemaTarget
from extractor.schema.target import Target, TypeTarget, target_of

__all__ = ["portion_of"]

_COUNTS = ("minItems", "maxItems", "minContains", "minProperties", "maxProperties")
# Pydantic's names for a count that is not right, and for what a validator of the whole says.
_OF_COUNTS = frozenset({"too_short", "too_long"})
_OF_THE_WHOLE = frozenset({"value_error", "assertion_error"})


@dataclass(frozen=True, eq=False)
class _Portion(TypeTarget[Any]):
    """A type, of which a part is judged."""

    def validate(
        self, data: Any, *, text: str | None = None, context: Any = None, strict: bool | None = None
    ) -> Checked[Any]:
        """As the type, but for what is about the whole: where only that is wrong there is no value, and no error."""
        checked = super().validate(data, text=text, context=context, strict=strict)
        errors = tuple(error for error in checked.errors if not _is_about_the_whole(error))
        return Checked(value=checked.value, errors=errors)


def _is_about_the_whole(error: FieldError) -> bool:
    return (error.kind in _OF_COUNTS and error.found[:1] in "[{") or (not error.pointer and error.kind in _OF_THE_WHOLE)


def portion_of(target: Target[Any]) -> Target[Any]:
    """The target for a part of a document: made once for each."""
    return _portion(target)


@functools.lru_cache(maxsize=256)
def _portion(target: Target[Any]) -> Target[Any]:
    schema = rebuilt(target.schema, _uncounted)
    if isinstance(target, TypeTarget):
        return _Portion(name=target.name, schema=schema, adapter=target.adapter, wanted=target.wanted)
    if isinstance(target, SchemaTarget):
        return replace(target_of(schema), name=target.name)  # type: ignore[type-var]  # a frozen record
    return target


def _uncounted(node: JsonSchema) -> JsonSchema:
    return {keyword: value for keyword, value in node.items() if keyword not in _COUNTS}
