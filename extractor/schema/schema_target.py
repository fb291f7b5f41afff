"""A JSON Schema document as a target: read, checked, compiled by jsonschema-rs."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extractor.errors import SchemaError
from extractor.schema.checked import MADE_AT_ONCE, Checked, FieldError, and_more, extent, listed, shown
from extractor.schema.patterns import engines
from extractor.schema.pointers import pointer_of
from extractor.schema.restore import finite

__all__ = ["SchemaTarget", "json_of", "schema_target", "text_at"]

SCHEMA_LENGTH = 4_000_000  # characters: more is no schema for one request


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
        count, longest = extent(data)
        if count * longest > MADE_AT_ONCE:
            return Checked(errors=(and_more(None),))
        return Checked(errors=listed(self.validator.iter_errors(data), _schema_error))


def _schema_error(error: Any) -> FieldError:
    kind = error.kind.name
    missing = kind == "required"
    # The place of what is missing, as for the fields of a model.
    places = [*error.instance_path, error.kind.property] if missing else error.instance_path
    found = "nothing" if missing else shown(error.instance)
    return FieldError(pointer=pointer_of(places), message=error.message, found=found, kind=kind)


def _made(document: dict[str, Any], name: str) -> SchemaTarget:
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

    options: dict[str, Any] = {"validate_formats": True, "offline": True, "mask": "the value"}
    first: Any = None
    for schema in (document, fallback):
        for engine in engines():
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
    pointer = pointer_of(error.instance_path)
    return SchemaError(
        f"This is no valid JSON Schema, at {pointer or 'its root'}: {error.message.partition(chr(10))[0]}.",
        pointer=pointer,
        hint="See https://json-schema.org/understanding-json-schema for what is allowed there.",
    )


# ------------------------------------------------------------------------------ its text


def json_of(document: Mapping[str, Any]) -> str:
    """The text of a document in memory, by which it is known. Raises `SchemaError` for what is no JSON."""
    try:
        return json.dumps(document, default=dict)
    except RecursionError:
        raise SchemaError("The schema is nested too deeply, or contains itself.", hint="Use fewer levels.") from None
    except (TypeError, ValueError) as error:
        raise SchemaError(f"The schema is no JSON: {error}.", hint="Use plain data.") from None


def text_at(path: Path) -> str:
    """The text of a document in a file. Raises `SchemaError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SchemaError(f"The schema {path} cannot be read: {error}.") from None


@functools.lru_cache(maxsize=256)
def schema_target(text: str, name: str) -> SchemaTarget:
    """The target of a JSON Schema, made once for each; `name` is for one without a title. Raises `SchemaError`."""
    if len(text) > SCHEMA_LENGTH:
        raise SchemaError(
            f"The schema is too large: {len(text):,} characters.", hint=f"At most {SCHEMA_LENGTH:,} are taken."
        )
    try:
        document = json.loads(text, parse_constant=finite, parse_float=finite)
    except RecursionError:
        raise SchemaError("The schema is nested too deeply.", hint="Use fewer levels.") from None
    except ValueError as error:
        raise SchemaError(f"The schema {name} is no JSON: {str(error).rstrip('.')}.") from None
    if not isinstance(document, dict):
        raise SchemaError("A JSON Schema must be an object here.", hint='E.g. {"type": "object", …}.')
    return _made(document, name)
