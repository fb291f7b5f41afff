"""One number or literal of a broken JSON text → as JSON: where it ends, and what had to be mended in it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from extractor.reply.quoted import BLANK, Torn, Unplain

__all__ = ["MAX_DIGITS", "WORD", "unquoted"]

MAX_DIGITS = 200  # no document has longer numbers, and Python refuses integers of more than 4,300 digits

WORD = re.compile(r"(?:[$@]|[^\W\d])[\w$.-]*+")
"""A literal, or a key without quotes."""
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]++)|"
    r"(?P<whole>(?:[0-9]++(?:_[0-9]++)*+)?)(?P<dot>\.?)(?P<part>(?:[0-9]++(?:_[0-9]++)*+)?)(?P<power>(?:[eE][+-]?[0-9]++)?))"
)
_BEHIND = re.compile(rf"{BLANK}|[\]}})｝］）,;，；、/#]|`{{3}}|~{{3}}|\Z")
_UNFINISHED = re.compile(r"[-+]?(?:[0-9_]*+\.?[0-9_]*+(?:[eE][-+]?|[xX])?|I[a-z]*+)\Z")
_NUMBER_BEGINS = frozenset("+-.0123456789")
_LITERALS: Mapping[str, str] = {
    **{"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"},
    **{"null": "null", "None": "null", "NULL": "null", "Null": "null"},
    **{"NaN": "NaN", "nan": "NaN", "Infinity": "Infinity", "inf": "Infinity"},
}


def unquoted(text: str, start: int) -> tuple[int, str, str]:
    """Where the number or literal that begins at `start` ends, the same as JSON, and the repair's kind ("" for none).

    Raises `Unplain`, and `Torn` where the text ends before it.
    """
    if text[start] in _NUMBER_BEGINS:
        return _number(text, start)
    word = WORD.match(text, start)
    if word is None:
        raise Unplain(start)
    return _literal(text, start, "", word)


def _number(text: str, start: int) -> tuple[int, str, str]:
    match = _NUMBER.match(text, start)
    if match is None or not (match["hex"] or match["whole"] or match["part"]):
        word = WORD.match(text, start + 1)
        if word and text[start] != "." and _LITERALS.get(word[0]) == "Infinity":
            return _literal(text, start, text[start].strip("+"), word)
        raise _unfinished(text, start)
    end = match.end()
    if not _BEHIND.match(text, end) or (end == len(text) and match["dot"] and not match["part"]):
        raise _unfinished(text, start)
    written = _written(match)
    return end, written, "" if written == match[0] else "number"


def _unfinished(text: str, start: int) -> Torn | Unplain:
    return Torn() if _UNFINISHED.match(text, start) else Unplain(start)


def _written(match: re.Match[str]) -> str:
    whole = (match["whole"] or "").replace("_", "")
    if (len(whole) > 1 and whole[0] == "0") or (len(match[0]) > MAX_DIGITS and not match["dot"]):
        raise Unplain(match.start())  # 01 may be octal
    sign = "-" if match["sign"] == "-" else ""
    if match["hex"]:
        return f"{sign}{int(match['hex'], 16)}"
    part = "." + (match["part"].replace("_", "") or "0") if match["dot"] else ""
    return f"{sign}{whole or '0'}{part}{match['power']}"


def _literal(text: str, start: int, sign: str, word: re.Match[str]) -> tuple[int, str, str]:
    literal, end = _LITERALS.get(word[0]), word.end()
    if end == len(text) and literal is None and any(each.startswith(word[0]) for each in _LITERALS):
        raise Torn
    if literal is None or not _BEHIND.match(text, end):
        raise Unplain(start)
    written = sign + literal
    return end, written, "" if text[start:end] == written else "python_literals"
