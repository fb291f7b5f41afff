"""Records as the bytes that a job's file has: JSON, compressed where it is long, and back.

The file is not trusted: what is unpacked has an end, and every value must have the type that its record declares.
Whatever is wrong is a `ValueError`, a `TypeError` or a `LookupError`.
"""

from __future__ import annotations

import functools
import json
import types
import typing
import zlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from extractor.batch.record import Failure
from extractor.chat.wire import Usage
from extractor.errors import JobError
from extractor.evidence.field import Field

__all__ = [
    "NOTHING",
    "Evidence",
    "Summary",
    "canonical",
    "made",
    "packed",
    "packed_text",
    "part_of",
    "plain",
    "unpacked",
    "unpacked_text",
]

T = TypeVar("T")

LONG = 400  # bytes of JSON that are worth compressing
LARGEST = 1 << 28  # bytes that one value may unpack to
NOTHING = Usage()
_ZLIB = b"x"  # the first byte of what zlib makes; JSON never begins with it


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What became of a document, without its value: see `Record`."""

    outcome: str = ""
    absent: tuple[str, ...] = ()
    complete: bool | None = None
    model: str = ""
    mode: str | None = None
    seconds: float = 0.0
    usage: Usage = NOTHING
    cost: Decimal | None = None
    requests: int = 0
    error: Failure | None = None


def part_of(kind: type[T], record: Any) -> T:
    """The members that a record shares with a kind of records, as one of these."""
    names = (item.name for item in fields(typing.cast("Any", kind)))
    return kind(**{name: getattr(record, name) for name in names})


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of a value: see `Record`."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    lists: tuple[Mapping[str, Any], ...] = ()
    chunks: tuple[Mapping[str, Any], ...] = ()
    conflicts: tuple[Mapping[str, Any], ...] = ()


# ------------------------------------------------------------------------------------------- bytes


def packed(value: Any) -> bytes:
    """Plain data, or records, as bytes. Raises `JobError` where it is too large."""
    text = _encoded(json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), default=str))
    return text if len(text) <= LONG else zlib.compress(text, 1)


def unpacked(stored: Any) -> Any:
    """The plain data of some bytes."""
    stored = _bytes(stored)
    return json.loads(_decoded(_inflated(stored) if stored.startswith(_ZLIB) else stored))


def packed_text(text: str) -> bytes:
    """A text as bytes. Raises `JobError` where it is too large."""
    return zlib.compress(_encoded(text), 1)


def unpacked_text(stored: Any) -> str:
    """The text of some bytes."""
    return _decoded(_inflated(_bytes(stored)))


def canonical(value: Any) -> bytes:
    """JSON that is the same for the same value, whatever the order of its members."""
    return _encoded(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))


def _encoded(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")  # half a character, which JSON may say, is kept
    if len(encoded) > LARGEST:
        said = f"A value of {len(encoded):,} bytes is too large to be kept in a job."
        raise JobError(said, hint="Leave that document out.")
    return encoded


def _decoded(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogatepass")


def _bytes(stored: Any) -> bytes:
    if not isinstance(stored, bytes):
        raise TypeError(f"{type(stored).__name__} where bytes should be.")
    return stored


def _inflated(stored: bytes) -> bytes:
    inflating = zlib.decompressobj()
    try:
        whole = inflating.decompress(stored, LARGEST)
    except zlib.error as error:
        raise ValueError("What was compressed cannot be read.") from error
    if not inflating.eof:
        raise ValueError("What was compressed breaks off, or is too large.")
    return whole


# ----------------------------------------------------------------------------------------- records


def plain(value: Any) -> Any:
    """Records as plain data: their members that are not as usual."""
    kind: Any = type(value)
    if kind in _SCALARS:
        return value
    if kind is tuple or kind is list:
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if kind is Decimal:
        return str(value)
    members = _usual(kind)
    if members is None:
        return value
    found = ((name, getattr(value, name), usual) for name, usual in members)
    return {name: plain(each) for name, each, usual in found if each is not usual and each != usual}


_SCALARS = frozenset((str, int, float, bool, type(None)))


@functools.cache
def _usual(kind: Any) -> tuple[tuple[str, Any], ...] | None:
    """The members of a record, with what they usually are; None for what is no record."""
    if not is_dataclass(kind):
        return None
    return tuple(
        (item.name, item.default if item.default_factory is MISSING else item.default_factory())
        for item in fields(kind)
        if item.init
    )


def made(kind: type[T], value: Any) -> T:
    """The record of plain data."""
    result: T = _record(kind, value)
    return result


@functools.cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What makes a value of a type of the data of it."""
    if is_dataclass(hint):
        return functools.partial(_record, typing.cast("type[Any]", hint))
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and parts[-1] is ...:
        return functools.partial(_items, _reader(parts[0]))
    if origin is tuple:
        return functools.partial(_several, [_reader(part) for part in parts])
    if origin in (typing.Union, types.UnionType):
        return functools.partial(_optional, _reader(parts[0]))  # "X | None" only
    if origin is typing.Literal:
        return functools.partial(_one_of, frozenset(parts))
    if origin is Mapping:
        return functools.partial(_members, _reader(parts[1]))
    return _SIMPLE[hint]


@functools.cache
def _members_of(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    return {name: _reader(hint) for name, hint in typing.get_type_hints(kind).items()}


def _record(kind: type[Any], value: Any) -> Any:
    readers: Mapping[str, Callable[[Any], Any]] = _members_of(typing.cast("Any", kind))
    # A name that is not known is one of a later version, which has said nothing else by it.
    return kind(**{name: readers[name](each) for name, each in _of(dict, value).items() if name in readers})


def _items(each: Callable[[Any], Any], value: Any) -> tuple[Any, ...]:
    return tuple(map(each, _of(list, value)))


def _several(readers: list[Callable[[Any], Any]], value: Any) -> tuple[Any, ...]:
    return tuple(each(item) for each, item in zip(readers, _of(list, value), strict=True))


def _members(each: Callable[[Any], Any], value: Any) -> dict[str, Any]:
    return {name: each(member) for name, member in _of(dict, value).items()}


def _optional(each: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else each(value)


def _one_of(known: frozenset[Any], value: Any) -> Any:
    if value not in known:
        raise ValueError("A value is none of those that it may be.")
    return value


def _of(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} should be.")
    return value


def _real(value: Any) -> float:
    return float(_of(int, value)) if isinstance(value, int) else _of(float, value)


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(_of(str, value))
    except InvalidOperation as error:
        raise ValueError("A number cannot be read.") from error


_SIMPLE: Mapping[Any, Callable[[Any], Any]] = {
    Any: lambda value: value,
    str: functools.partial(_of, str),
    int: functools.partial(_of, int),
    bool: functools.partial(_of, bool),
    float: _real,
    Decimal: _decimal,
}
