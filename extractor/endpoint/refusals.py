"""What an endpoint answers that is no chat completion → the one right typed error. No I/O.

Error bodies come as `{"error": {…}}`, `{"error": "…"}`, `[{"error": …}]`, `{"object": "error", …}`,
`{"detail": …}`, `{"message": …}` and as HTML, with a status of their own or inside a 200.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    EndpointError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    RequestTooLarge,
    ServerError,
    StatusError,
)

__all__ = ["bad_reply", "error_inside", "refusal"]

SHOWN_BODY = 2_000  # characters of a body that an error carries
SHOWN_MESSAGE = 500  # characters of an endpoint's own message


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
    413: _Kind(error=RequestTooLarge, hint="Give a shorter document, or extract from its parts."),
    422: _Kind(error=BadRequest, hint="See .body for what it does not accept."),
    429: _Kind(error=RateLimited, hint="Wait, or send fewer requests at a time."),
}
_OTHER = _Kind(error=StatusError, hint="See .body.")
_REDIRECT = _Kind(
    error=StatusError,
    hint="Redirects are not followed, since key and document would go along; give the final address as base_url=.",
)
_SERVER = _Kind(error=ServerError, hint="The endpoint failed; try again later.")
# A document that is too long is refused as a plain 400 by most endpoints.
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum context length|prompt is too long|context window", re.I
)
_NO_MONEY = re.compile(r"insufficient_quota|insufficient_credits|billing", re.I)


def refusal(status: int, headers: Mapping[str, str], body: bytes, url: str) -> StatusError:
    """The error for a reply whose status is no success."""
    text = body[: 4 * SHOWN_BODY].decode("utf-8", "replace")
    said = _said(body)
    kind = _kind(status, f"{said.get('type', '')} {said.get('code', '')} {said.get('message', '')}")
    message = str(said.get("message") or _stripped(text) or "no reason given")
    return kind.error(
        f"The endpoint answered {status}: {_short(message, SHOWN_MESSAGE).rstrip('.')}.",
        status=status,
        url=url,
        code=_word(said.get("code")),
        type=_word(said.get("type")),
        param=_word(said.get("param")),
        body=_short(text, SHOWN_BODY),
        headers=headers,
        hint=kind.hint,
    )


def error_inside(data: Any, headers: Mapping[str, str], body: bytes, url: str) -> StatusError | None:
    """The error that a successful reply carries instead of a completion; None where it carries none."""
    said = _error_object(data)
    if said is None:
        return None
    code = said.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return refusal(status, headers, body, url)


def bad_reply(status: int, headers: Mapping[str, str], body: bytes, url: str, why: str) -> EndpointError:
    """The error for a successful status with a body that is no chat completion."""
    text = body[: 4 * SHOWN_BODY].decode("utf-8", "replace")
    kind = headers.get("content-type", "").partition(";")[0] or "no content type"
    return BadReply(
        f"The endpoint answered {status} with {why} ({kind}).",
        url=url,
        body=_short(text, SHOWN_BODY),
        hint="Is base_url the address of an OpenAI-compatible API? It usually ends in /v1.",
    )


def _kind(status: int, said: str) -> _Kind:
    if status in (400, 422) and _TOO_LONG.search(said):
        return _KINDS[413]
    if status == 429 and _NO_MONEY.search(said):
        return _KINDS[402]
    if 300 <= status < 400:
        return _REDIRECT
    return _KINDS.get(status, _SERVER if status >= 500 else _OTHER)


def _said(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return _error_object(data) or {}


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


def _stripped(text: str) -> str:
    """The words of an HTML page, or a text as it is, on one line."""
    if text.lstrip()[:1] == "<":
        text = re.sub(r"<(script|style)[^>]*>[^<]*", " ", text)
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _word(value: Any) -> str:
    return "" if value is None else _short(str(value), 100)
