"""What the caller asks for: gives a JSON Schema, and validates a value.

A `Target` is a pydantic model or any type that pydantic understands (`TypeTarget`), or a JSON Schema
document (`SchemaTarget`). The rest of the library knows only the two questions that a target answers.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, get_type_hints, overload

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic_core import to_json

from extractor.errors import SchemaError, TargetFailed
from extractor.schema.checked import MADE_AT_ONCE, Checked, FieldError, and_more, extent, listed, shown
from extractor.schema.nodes import PREFIX, Names
from extractor.schema.pointers import escaped, pointer_of
from extractor.schema.ready import ready_schema
from extractor.schema.schema_target import SchemaTarget, json_of, schema_target, text_at

__all__ = [
    "PartTarget",
    "Target",
    "TypeTarget",
    "list_of",
    "target_of",
]

T = TypeVar("T")

Document: TypeAlias = "Mapping[str, Any] | Path | str"
"""A JSON Schema: the document itself, its path, or the name of a ready one."""


class Target(Protocol[T]):
    """What the caller asks for: made once for each, so that it is a key by its identity."""

    def __hash__(self) -> int: ...
    @property
    def name(self) -> str:
        """A name for people and for the wire."""
        ...

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12), every reference in the form `#/$defs/NAME`."""
        ...

    def validate(
        self, data: Any, *, text: str | None = None, context: Any = None, strict: bool | None = None
    ) -> Checked[T]:
        """Hold plain JSON data against the target; `text` is the same as JSON, where that is at hand.

        With `strict` nothing is taken for anything else (a text for a number, say), and nothing is left out.
        Of very many errors the first are there, and one of the kind "more". Raises `TargetFailed`, and nothing for
        what the data is.
        """
        ...


# ------------------------------------------------------------------------------ types, by pydantic


@dataclass(frozen=True, eq=False)
class TypeTarget(Generic[T]):
    """A pydantic model, or any type for which pydantic can make a schema and a validator."""

    name: str
    schema: dict[str, Any]
    adapter: TypeAdapter[T]
    wanted: Any = None
    """The type itself."""

    def validate(
        self, data: Any, *, text: str | None = None, context: Any = None, strict: bool | None = None
    ) -> Checked[T]:
        """Validate with the caller's own model and validators; `context` is pydantic's."""
        raw = to_json(data) if text is None else text
        try:
            return Checked(value=self.adapter.validate_json(raw, context=context, **(_STRICT if strict else {})))
        except ValidationError as error:
            return Checked(errors=_type_errors(error, data, len(raw)))
        except Exception as error:
            raise TargetFailed(
                f"A validator of {self.name} raised {type(error).__name__}.",
                hint="See __cause__. To say that a value is wrong, a validator raises ValueError.",
            ) from error


# pydantic can be told to refuse keys that a model would pass over, since 2.12.
_FORBIDDING = "extra" in signature(TypeAdapter.validate_json).parameters
_STRICT: Mapping[str, Any] = {"strict": True, "extra": "forbid"} if _FORBIDDING else {"strict": True}


def _type_errors(error: ValidationError, data: Any, length: int) -> tuple[FieldError, ...]:
    number = error.error_count()
    # All of them are made at once, each with all of its way, which is no longer than the text.
    if number * length > MADE_AT_ONCE and number * extent(data)[1] > MADE_AT_ONCE:
        return (and_more(None),)
    details = error.errors(include_url=False, include_context=False)
    return listed(iter(details), lambda detail: _type_error(detail, data))


def _type_error(detail: Mapping[str, Any], data: Any) -> FieldError:
    missing = detail["type"] == "missing"
    found = "nothing" if missing else shown(detail["input"])
    places = _places(detail["loc"], data, detail["input"], missing=missing)
    return FieldError(pointer=pointer_of(places), message=detail["msg"], found=found, kind=detail["type"])


Steps: TypeAlias = "Sequence[str | int]"
_TRIED_STEPS = 24  # of a location: each is left out once, and the rest followed again


def _places(loc: Steps, data: Any, found: Any, *, missing: bool) -> Steps:
    """The steps of a location that exist in the value: pydantic puts the names of union members in, too.

    Where such a name is also a key, the way that leads to what was `found` is meant.
    """
    way, last = (loc[:-1], loc[-1:]) if missing else (loc, loc[:0])
    places, value = _followed(way, data)
    if len(way) <= _TRIED_STEPS and not _is_like(value, found):
        others = ((step, *_followed([*way[:n], *way[n + 1 :]], data)) for n, step in enumerate(way))
        fits = (
            other for step, other, value in others if _is_like(value, found) and (not missing or _tags(step, found))
        )
        places = next(fits, places)
    return [*places, *last]


def _tags(step: str | int, found: Any) -> bool:
    """Whether a step is the tag of an object in a union."""
    return isinstance(found, dict) and any(isinstance(member, str) and member == step for member in found.values())


def _is_like(value: Any, found: Any) -> bool:
    """Whether it is what was found, as far as can be seen at once."""
    if isinstance(found, dict):
        return isinstance(value, dict) and value.keys() == found.keys()
    return isinstance(found, list) or bool(value == found)


def _followed(loc: Steps, data: Any) -> tuple[list[str | int], Any]:
    places: list[str | int] = []
    for step in loc:
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]  # type: ignore[index]  # a key of one, an index of the other
            places.append(step)
    return places, data


# What pydantic raises for a type of which it can make no schema.
_UNSUPPORTED = (PydanticUserError, PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, NameError)


@functools.lru_cache(maxsize=256)
def _type_target(wanted: Any, written: str) -> TypeTarget[Any]:
    # By how it is written too: int | str equals str | int, but is another order of preference.
    name = getattr(wanted, "__name__", None) or str(wanted)
    if wanted is None:
        raise SchemaError("The target is None.", hint="Give a type, or a JSON Schema.")
    try:
        adapter = TypeAdapter(wanted)
        return TypeTarget(name=name, schema=adapter.json_schema(), adapter=adapter, wanted=wanted)
    except _UNSUPPORTED as error:
        culprit, reason = _culprit(wanted) or ("", str(error).partition("\n")[0])
        place = f"{name}.{culprit}" if culprit else name
        raise SchemaError(
            f"{place} cannot be asked for: {reason}",
            pointer=f"/{culprit}" if culprit else "",
            hint="Use types that JSON can carry, or leave the field out of the model that you extract."
            if culprit
            else "",
        ) from None


def _culprit(wanted: Any) -> tuple[str, str] | None:
    """The first field of a model for which no schema can be made, and why."""
    fields = {name: info.annotation for name, info in getattr(wanted, "__pydantic_fields__", {}).items()}
    try:
        fields = fields or get_type_hints(wanted, include_extras=True)
    except (NameError, TypeError):
        return None
    for name, annotation in fields.items():
        try:
            TypeAdapter(annotation).json_schema()
        except _UNSUPPORTED as error:
            return name, str(error).partition("\n")[0]
    return None


# ------------------------------------------------------------------------------------- parts


@dataclass(frozen=True, eq=False)
class PartTarget:
    """Some places of another target's value, asked for by themselves: judged when the whole is put together."""

    name: str
    schema: dict[str, Any]

    def validate(
        self, data: Any, *, text: str | None = None, context: Any = None, strict: bool | None = None
    ) -> Checked[Any]:
        """Anything goes."""
        return Checked(value=data)


# ------------------------------------------------------------------------------------- either way


@overload
def target_of(wanted: type[T] | Target[T]) -> Target[T]: ...
@overload
def target_of(wanted: Document) -> Target[Any]: ...
def target_of(wanted: Any) -> Target[Any]:
    """The target made of a type or of a JSON Schema (a mapping, a path, or the name of a ready one).

    Made once for each. Raises `SchemaError` where that cannot be asked for.
    """
    if isinstance(wanted, (TypeTarget, SchemaTarget, PartTarget)):
        return wanted
    if isinstance(wanted, Mapping):
        return schema_target(json_of(wanted), "Record")
    if isinstance(wanted, Path) or (isinstance(wanted, str) and wanted.endswith(".json")):
        return schema_target(text_at(Path(wanted)), Path(wanted).stem)
    if isinstance(wanted, str):
        return schema_target(json.dumps(ready_schema(wanted)), wanted)
    try:
        return _type_target(wanted, repr(wanted))
    except TypeError:
        wrong = type(wanted).__name__
    raise SchemaError(f"An instance of {wrong} is no target.", hint="Give the type itself, or a JSON Schema.")


def list_of(target: Target[T]) -> Target[list[T]]:
    """The target of a list of what another target is."""
    if isinstance(target, TypeTarget):
        return target_of(list[target.wanted])  # type: ignore[name-defined]  # a type that is known at run time only
    item = {keyword: value for keyword, value in target.schema.items() if keyword not in ("$defs", "$schema", "$id")}
    dialect = {keyword: value for keyword, value in target.schema.items() if keyword == "$schema"}
    known = target.schema.get("$defs", {})
    name = Names(known).free(target.name)
    definitions = {**known, name: item}
    return target_of({**dialect, "type": "array", "items": {"$ref": PREFIX + escaped(name)}, "$defs": definitions})
