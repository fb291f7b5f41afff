"""Values as cells, in each format: what fits a column stands in it, and nothing is lost.

A value that its column cannot hold (a text for a number, an integer beyond 64 bits, a key that the schema does not
name) is kept beside, by its JSON pointer, in the column `rest`. So the columns keep their types, and a table can be
turned back into what it was made of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from pydantic_core import PydanticSerializationError, to_json

from extractor.batch.shapes import UNWRITABLE, Items, Kind, Scalar, Shape, Struct, is_numeral
from extractor.schema.pointers import escaped

__all__ = ["ARROW", "CSV", "MISFIT", "SQLITE", "Fit", "Fits", "Fitting", "fitting", "json_text", "safe"]

MISFIT = object()
"""What a `Fit` gives for a value that its column cannot hold."""

Fit: TypeAlias = Callable[[Any], Any]
"""A value that is not None → its cell, or MISFIT."""

Fitting: TypeAlias = Callable[[Any, str, dict[str, Any]], Any]
"""A value, its JSON pointer, and where to put what does not fit → the value with its cells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fits:
    """How a format holds values: each kind of scalar, and `lists`, where it has none of its own."""

    scalars: Mapping[Kind, Fit]
    lists: Fit | None = None


def fitting(shape: Shape, fits: Fits) -> Fitting:
    """The function that makes a value of this shape one of cells, in the same objects and lists."""
    return _FITTING[type(shape)](shape, fits)


def _scalar(shape: Scalar, fits: Fits) -> Fitting:
    return _cell(fits.scalars[shape.kind])


def _cell(fit: Fit) -> Fitting:
    def cell(value: Any, pointer: str, rest: dict[str, Any]) -> Any:
        if value is None:
            return None
        found = fit(value)
        if found is MISFIT:
            rest[pointer] = value
            return None
        return found

    return cell


def _items(shape: Items, fits: Fits) -> Fitting:
    if fits.lists is not None:
        return _cell(fits.lists)
    each = fitting(shape.item, fits)

    def items(value: Any, pointer: str, rest: dict[str, Any]) -> Any:
        if isinstance(value, list):
            return [each(item, f"{pointer}/{number}", rest) for number, item in enumerate(value)]
        if value is not None:
            rest[pointer] = value
        return None

    return items


def _struct(shape: Struct, fits: Fits) -> Fitting:
    members = {key: ("/" + escaped(key), fitting(inner, fits)) for key, inner in shape.members.items()}

    def struct(value: Any, pointer: str, rest: dict[str, Any]) -> Any:
        if not isinstance(value, dict):
            if value is not None:
                rest[pointer] = value
            return None
        cells: dict[str, Any] = {}
        for key, member in value.items():
            if key in members:
                step, each = members[key]
                cells[key] = each(member, pointer + step, rest)
            else:
                rest[f"{pointer}/{escaped(key)}"] = member
        return cells

    return struct


_FITTING: Mapping[type, Callable[[Any, Fits], Fitting]] = {Scalar: _scalar, Items: _items, Struct: _struct}

# --------------------------------------------------------------------------------------------------- JSON


def json_text(value: Any) -> str:
    """A value as JSON in one line; what is no number for JSON is its name as a text (`"Infinity"`)."""
    try:
        return to_json(value, inf_nan_mode="strings").decode()
    except (PydanticSerializationError, UnicodeError, ValueError):  # half a character: spelled out
        named = json.loads(json.dumps(value, default=str), parse_constant=str)
        return json.dumps(named, separators=(",", ":"))


def _mixed(value: Any) -> str:
    """A scalar so that it can be told what it was: a text is itself, but quoted where it reads as JSON."""
    return value if isinstance(value, str) and not _reads_as_json(value) else json_text(value)


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------------------------------------ scalars


def _text(value: Any) -> Any:
    return value if isinstance(value, str) and (value.isascii() or not _HALF.search(value)) else MISFIT


def _text_without_nul(value: Any) -> Any:
    return value if isinstance(value, str) and not UNWRITABLE.search(value) else MISFIT


_HALF = re.compile("[\ud800-\udfff]")


def _mixed_text(value: Any) -> Any:
    return _text_without_nul(_mixed(value))


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else MISFIT


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        digits = value if len(value) <= 20 and _DIGITS.fullmatch(value) else None
        value = digits and int(digits)
    elif isinstance(value, float):
        value = int(value) if value - value == 0 and value == value // 1 else None
    fits = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return value if fits else MISFIT


_DIGITS = re.compile(r"-?+[1-9]\d*+|0", re.ASCII)


def _number(value: Any) -> Any:
    """A number as a double, if that is the same number: digits that a double cannot hold are not thrown away."""
    if isinstance(value, float):
        return value if value - value == 0 else MISFIT
    if not is_numeral(value):
        return MISFIT
    try:
        number = float(value) if isinstance(value, int) or len(value) <= LONGEST_NUMERAL else None
        same = number is not None and number - number == 0 and Decimal(repr(number)) == Decimal(value)
    except (ValueError, OverflowError, InvalidOperation):
        return MISFIT
    return number if same else MISFIT


LONGEST_NUMERAL = 50  # characters of a text that is a number


def _date(value: Any) -> Any:
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        return MISFIT
    return day if day.isoformat() == value else MISFIT


def _moment(value: Any) -> Any:
    moment = _datetime(value)
    # Another offset than this would not be kept.
    return MISFIT if moment is None or moment.utcoffset() != _NOTHING else moment


def _local(value: Any) -> Any:
    moment = _datetime(value)
    return MISFIT if moment is None or moment.tzinfo is not None else moment


_NOTHING = datetime.now(UTC).utcoffset()


def _datetime(value: Any) -> datetime | None:
    """The date and time that a text writes, if it writes nothing that would be lost."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


# As far as microseconds go, and as `undone` can write it again.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,6})?+(?:[Zz]|[+-]\d\d:\d\d)?+", re.ASCII)

# ---------------------------------------------------------------------------------------------------- CSV

# What spreadsheets take for a formula, also after spaces, quotes and what cannot be seen, and in other widths: see
# OWASP, "CSV Injection". A plain number is one, whatever its sign.
_UNSEEN = "[^\\S\t\r\n]|[\"'\u200b\u200c\u200d\u2060\ufeff]"
_FORMULA = re.compile(f"(?:{_UNSEEN})*+[\t\r\n=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212]")
_PLAIN = re.compile(r"[+-]?+\d++(?:\.\d++)?+(?:[eE][+-]?+\d++)?+", re.ASCII)


def safe(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe stands before what it would take for a formula."""
    return "'" + text if _FORMULA.match(text) and not _PLAIN.fullmatch(text) else text


def _csv(fit: Fit) -> Fit:
    def cell(value: Any) -> Any:
        text = fit(value)
        return text if text is MISFIT else safe(text)

    return cell


def _digits(value: Any) -> Any:
    """A number as it is written, not made a double."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return MISFIT if isinstance(value, float) and value - value != 0 else json_text(value)
    return value if isinstance(value, str) and len(value) <= 400 and _PLAIN.fullmatch(value) else MISFIT


def _loose(value: Any) -> Any:
    digits = _digits(value)
    return _csv(_mixed_text)(value) if digits is MISFIT else digits


CSV = Fits(
    scalars={
        "text": _csv(_text_without_nul),
        "integer": _digits,
        "number": _digits,
        "boolean": lambda value: json_text(value) if isinstance(value, bool) else MISFIT,
        "date": _csv(_text_without_nul),
        "moment": _csv(_text_without_nul),
        "local": _csv(_text_without_nul),
        "loose": _loose,
        "mixed": _csv(_mixed_text),
        "json": _csv(json_text),
    },
    lists=_csv(json_text),
)
SQLITE = Fits(
    scalars={
        "text": _text_without_nul,
        "integer": _integer,
        "number": _number,
        "boolean": lambda value: int(value) if isinstance(value, bool) else MISFIT,
        "date": _text_without_nul,
        "moment": _text_without_nul,
        "local": _text_without_nul,
        "loose": _number,
        "mixed": _mixed_text,
        "json": json_text,
    }
)
ARROW = Fits(
    scalars={
        "text": _text,
        "integer": _integer,
        "number": _number,
        "boolean": _boolean,
        "date": _date,
        "moment": _moment,
        "local": _local,
        "loose": _number,
        "mixed": lambda value: _text(_mixed(value)),
        "json": json_text,
    }
)
