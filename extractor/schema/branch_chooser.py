"""Which member of a union a wire value belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extractor.schema.nodes import PREFIX, JsonSchema, rebuilt
from extractor.schema.plans import Plans

__all__ = ["BranchChooser"]


class BranchChooser:
    """Which branch of a union a wire value belongs to: the first whose wire schema accepts it; where none
    does, the first of its type that has all its keys, else the first of its type, so that as much as possible of
    a wrong value is put back.
    """

    def __init__(self, schemas: list[dict[str, Any]], definitions: Plans) -> None:
        self._schemas = [rebuilt(schema, _judged) for schema in schemas]
        self._definitions = {name: rebuilt(wire, _judged) for name, (wire, _) in definitions.items()}
        self._validators = [self._validator(schema) for schema in self._schemas]

    def _validator(self, schema: dict[str, Any]) -> Callable[[Any], bool]:
        import jsonschema_rs

        try:
            whole = {**schema, "$defs": self._definitions} if self._definitions else schema
            return jsonschema_rs.validator_for(whole, offline=True).is_valid
        except jsonschema_rs.ValidationError:  # a pattern that it does not know
            return lambda value: self._is_of_type(schema, value)

    def number(self, value: Any) -> int | None:
        """The number of the branch."""
        for number, accepts in enumerate(self._validators):
            if accepts(value):
                return number
        like = [number for number, schema in enumerate(self._schemas) if self._is_of_type(schema, value)]
        knowing = (number for number in like if self._knows(self._schemas[number], value))
        return next(knowing, like[0] if like else None)

    def _knows(self, schema: Mapping[str, Any], value: Any) -> bool:
        if "$ref" in schema:
            return self._knows(self._definitions[schema["$ref"].removeprefix(PREFIX)], value)
        return isinstance(value, dict) and value.keys() <= schema.get("properties", {}).keys()

    def accepts(self, number: int, value: Any) -> bool:
        """Whether that branch's wire schema accepts the value."""
        return self._validators[number](value)

    def _is_of_type(self, schema: Mapping[str, Any], value: Any) -> bool:
        if "$ref" in schema:
            return self._is_of_type(self._definitions[schema["$ref"].removeprefix(PREFIX)], value)
        if "anyOf" in schema:
            return any(self._is_of_type(member, value) for member in schema["anyOf"])
        constants = [schema["const"]] if "const" in schema else schema.get("enum")
        if constants is not None:
            return value in constants
        kinds = schema.get("type", ())
        return any(_is_kind(kind, value) for kind in ((kinds,) if isinstance(kinds, str) else kinds)) and all(
            self._is_of_type(member, value[key])
            for key, member in schema.get("properties", {}).items()
            if isinstance(value, dict) and key in value and ("const" in member or "enum" in member)
        )


def _judged(schema: JsonSchema) -> JsonSchema:
    """A wire schema in JSON Schema's own words, without `nullable`, and with its objects closed: what is not
    named is not asked for, also where the dialect has no word for that.
    """
    plain = {keyword: value for keyword, value in schema.items() if keyword != "nullable"}
    if "properties" in plain:
        plain.setdefault("additionalProperties", False)
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _is_kind(kind: str, value: Any) -> bool:
    return isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind == "boolean")
