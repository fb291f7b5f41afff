"""What an endpoint answers that is no chat completion → the one right typed error. No I/O.

Error bodies come as `{"error": {…}}`, `{"error": "…"}`, `[{"error": …}]`, `{"object": "error", …}`,
`{"detail": …}`, `{"message": …}` and as HTML, with a status of their own or inside a 200.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Redirected,
    ReplyTooLarge,
    RequestTooLarge,
    ServerError,
    StatusError,
)

__all__ = ["Refused", "bad_reply", "beginning", "cleaned", "error_inside", "refusal", "too_large", "unquoted"]

SHOWN_BODY = 2_000  # characters of a body that an error carries
SECRET_LENGTH = 8
SHOWN_MESSAGE = 500  # characters of an endpoint's own message


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An answer that is no completion. `data` is the JSON of its `body` (for a stream, of the event that
    matters; None where there is none). `secrets` are keys, which some endpoints quote: they are shown nowhere.
    """

    status: int
    headers: Mapping[str, str]
    data: Any
    body: bytes = field(repr=False)
    url: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def clean(self, text: str) -> str:
        """A text without the key."""
        return cleaned(text, self.secrets)

    def shown_body(self) -> str:
        """The beginning of the body."""
        return beginning(self.body, self.secrets)

    def shown_headers(self) -> dict[str, str]:
        """The headers without the key."""
        return {name: self.clean(value) for name, value in self.headers.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    error: type[StatusError]
    hint: str


_TRY_MODEL = "Check the model's name and base_url."
_KINDS: Mapping[int, _Kind] = {
    400: _Kind(error=BadRequest, hint="See .body for what it does not accept."),
    401: _Kind(error=AuthenticationFailed, hint="Check the API key, and that it belongs to this endpoint."),
    402: _Kind(error=QuotaExceeded, hint="Add credits to the account, or use another endpoint."),
    403: _Kind(error=AuthenticationFailed, hint="The key is not allowed to do this; check its rights and the model."),
    404: _Kind(error=NotFound, hint=_TRY_MODEL),
    405: _Kind(error=NotFound, hint=_TRY_MODEL),
    413: _Kind(error=RequestTooLarge, hint="Give a shorter document, or let it be cut: leave out chunking=None."),
    422: _Kind(error=BadRequest, hint="See .body for what it does not accept."),
    429: _Kind(error=RateLimited, hint="Wait, or send fewer requests at a time."),
}
_OTHER = _Kind(error=StatusError, hint="See .body.")
_REDIRECT = _Kind(
    error=Redirected,
    hint="Redirects are not followed, since key and document would go along; give the final address as base_url=.",
)
_TEXT_ONLY = _Kind(error=BadRequest, hint="This model reads text only; give the text, or name another model.")
_SERVER = _Kind(error=ServerError, hint="The endpoint failed; try again later.")
# A document that is too long is refused as a plain 400 by most endpoints.
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|context (window|length)|maximum (context|prompt) length"
    r"|prompt is too long|exceeds the maximum number of tokens|too many tokens",
    re.I,
)
_NO_MEDIA = re.compile(r"(image|audio|file) input is not supported|does not support (image|audio|file)", re.I)
_NO_MONEY = re.compile(r"insufficient_quota|insufficient_credits|billing", re.I)
# What an error inside a successful reply says of itself, where it has no status. The reference endpoint's types.
_STATUSES: Mapping[str, int] = {
    "rate_limit": 429,
    "authentication": 401,
    "insufficient_quota": 402,
    "permission": 403,
    "not_found": 404,
    "too_large": 413,
    "invalid_request": 400,
    "exceed_context_size": 400,
    "upstream": 502,
    "unavailable": 503,
}


def refusal(refused: Refused) -> StatusError:
    """The error for a reply whose status is no success."""
    return _refusal(refused, refused.status, _error_object(refused.data) or {})


def error_inside(refused: Refused) -> StatusError | None:
    """The error that a successful reply carries instead of a completion; None where it carries none."""
    said = _error_object(refused.data)
    if said is None:
        return None
    code = said.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return _refusal(refused, code, said)
    words = f"{_scalar(said.get('type'))} {_scalar(code)}"
    return _refusal(refused, next((status for word, status in _STATUSES.items() if word in words), 500), said)


def _refusal(refused: Refused, status: int, said: Mapping[str, Any]) -> StatusError:
    # On one line, without what a terminal obeys: it goes into logs.
    said_so = " ".join((_said(said) or _stripped(refused) or "no reason given").split())
    message = refused.clean("".join(character for character in said_so if character.isprintable()))
    kind = _kind(status, f"{_scalar(said.get('type'))} {_scalar(said.get('code'))} {message}")
    return kind.error(
        f"The endpoint answered {status}: {_short(message, SHOWN_MESSAGE).rstrip('.')}.",
        status=status,
        url=refused.url,
        code=_word(refused, said.get("code")),
        type=_word(refused, said.get("type")),
        param=_word(refused, said.get("param")),
        body=refused.shown_body(),
        headers=refused.shown_headers(),
        retry_after=_asked_wait(said),
        hint=kind.hint,
    )


def bad_reply(refused: Refused, why: str) -> BadReply:
    """The error for a successful status with a body that is no chat completion."""
    kind = refused.clean(refused.headers.get("content-type", "").partition(";")[0]) or "no content type"
    return BadReply(
        f"The endpoint answered {refused.status} with {why} ({kind}).",
        url=refused.url,
        body=refused.shown_body(),
        hint="Is base_url the address of an OpenAI-compatible API? It usually ends in /v1.",
    )


def too_large(url: str, came: bytes, limit: int, secrets: tuple[str, ...]) -> ReplyTooLarge:
    """The error for a body that does not end."""
    return ReplyTooLarge(
        f"{url}: the reply is larger than {limit:,} bytes.",
        url=url,
        body=beginning(came, secrets),
        hint="No completion is that long; is this the right address?",
    )


def beginning(body: bytes, secrets: tuple[str, ...]) -> str:
    """The beginning of a body, for an error to carry, without the keys."""
    return _short(_opened(body, secrets), SHOWN_BODY)


def _opened(body: bytes, secrets: tuple[str, ...]) -> str:
    """More of a body than is ever shown, without the keys, nor the piece of one that the cut went through."""
    longest = _ESCAPED * max(map(len, secrets), default=0)
    most = 4 * SHOWN_BODY + 2 * longest
    text = cleaned(body[:most].decode("utf-8", "replace"), secrets)
    return text if len(body) <= most else text[: max(0, len(text) - longest)]


_QUOTED = 12  # characters in a row of the document that are a quotation, and no chance
_BREAKS = re.compile(r"(?:\\++[nrt]|\s)++")  # written out too, as in a Python repr or in JSON
_SEARCHED = 2_000_000  # characters of a document that are looked through


def unquoted(message: str, document: str) -> str:
    """An endpoint's words without what they quote of the document."""
    message = _BREAKS.sub(" ", message)
    text = " ".join(document[:_SEARCHED].split())
    kept: list[str] = []
    at = end = 0
    while at < len(message):
        if message[at : at + _QUOTED] in text and at + _QUOTED <= len(message):
            end = at + _QUOTED
            kept += ["…"] if kept[-1:] != ["…"] else []
        if at >= end:
            kept.append(message[at])
        at += 1
    return "".join(kept)


_ESCAPED = 7  # characters that one of a key may be written as: \\u0041


def cleaned(text: str, secrets: tuple[str, ...]) -> str:
    """A text without the keys. A few letters are none, but what is written where none is needed, and stand anywhere."""
    for secret in secrets:
        if len(secret) >= SECRET_LENGTH:
            text = _pattern(secret).sub("[hidden]", text)
    return text


@functools.lru_cache(maxsize=64)
def _pattern(secret: str) -> re.Pattern[str]:
    """The key, with any of its characters escaped as JSON does, once or JSON in JSON."""
    return re.compile("".join(map(_spellings, secret)))


def _spellings(character: str) -> str:
    escaped = rf"u00{ord(character):02x}"
    if character == "\\":
        return rf"(?:\\++(?i:{escaped})?)"
    return rf"(?:\\*+(?:{re.escape(character)}|(?i:{escaped})))"


def _kind(status: int, said: str) -> _Kind:
    if _NO_MEDIA.search(said):
        return _TEXT_ONLY
    if status in (400, 422) and _TOO_LONG.search(said):
        return _KINDS[413]
    if status == 429 and _NO_MONEY.search(said):
        return _KINDS[402]
    if 300 <= status < 400 and status != 304:
        return _REDIRECT
    return _KINDS.get(status, _SERVER if status >= 500 else _OTHER)


def _error_object(data: Any) -> Mapping[str, Any] | None:
    """The error in a body, whichever of its shapes it has."""
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict):
        return None
    error = data.get("error")
    if isinstance(error, dict):
        return error
    if error:
        return {"message": error}
    if data.get("object") == "error" or ("message" in data and "choices" not in data):
        return data
    if "detail" in data and "choices" not in data:
        return {"message": data["detail"]}
    return None


def _said(said: Mapping[str, Any]) -> str:
    """The words of an error: its own message, then what a gateway passes on, and Google's details."""
    message, metadata = _words(said.get("message")), said.get("metadata")
    gateway = message.casefold().startswith("provider returned error")
    raw = metadata.get("raw") if gateway and isinstance(metadata, dict) else None
    violations = [each.get("fieldViolations") for each in _objects(said.get("details"))]
    described = [each.get("description") for listed in violations for each in _objects(listed)]
    return ": ".join(dict.fromkeys(filter(None, [message, *map(_words, [raw, *described])])))


_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


def _asked_wait(said: Mapping[str, Any]) -> float | None:
    """The seconds to wait that Google's details ask for (`RetryInfo`: `"retryDelay": "34.5s"`)."""
    delays = (each.get("retryDelay") for each in _objects(said.get("details")))
    found = next((match for delay in delays if (match := _DELAY.fullmatch(str(delay)[:40]))), None)
    return None if found is None else float(found[1])


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_LEVELS = 20  # of an error in an error: no endpoint nests them so


def _words(value: Any, levels: int = _LEVELS) -> str:
    """What an error says, without the `input` that it may quote: that is the document."""
    if not levels:
        return ""
    if isinstance(value, str) and value[:1] in ("{", "["):  # a message that is JSON itself
        with contextlib.suppress(ValueError, RecursionError):
            return _words(json.loads(value), levels - 1) or value
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(each, levels - 1) for each in value)))
    if isinstance(value, dict):
        loc = value.get("loc")
        place = ".".join(map(_scalar, loc)) + ": " if isinstance(loc, list) else ""
        said = next((value[key] for key in ("msg", "message", "detail", "error") if value.get(key)), "")
        return place + _words(said, levels - 1)
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A code, a type or a step of a path as text; nothing for what is none, and may be as deep as it likes."""
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _stripped(refused: Refused) -> str:
    """The words of an HTML page, or of a text that is no JSON, on one line."""
    text = "" if refused.data is not None else _opened(refused.body, refused.secrets)
    if text.lstrip()[:1] == "<":
        text = re.sub(r"<(script|style)[^<>]*+>[^<]*+", " ", text)
        text = re.sub(r"<[^<>]*+>", " ", text)
    return " ".join(text.split())


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _word(refused: Refused, value: Any) -> str:
    return _short(refused.clean(_scalar(value)), 100)
