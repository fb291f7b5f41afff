r"""Which patterns a grammar made of them enforces exactly: llama.cpp's converter takes others, and gets them wrong.

Enforced are patterns for the whole text (`^…$`) of plain characters, groups, alternatives inside of groups, counts,
and classes that list what they allow. It ignores other escapes, classes like `\d`, look-around and inner anchors;
what could match a quote, a backslash or a control character would stand in the JSON string as it is.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["engines", "is_exact", "is_exotic"]

# What not every engine for patterns knows: look-around, word borders, references back, named groups.
_EXOTIC = r"\(\?[=!<P]|\\[bB1-9kpPAZz]"

_PLAIN = r"[A-Za-z0-9 _,:;@!#%&=<>~'`/\-]"
_ESCAPED = r"\\[.\[\](){}|*+?^$\-]"
_COUNT = r"(?:[*+?]|\{(?P<low>\d{1,3})(?:,\d{0,3})?\})"
_TOKEN = (  # compiled when first needed, as all here
    rf"(?:{_PLAIN}|{_ESCAPED}|\[(?P<class>[^\]\[\\^][^\]\[\\]*)\]|(?P<group>\()|(?P<end>\))|(?P<or>\|))(?:{_COUNT}(?!\?))?"
)
_IN_STRINGS = range(0x20, 0x7F)


def is_exotic(pattern: str) -> bool:
    """Whether a pattern needs more than the engines of endpoints have."""
    return re.search(_EXOTIC, pattern) is not None


def is_exact(pattern: str) -> bool:
    """Whether a grammar enforces exactly this pattern."""
    if len(pattern) < 2 or not pattern.startswith("^") or not pattern.endswith("$") or pattern.endswith("\\$"):
        return False
    body, at, depth = pattern[1:-1], 0, 0
    token_of = re.compile(_TOKEN).match
    while at < len(body):
        token = token_of(body, at)
        if token is None or (token["class"] is not None and not _is_clean(token["class"])):
            return False
        depth += (token["group"] is not None) - (token["end"] is not None)
        if depth < 0 or (token["or"] is not None and depth == 0) or (token["group"] and token.end() > at + 1):
            return False
        at = token.end()
    return depth == 0


def _is_clean(members: str) -> bool:
    """Whether a class allows only characters that stand in a JSON string as they are."""
    at = 0
    while at < len(members):
        first = last = members[at]
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            last, at = members[at + 2], at + 2
        at += 1
        if not _stands(first, last):
            return False
    return True


def _stands(first: str, last: str) -> bool:
    low, high = ord(first), ord(last)
    within = low in _IN_STRINGS and high in _IN_STRINGS and low <= high
    return within and not any(low <= ord(each) <= high for each in '"\\')


def engines() -> tuple[Any, ...]:
    """What jsonschema-rs can match patterns with, to be tried in this order.

    The first takes time linear in the text, whatever the pattern. Look-around needs the second, which gives up.
    """
    import jsonschema_rs  # only here: most targets are types

    return jsonschema_rs.RegexOptions(), jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)
