"""What the caller asks for: gives a JSON Schema, and validates a value.

A `Target` is a pydantic model or any type that pydantic understands (`TypeTarget`), or a JSON Schema
document (`SchemaTarget`). The rest of the library knows only the two questions that a target answers.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, get_type_hints, overload

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic_core import to_json

from extractor.errors import SchemaError, TargetFailed
from extractor.schema.ready import ready_schema

__all__ = [
    "MOST_CHARACTERS",
    "MOST_ERRORS",
    "Checked",
    "FieldError",
    "PartTarget",
    "SchemaTarget",
    "Target",
    "TypeTarget",
    "and_more",
    "list_of",
    "target_of",
]

T = TypeVar("T")

Document: TypeAlias = "Mapping[str, Any] | Path | str"
"""A JSON Schema: the document itself, its path, or the name of a ready one."""

SCHEMA_LENGTH = 4_000_000  # characters: more is no schema for one request
FOUND_LENGTH = 200  # characters of a wrong value that an error quotes
MOST_ERRORS = 1_000  # of one value
MOST_CHARACTERS = 1_000_000  # of their pointers: a long key stands in those of all that is inside


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One thing that is wrong with a value.

    `pointer` is the JSON pointer of the place ("" for the whole), `message` what is expected there,
    `found` the beginning of what stands there as JSON ("nothing" where it is missing), `kind` the
    validator's name for the rule.
    """

    pointer: str
    message: str
    found: str
    kind: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the whole'}: {self.message} (found {self.found})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked(Generic[T]):
    """A value held against a target: `value` is what the target makes of it if there are no `errors`."""

    value: T | None = None
    errors: tuple[FieldError, ...] = ()


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


def and_more(number: int | None) -> FieldError:
    """The error that stands for those which are not listed; None where none is."""
    said = "does not conform in very many places" if number is None else f"and {number} more"
    return FieldError(pointer="", message=said, found="…", kind="more")


def _several(found: Iterator[Any], made: Callable[[Any], FieldError]) -> tuple[FieldError, ...]:
    """As many errors as are listed."""
    errors: list[FieldError] = []
    characters = 0
    for each in found:
        error = made(each)
        characters += len(error.pointer)
        if len(errors) == MOST_ERRORS or characters > MOST_CHARACTERS:
            return (*errors, and_more(1 + sum(1 for _ in found)))
        errors.append(error)
    return tuple(errors)


def _extent(data: Any) -> tuple[int, int]:
    """How many values there are, and how many characters the keys on the way to one of them have at most."""
    count = longest = 0
    ahead: list[tuple[int, Any]] = [(0, data)]
    while ahead:
        length, value = ahead.pop()
        count, longest = count + 1, max(longest, length)
        if isinstance(value, dict):
            ahead += [(length + len(key), member) for key, member in value.items()]
        elif isinstance(value, list):
            ahead += [(length, member) for member in value]
    return count, longest


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
    if number * length > _MADE_AT_ONCE and number * _extent(data)[1] > _MADE_AT_ONCE:
        return (and_more(None),)
    details = error.errors(include_url=False, include_context=False)
    return _several(iter(details), lambda detail: _type_error(detail, data))


_MADE_AT_ONCE = 20_000_000  # characters


def _type_error(detail: Mapping[str, Any], data: Any) -> FieldError:
    missing = detail["type"] == "missing"
    found = "nothing" if missing else shown(detail["input"])
    places = _places(detail["loc"], data, detail["input"], missing=missing)
    return FieldError(pointer=_pointer(places), message=detail["msg"], found=found, kind=detail["type"])


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


def shown(value: Any) -> str:
    """The beginning of a value as JSON."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= FOUND_LENGTH else text[:FOUND_LENGTH] + "…"


def _pointer(steps: Steps) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _type_target(wanted: type[T]) -> TypeTarget[T]:
    name = getattr(wanted, "__name__", None) or str(wanted)
    if wanted is None:
        raise SchemaError("The target is None.", hint="Give a type, or a JSON Schema.")
    try:
        adapter = TypeAdapter(wanted)
        return TypeTarget(name=name, schema=adapter.json_schema(), adapter=adapter, wanted=wanted)
    except (
        PydanticUserError,
        PydanticInvalidForJsonSchema,
        PydanticSchemaGenerationError,
        NameError,
    ) as error:
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
        except (
            PydanticUserError,
            PydanticInvalidForJsonSchema,
            PydanticSchemaGenerationError,
            NameError,
        ) as error:
            return name, str(error).partition("\n")[0]
    return None


# ----------------------------------------------------------------- JSON Schema, by jsonschema-rs


@dataclass(frozen=True, eq=False)
class SchemaTarget:
    """A JSON Schema document; what comes back is plain data."""

    name: str
    schema: dict[str, Any]
    validator: Any  # jsonschema_rs.Validator

    def validate(
        self, data: Any, *, text: str | None = None, context: Any = None, strict: bool | None = None
    ) -> Checked[Any]:
        """Validate with the schema, formats included; the rest means nothing here."""
        if self.validator.is_valid(data):
            return Checked(value=data)
        count, longest = _extent(data)
        if count * longest > _MADE_AT_ONCE:  # by `iter_errors` too
            return Checked(errors=(and_more(None),))
        return Checked(errors=_several(self.validator.iter_errors(data), _schema_error))


def _schema_error(error: Any) -> FieldError:
    kind = error.kind.name
    missing = kind == "required"
    # The place of what is missing, as for the fields of a model.
    places = [*error.instance_path, error.kind.property] if missing else error.instance_path
    found = "nothing" if missing else shown(error.instance)
    return FieldError(pointer=_pointer(places), message=error.message, found=found, kind=kind)


def _schema_target(document: dict[str, Any], name: str) -> SchemaTarget:
    import jsonschema_rs  # these two only here: most targets are types

    from extractor.schema.references import definitions_only

    _check_draft(document)
    try:
        jsonschema_rs.meta.validate(document)
    except jsonschema_rs.ValidationError as error:
        raise _invalid_schema(error) from None
    except UnicodeError:
        raise SchemaError("The schema has half a character (a lone surrogate).", hint="Correct its text.") from None
    except (ValueError, RecursionError):
        raise SchemaError("The schema is nested too deeply.", hint="Say it with fewer levels.") from None
    schema = definitions_only(document)
    # A meta-schema that it refers to is not always known to the validator; in `schema` it is no reference.
    validator = _validator(document, fallback=schema)
    return SchemaTarget(name=str(document.get("title") or name), schema=schema, validator=validator)


def _validator(document: dict[str, Any], fallback: dict[str, Any]) -> Any:
    import jsonschema_rs

    # Linear in the text, whatever the pattern. Look-around needs the other engine, which is bounded.
    engines = (jsonschema_rs.RegexOptions(), jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000))
    options: dict[str, Any] = {"validate_formats": True, "offline": True, "mask": "the value"}
    first: Any = None
    for schema in (document, fallback):
        for engine in engines:
            try:
                return jsonschema_rs.validator_for(schema, pattern_options=engine, **options)
            except jsonschema_rs.ValidationError as error:
                wrong = error
            except BaseException as error:
                if type(error).__name__ != "PanicException":  # the validator's own fault, on odd identifiers
                    raise
                raise SchemaError("The schema cannot be compiled.", hint="Simplify its $id and $anchor.") from None
        first = first or wrong
    raise _invalid_schema(first) from None


# Others would be looked for in the network.
_DRAFTS = re.compile(r"https?://json-schema\.org/(draft-0[467]|draft/(2019-09|2020-12))/schema#?")


def _check_draft(document: Mapping[str, Any]) -> None:
    draft = document.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    if not isinstance(draft, str) or not _DRAFTS.fullmatch(draft):
        raise SchemaError(
            f"The $schema {str(draft)[:100]!r} is not known.",
            pointer="/$schema",
            hint="Known are the drafts 4, 6, 7, 2019-09 and 2020-12.",
        )


def _invalid_schema(error: Any) -> SchemaError:
    pointer = _pointer(error.instance_path)
    return SchemaError(
        f"This is no valid JSON Schema, at {pointer or 'its root'}: {error.message.partition(chr(10))[0]}.",
        pointer=pointer,
        hint="See https://json-schema.org/understanding-json-schema for what is allowed there.",
    )


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
        return _cached_document(_written(wanted), "Record")
    if isinstance(wanted, Path) or (isinstance(wanted, str) and wanted.endswith(".json")):
        return _cached_document(_text_of(Path(wanted)), Path(wanted).stem)
    if isinstance(wanted, str):
        return _cached_document(json.dumps(ready_schema(wanted)), wanted)
    try:
        return _cached_type(wanted, repr(wanted))
    except TypeError:
        wrong = type(wanted).__name__
    raise SchemaError(f"An instance of {wrong} is no target.", hint="Give the type itself, or a JSON Schema.")


def list_of(target: Target[T]) -> Target[list[T]]:
    """The target of a list of what another target is."""
    if isinstance(target, TypeTarget):
        return target_of(list[target.wanted])  # type: ignore[name-defined]  # a type that is known at run time only
    item = {keyword: value for keyword, value in target.schema.items() if keyword not in ("$defs", "$schema", "$id")}
    # The root of the item is what "#" means in it.
    definitions = {**target.schema.get("$defs", {}), target.name: item}
    return target_of({"type": "array", "items": {"$ref": _reference(target.name)}, "$defs": definitions})


def _reference(name: str) -> str:
    return f"#/$defs/{name.replace('~', '~0').replace('/', '~1')}"


def _written(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, default=dict)
    except RecursionError:
        raise SchemaError("The schema is nested too deeply, or contains itself.", hint="Use fewer levels.") from None
    except (TypeError, ValueError) as error:
        raise SchemaError(f"The schema is no JSON: {error}.", hint="Use plain data.") from None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SchemaError(f"The schema {path} cannot be read: {error}.") from None


def _not_json(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(f"{digits} is too large a number")
    return number


@functools.lru_cache(maxsize=256)
def _cached_type(wanted: Any, written: str) -> TypeTarget[Any]:
    # By how it is written too: int | str equals str | int, but is another order of preference.
    return _type_target(wanted)


@functools.lru_cache(maxsize=256)
def _cached_document(text: str, name: str) -> SchemaTarget:
    if len(text) > SCHEMA_LENGTH:
        raise SchemaError(
            f"The schema is too large: {len(text):,} characters.", hint=f"At most {SCHEMA_LENGTH:,} are taken."
        )
    try:
        document = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except RecursionError:
        raise SchemaError("The schema is nested too deeply.", hint="Use fewer levels.") from None
    except ValueError as error:
        raise SchemaError(f"The schema {name} is no JSON: {error}.") from None
    if not isinstance(document, dict):
        raise SchemaError("A JSON Schema must be an object here.", hint='E.g. {"type": "object", …}.')
    return _schema_target(document, name)
