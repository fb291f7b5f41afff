"""What a request of the page says: its numbers, places, names and values, each checked before anybody relies on it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from extractor.review.checking import exact

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["BadRequest", "body", "cursor", "number_at", "place", "shown", "text_in", "who", "whole"]

LONGEST_INT = 300  # digits
MOST_VALUES = 100_000  # more than a person can enter
DEEPEST = 200  # levels


class BadRequest(Exception):
    """A request that is none: the status, and what is said."""

    def __init__(self, status: int, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.status, self.error, self.hint = status, error, hint


def shown(given: Mapping[str, str]) -> dict[str, str]:
    """Which documents, and in what order."""
    return {name: given.get(name) or default for name, default in _DEFAULTS.items()}


_DEFAULTS = {"show": "open", "order": "doubt", "search": ""}


def who(request: Request) -> str:
    """What somebody calls themselves; nothing where they do not say."""
    return unquote(request.headers.get("x-reviewer", "")[:2_000])


def number_at(request: Request, name: str = "id") -> int:
    """A number in an address. Raises `BadRequest`."""
    given: str = request.path_params[name]
    if not re.fullmatch(r"\d{1,18}", given, re.ASCII):
        raise BadRequest(404, "There is nothing at this address.")
    return int(given)


def whole(given: str, name: str, least: int, most: int) -> int:
    """A whole number in a range. Raises `BadRequest`."""
    if not re.fullmatch(r"-?\d{1,19}", given, re.ASCII) or not least <= int(given) <= most:
        raise BadRequest(400, f"{name} must be a number from {least} to {most}.")
    return int(given)


def cursor(place_: list[Any]) -> str:
    """A place in the queue, for an address."""
    return base64.urlsafe_b64encode(json.dumps(place_, separators=(",", ":")).encode()).decode()


def place(given: str) -> tuple[Any, ...] | None:
    """The same back; None where there is none. Raises `BadRequest`."""
    if not given:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(given.encode()))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise BadRequest(400, "after is no place in the queue.")
    return tuple(found)


def body(request: Request) -> dict[str, Any]:
    """The JSON object of a request, its numbers with all their digits."""
    try:
        raw: bytes = request._body  # which the server has awaited: here is a thread, which cannot
        found = json.loads(raw, parse_float=exact, parse_int=_int, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadRequest(400, "The request is no JSON that can be read.") from None
    if not isinstance(found, dict):
        raise BadRequest(400, "The request is no JSON object.")
    _bounded(found)
    return found


def _bounded(found: Any) -> None:
    """Raises `BadRequest` for more values than a person can enter: each is looked for in the document."""
    level, count, depth = [found], 1, 0
    while level:
        inner = [each for each in level if isinstance(each, (dict, list))]
        level = [value for each in inner for value in (each.values() if isinstance(each, dict) else each)]
        count, depth = count + len(level), depth + 1
        if count > MOST_VALUES:
            raise BadRequest(413, f"More than {MOST_VALUES:,} values are not taken at once.")
        if depth > DEEPEST:
            raise BadRequest(400, f"Values are in each other more than {DEEPEST} deep.")


def _int(digits: str) -> int:
    if len(digits) > LONGEST_INT:
        raise ValueError("too long")
    return int(digits)


def _no_number(name: str) -> Any:
    raise ValueError(name)


def text_in(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text of a body. Raises `BadRequest`."""
    found = given.get(name, default)
    if not isinstance(found, str):
        raise BadRequest(400, f"{name} must be a text.")
    return found
