"""What may be said of a value where nothing of the document may be: in the words of an error, in a log, in an event.

Keys that are none of the target's own may come from the document, and so may what an error quotes: a validator's own
words, a JSON Schema's `'…' is not one of …`. The whole of it is in the error's evidence.
"""

from __future__ import annotations

from typing import Any

from extractor.schema.checked import FieldError
from extractor.schema.pointers import escaped, step_in, steps_of, value_at

__all__ = ["field_names", "masked", "said_of"]

# Kinds of pydantic's errors, and of ours, whose words say what is allowed and quote nothing.
_PLAIN = frozenset(
    "missing extra_forbidden enum literal_error finite_number multiple_of greater_than greater_than_equal less_than "
    "less_than_equal too_short too_long string_pattern_mismatch none_required union_tag_not_found not_finite not_come "
    "decimal_max_digits decimal_max_places decimal_whole_digits date_past date_future datetime_past datetime_future "
    "timezone_naive timezone_aware more json_invalid ambiguous".split()
)
_LONGEST = 300  # characters: a place may be deep, and what is allowed a thousand words
_PLAIN_ENDINGS = ("_type", "_parsing", "_too_short", "_too_long")


def said_of(error: FieldError, known: frozenset[str], value: Any) -> str:
    """One error, where it is and what is wrong, on one line without a quotation. `value` is what it was found in."""
    plain = error.kind in _PLAIN or error.kind.endswith(_PLAIN_ENDINGS)
    said = error.message if plain else error.kind
    return _short(f"{masked(error.pointer, known, value) or 'the whole'}: {said}")


def _short(said: str) -> str:
    return said if len(said) <= _LONGEST else said[:_LONGEST] + "…"


def masked(pointer: str, known: frozenset[str], value: Any) -> str:
    """A JSON pointer into a value, in which a key that is none of the `known` names is `*`."""
    shown = ""
    for step in steps_of(pointer):
        inside = step_in(value, step)
        shown += "/" + (escaped(step) if step in known or isinstance(inside, int) else "*")
        value = value_at(value, "/" + escaped(step))
    return shown


def field_names(schema: Any) -> frozenset[str]:
    """The names of all properties in a schema, however deep."""
    found: set[str] = set()
    ahead = [schema]
    while ahead:
        node = ahead.pop()
        if isinstance(node, dict):
            properties = node.get("properties")
            found |= properties.keys() if isinstance(properties, dict) else set()
            ahead += node.values()
        elif isinstance(node, list):
            ahead += node
    return frozenset(found)
