"""The tokens of JSON as regular expressions, which also match what a chunk has of one that it cuts.

One match takes as much as is usual in one go, such as `, "key":`. All are possessive where they repeat, so none goes
back over what it has read. They take milliseconds to compile: only what reads a text imports this.

What is matched for every value is there as the method that matches (text, where to begin): Python calls a method of an
imported name more slowly than a method of one's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

__all__ = [
    "BEGUN",
    "BLANK",
    "CUT_ESCAPE",
    "KIND_OF",
    "LITERALS",
    "NUMBER",
    "RUN",
    "STRANGE",
    "decoded",
    "end_of",
    "match_colon",
    "match_first",
    "match_item",
    "match_next",
    "match_value",
]


def _begun(*steps: str) -> str:
    """A pattern for every beginning, of one step or more, of a sequence of patterns."""
    return "(?:".join(steps) + ")?" * (len(steps) - 1)


_SPACE = r"[ \t\n\r]*+"
_CLEAN = r'[^"\\\x00-\x1f\ud800-\udfff]'
_HEX = "[0-9a-fA-F]"
_INTEGER = "-?+(?:0|[1-9][0-9]*+)"

# ------------------------------------------------------------------------------------- between values

# As far as the text has it, one group each: (1) a key, (2) its end, (3) its colon.
_KEYED = rf'{_SPACE}"({_CLEAN}*+)(?:(")({_SPACE}:)?)?'
match_first = re.compile(rf"{_KEYED}|{_SPACE}(}})").match
"""The first member of an object, or (4) its end."""
match_next = re.compile(rf"{_SPACE}(?:,(?:{_KEYED})?|(}}))").match
"""A further member of an object with the comma before it, or (4) its end."""
match_colon = re.compile(f"{_SPACE}:").match
match_item = re.compile(rf"{_SPACE}([,\]])").match
"""What follows an item of an array."""
BLANK = re.compile(_SPACE)

# ---------------------------------------------------------------------------------- values in one go

# Only numbers that are neither too long nor too large for sure; `BEGUN` takes the others.
match_value = re.compile(
    rf'{_SPACE}(?:"({_CLEAN}*+)(")?|([{{\[])|(true|false|null)|(\])'
    r"|(-?+(?:0|[1-9][0-9]{0,16}+))(\.[0-9]{1,17}+)?(?=[ \t\n\r,\]}]))"
).match
"""The beginning of a value: (1) a string and (2) its end, (3) a bracket, (4) a literal, (5) the end of an empty array,
or a number's (6) integer and (7) fraction."""

# ------------------------------------------------------------------- literals and numbers, cut ones too

NUMBER = re.compile(rf"{_INTEGER}(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|NaN|-?+Infinity")
_EXPONENT = "[eE][+-]?+[0-9]*+"
BEGUN = re.compile(
    "|".join([_begun(*word) for word in ("true", "false", "null", "NaN", "Infinity")])
    + rf"|-{_begun(*'Infinity')}|{_INTEGER}(?:\.[0-9]++(?:{_EXPONENT})?+|\.|{_EXPONENT})?+|-"
)
"""Every beginning of a literal or number."""
LITERALS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
KIND_OF: Mapping[str, str] = {**dict.fromkeys("-0123456789NI", "number"), "t": "boolean", "f": "boolean", "n": "null"}
"""The first character of a literal or number → the kind of the value."""

# ---------------------------------------------------------------------------- the inside of strings

_ONE = ("u", "[0-9abcefABCEF]", _HEX, _HEX, _HEX)
_LOW = ("u", "[dD]", "[0-7]", _HEX, _HEX)
_PAIR = ("u", "[dD]", "[89abAB]", _HEX, _HEX, r"\\", "u", "[dD]", "[c-fC-F]", _HEX, _HEX)
_ESCAPES = (_ONE, _LOW, _PAIR)
RUN = re.compile(rf'(?:{_CLEAN}++|\\(?:["\\/bfnrt]|{"|".join(map("".join, _ESCAPES))}))*+')
"""What may stand in a string, as far as it goes."""
CUT_ESCAPE = re.compile(rf"\\(?:{'|'.join(_begun(*steps) for steps in _ESCAPES)})?\Z")
"""The beginning of an escape with which a text ends."""
STRANGE = (
    (re.compile(rf"[\ud800-\udfff]|\\u[dD](?:[c-fC-F]|[89abAB]{_HEX}{_HEX})"), "lone_surrogate"),
    (re.compile(r"\\"), "bad_escape"),
    (re.compile(r"[\x00-\x1f]"), "control_character"),
)
"""What must not stand in a string, and the name of the fault; the first that matches counts."""
_decode: Callable[[str], str] = json.JSONDecoder().decode


def end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """The end of the match of a pattern that matches nothing at least."""
    match = pattern.match(text, at)
    return match.end() if match else at


def decoded(run: str) -> str:
    """The text of a piece of a string, all escapes of which are whole."""
    return _decode(f'"{run}"') if "\\" in run else run
