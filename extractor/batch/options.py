"""Which options make a run: those that change what comes out, as plain data without any key.

Who resumes with others gets another run, so only what matters is here, and only where it differs from the default: a
new option of a later version is no other run. What says how, how fast and for how much documents are asked for
(retries, re-asks, fallbacks, timeouts, budgets, prices, keys, the cache, who watches) may change while a run goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from extractor.chat.content import Audio, File, Image
from extractor.documents.loaded import As
from extractor.endpoint.resolve import Address
from extractor.schema.dialects import DIALECTS, Dialect
from extractor.settings import Settings

__all__ = ["SECRET", "named", "options_of"]

SECRET = "(secret)"  # noqa: S105  # what is written in place of one
LONGEST = 2_000  # characters of a text that is kept; a longer one is known by its hash
LEAST_KEY = 8  # characters of a key that is looked for in texts: a shorter one would be found in words
LEVELS = 40  # of objects and lists inside of each other: what is deeper is known by its hash

# How it is sent, not what is asked for.
_WIRE = frozenset({"stream", "stream_options"})
_SETTINGS = (
    *("instructions", "mode", "coerce", "copy", "absent", "confidence", "ungrounded", "candidates", "recall"),
    *("chunking", "calibration", "examples", "messages", "context"),
)


def options_of(
    settings: Settings, address: Address, *, dialect: Dialect | None = None, as_: As = "text"
) -> dict[str, Any]:
    """The options of a run: plain JSON data, the same for the same call in every process.

    `address` is who is asked, `dialect` how, where the caller has said that. What is named like a secret (key, token,
    authorization …) or has the endpoint's key in it is `(secret)`; functions and objects are `module:name`.
    """
    options: dict[str, Any] = {"model": settings.model or address.model, **_endpoint(address)}
    if dialect is not None and dialect != Dialect.named(address.dialect):
        options["dialect"] = dialect.name if DIALECTS.get(dialect.name) == dialect else dialect
    for name in _SETTINGS:
        value = getattr(settings, name)
        if not _is_default(value, Settings.__dataclass_fields__[name].default):
            options[name] = _SHOWN[name](value) if name in _SHOWN else value
    if settings.source is not None and (described := settings.source.described()):
        options["examples"] = described
    options |= {name: value for name, value in settings.fields.items() if name not in _WIRE}
    # Beside the others: an endpoint may have a field of the name of a setting.
    options |= {f"extra_fields.{name}": value for name, value in settings.extra_fields.items() if name not in _WIRE}
    if as_ != "text":
        options["as"] = as_
    plain: dict[str, Any] = _Plain(key=address.api_key or "").of(options)
    return plain


def named(thing: Any) -> str:
    """What a function, a class, or the class of an object is called: `module:name`."""
    own = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{getattr(own, '__module__', '')}:{own.__qualname__}"


def _endpoint(address: Address) -> dict[str, str]:
    # The embedded endpoint listens at another port each time.
    known = {"provider": address.provider, "base_url": "" if address.local else address.base_url}
    return {name: value for name, value in known.items() if value}


def _is_default(value: Any, default: Any) -> bool:
    # Not by == alone: of an array that is no truth.
    return value is default or (isinstance(value, (str, bool, int, tuple)) and bool(value == default))


def _chunking(value: Any) -> Any:
    # `at_once` says how fast, not what.
    return value if value is None or isinstance(value, str) else {"tokens": value.tokens, "overlap": value.overlap}


def _context(value: Any) -> Any:
    try:
        to_jsonable_python(value, fallback=named)
    except (ValueError, RecursionError):  # it has itself in it
        return named(value)
    return value


_SHOWN: Mapping[str, Callable[[Any], Any]] = {
    "chunking": _chunking,
    "context": _context,
    "calibration": lambda value: value and _hashed(value.to_json()),
}
"""Setting → how it is written where that is not as it stands."""


# ------------------------------------------------------------------------------- plain data, without secrets

_WORDS = re.compile(r"[A-Z]?[a-z0-9]++|[A-Z]++(?![a-z])")
_SECRETS = frozenset(
    "key apikey token accesstoken authorization auth secret password passwd passphrase credential credentials bearer "
    "cookie cookies headers signature".split()
)
# Texts that are one: as the value of a header, or in the form that most providers give them.
_SECRET = re.compile(r"(?i:bearer|basic) ++\S{6,}+|sk-[A-Za-z0-9_-]{16,}+")


def _is_secret(name: str) -> bool:
    """Whether a name is that of a secret, by its last word: `max_tokens` is none, `access_token` is one."""
    words = _WORDS.findall(name[-100:])
    return bool(words) and words[-1].lower() in _SECRETS


class _Plain:
    """Makes plain data of anything. No text in it has the `key`."""

    def __init__(self, key: str) -> None:
        self._key = key if len(key) >= LEAST_KEY else ""

    def of(self, value: Any, level: int = 0, *, properties: bool = False) -> Any:
        """The same as plain data; `properties`: it is the members of a JSON Schema's object by their names."""
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, float):
            return _number(value)
        if level >= LEVELS:
            return _hashed(json.dumps(_jsonable(value), sort_keys=True, default=named))
        if isinstance(value, Mapping):
            return {str(name): self._member(str(name), it, level, properties) for name, it in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(each, level + 1) for each in value]
        if isinstance(value, (set, frozenset)):
            return sorted((self.of(each, level + 1) for each in value), key=_sorted_by)
        opened = _opened(value)
        return self._text(named(value)) if opened is value else self.of(opened, level + 1)

    def _member(self, name: str, value: Any, level: int, properties: bool) -> Any:
        harmless = value is None or isinstance(value, bool) or (properties and isinstance(value, Mapping))
        if _is_secret(name) and not harmless:
            return SECRET
        return self.of(value, level + 1, properties=name in ("properties", "$defs"))

    def _text(self, text: str) -> str:
        if (self._key and self._key in text) or _SECRET.fullmatch(text.strip()):
            return SECRET
        return text if len(text) <= LONGEST else _hashed(text)


def _opened(value: Any) -> Any:
    """An object as what it is made of, a level of it; itself where it is not made of data."""
    if isinstance(value, (Image, Audio, File)):
        return value.to_wire()
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    return value if callable(value) else _jsonable(value, value)


def _jsonable(value: Any, otherwise: Any = None) -> Any:
    """A date, a Decimal … as JSON has it."""
    try:
        return to_jsonable_python(value)
    except (ValueError, RecursionError):
        return otherwise


def _sorted_by(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)


def _number(value: float) -> Any:
    """A number as JSON has it, the same however it was written."""
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _hashed(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()} ({len(text)} characters)"
