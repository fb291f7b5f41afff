"""One string of a broken JSON text → the string as JSON: where it ends, and what has to be mended in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

__all__ = ["BLANK", "ENDS", "FOLLOWS", "MARKS", "TEXT", "Torn", "Unplain", "quoted"]


class Unplain(ValueError):
    """From `at` on there is more than one way to read, or none."""

    def __init__(self, at: int) -> None:
        super().__init__("not plain")
        self.at = at


class Torn(ValueError):
    """The text ended inside of a token."""


BLANK = r"[\s\u200b-\u200d\u2060\ufeff]"
"""White space between tokens, what nobody sees included."""
_SURROGATES = r"\ud800-\udfff"
TEXT = (
    rf'"(?:[^"\\\x00-\x1f{_SURROGATES}]++|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{{4}}'
    r'|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"'
)
"""A string as JSON wants it."""

MARKS: Mapping[str, str] = {
    **{'"': "", "'": "single_quotes", "`": "backtick_quotes", "＂": "full_width"},
    **dict.fromkeys("“”„‘’‚", "smart_quotes"),
}
"""What opens a string → the kind of the repair."""
_CLOSING: Mapping[str, str] = {**dict.fromkeys("“”„", "“”"), **dict.fromkeys("‘’‚", "‘’")}
_BODIES = {mark: re.compile(rf"(?:[^{_CLOSING.get(mark, mark)}\\]++|\\.)*+", re.DOTALL) for mark in MARKS}
_TRIPLED = {mark: re.compile(rf"(?:[^{mark}\\]++|\\.|{mark}(?!{mark * 2}))*+", re.DOTALL) for mark in "\"'"}
_APOSTROPHES = frozenset("'‘’‚")

_ALWAYS = r",:;，：；、}\]｝］"
_NOTHING = r"\Z|//|/\*|#|`{3}|~{3}"
ENDS: Mapping[str, re.Pattern[str]] = {
    "value": re.compile(rf"{BLANK}*+(?:[{_ALWAYS}]|{_NOTHING})"),
    "tuple": re.compile(rf"{BLANK}*+(?:[{_ALWAYS})）]|{_NOTHING})"),
    "key": re.compile(rf"{BLANK}*+(?:[{_ALWAYS}=]|{_NOTHING})"),
}
"""What stands behind a string, by where the string stands."""
FOLLOWS = re.compile(rf"""{BLANK}++(?:"[^"\\\n]*+"|'[^'\\\n]*+'|[“”][^“”\n]*+[“”]){BLANK}*+[:：=]""")
"""The next key, where the comma before it is missing."""

_CLEAN = re.compile(TEXT)
_SIMPLE = re.compile(rf"""'([^'"\\\x00-\x1f{_SURROGATES}]*+)'""")
_BROKEN = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\."
    rf'|["\x00-\x1f{_SURROGATES}]',
    re.DOTALL,
)
_KEPT = frozenset('\\" \\\\ \\/ \\b \\f \\n \\r \\t'.split())
_CONTROLS = {char: json.dumps(char)[1:-1] for char in map(chr, range(32))}
_LETTERS = frozenset("\\b \\f \\n \\r \\t".split())


def quoted(
    text: str, start: int, ends: re.Pattern[str], follows: re.Pattern[str] | None
) -> tuple[int, str, tuple[str, ...]]:
    """Where the string that begins at `start` ends, the string as JSON, and what was mended.

    `ends` matches what may stand behind it, `follows` what may stand there where a comma is missing. Raises
    `Unplain`, and `Torn` where the text ends before the string.
    """
    if (clean := _CLEAN.match(text, start)) and (
        ends.match(text, clean.end()) or (follows and follows.match(text, clean.end()))
    ):
        return clean.end(), clean[0], ()
    mark = text[start]
    if mark == "'" and (simple := _SIMPLE.match(text, start)) and ends.match(text, simple.end()):
        return simple.end(), f'"{simple[1]}"', ("single_quotes",)
    if mark in "\"'" and text.startswith(mark * 3, start):
        end = _TRIPLED[mark].match(text, start + 3).end()  # type: ignore[union-attr]  # matches nothing, too
        if not text.startswith(mark * 3, end):
            raise Torn
        if not ends.match(text, end + 3):
            raise Unplain(end)
        written, kinds = _written(text, start + 3, end, mark)
        return end + 3, written, ("triple_quotes", *kinds)
    end, inner = _end(text, start, ends, follows)
    written, kinds = _written(text, start + 1, end, mark)
    return end + 1, written, tuple(filter(None, (MARKS[mark], "inner_quotes" if inner else "", *kinds)))


def _end(text: str, start: int, ends: re.Pattern[str], follows: re.Pattern[str] | None) -> tuple[int, bool]:
    """The place of the closing quote, and whether there are quotes within."""
    mark = text[start]
    body = _BODIES[mark]
    end, inner, opened = start + 1, False, False
    while True:
        end = body.match(text, end).end()  # type: ignore[union-attr]  # matches nothing, too
        if end >= len(text) or text[end] == "\\":
            raise Torn
        if ends.match(text, end + 1):
            break
        if not inner and follows and follows.match(text, end + 1):
            break
        opened = _opened(text, end, mark, opened)
        inner = True
        end += 1
    if opened or (inner and text[start + 1] == text[end - 1] == mark and end - start > 1):
        raise Unplain(end)  # "He said "no", may lack a quote; ""all"" may mean no quotes, as in CSV
    return end, inner


def _opened(text: str, at: int, mark: str, opened: bool) -> bool:
    """Whether a quote within is still open behind this one. Raises `Unplain` where that is not clear."""
    before, after = text[at - 1], text[at + 1]
    if mark in _APOSTROPHES and before.isalnum() and after.isalnum():
        return opened
    if opened:
        if before.isspace():
            raise Unplain(at)
        return False
    if not before.isalnum() and not after.isspace():
        return True
    if mark in _APOSTROPHES or (before.isdigit() and after == " "):
        return False  # the boys' room, 5" wide
    raise Unplain(at)


def _written(text: str, start: int, end: int, mark: str) -> tuple[str, tuple[str, ...]]:
    """A string's inside as JSON, and what was mended there."""
    kinds: dict[str, None] = {}
    letters = unknown = False
    escaped = _CLOSING.get(mark, mark)

    def fixed(match: re.Match[str]) -> str:
        nonlocal letters, unknown
        found = match[0]
        if found in _KEPT:
            letters = letters or found in _LETTERS
            return found
        if found[0] != "\\":
            return _raw(found, kinds)
        letters = letters or found[1] == "x"
        new = _escape(found, kinds, escaped)
        unknown = unknown or (new[:2] == "\\\\" and new[2:3].isalnum())
        return new

    body = _BROKEN.sub(fixed, text[start:end])
    if letters and unknown:
        raise Unplain(start)  # C:\Users\new: is the \n a new line?
    return f'"{body}"', tuple(kinds)


def _raw(char: str, kinds: dict[str, None]) -> str:
    if char == '"':
        return '\\"'
    if char < " ":
        kinds["raw_control"] = None
        return _CONTROLS[char]
    kinds["lone_surrogate"] = None
    return "\ufffd"


def _escape(found: str, kinds: dict[str, None], mark: str) -> str:
    """An escape that is none of JSON's short ones."""
    letter, size = found[1], len(found)
    if size == 12 or (size == 6 and not 0xD800 <= int(found[2:], 16) <= 0xDFFF):
        return found
    if size == 6:
        kinds["lone_surrogate"] = None
        return "\ufffd"
    if size == 2 and letter in mark:
        return letter
    kinds["bad_escape"] = None
    if size == 4:
        return json.dumps(chr(int(found[2:], 16)))[1:-1]
    if letter < " ":
        raise Unplain(0)  # a line that goes on, or a backslash at its end
    return letter if letter == "'" else "\\\\" + re.sub(f"[{_SURROGATES}]", "\ufffd", letter)
