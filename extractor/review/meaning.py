"""What a text that was selected in a document means for a field: "EUR 1.918,60" is a number, "11.9.2024" a date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from extractor.evidence.amounts import amounts
from extractor.evidence.days import clocks, days
from extractor.evidence.source import Source
from extractor.reply.dates import FORMATS
from extractor.reply.meanings import folded
from extractor.reply.numerals import numeral_of
from extractor.review.empties import Node
from extractor.review.form import Form
from extractor.review.places import nodes_at
from extractor.schema.nodes import text_of

__all__ = ["meaning"]

_SPACE = re.compile(r"\s++")
_ORDERED = re.compile(r"(?<!\d)(\d{1,2})[/.‐–-] ?+(\d{1,2})[/.‐–-] ?+\d{2,4}(?!\d)")
_YES = frozenset("yes y true x ja oui sí si sì sim ✓ ✔ ☑ ☒ on 1".split())
_NO = frozenset("no n false nein non não nee ☐ off 0 -".split())
PLAINLY = 0.85  # the score of a number that is not a part of something else
LONGEST = 300  # digits of a whole number
MOST_DATES = 1_000  # of a document, by which it is told which number is the day


def meaning(form: Form, pointer: str, text: str, source: Source | None = None) -> Any:
    """The value that a text means at a JSON pointer of a value; the text itself, with single spaces, where nothing
    better is known. For a list it is that of an item. `source` tells how the document writes its dates.
    """
    plain = _SPACE.sub(" ", text).strip()
    nodes = [each for node in nodes_at(form, pointer) for each in _items(form, pointer, node)]
    for node in nodes:
        read = _READ.get(node["kind"])
        found = None if read is None else read(node, plain, source)
        if found is not None:
            return found
    # Where several lines may stand, they stay.
    if any(node["kind"] == "text" and node["multiline"] for node in nodes):
        return text.strip()
    return plain


def _items(form: Form, pointer: str, node: Node) -> list[Node]:
    return nodes_at(form, f"{pointer}/0") if node["kind"] == "list" else [node]


# --------------------------------------------------------------------------------------------------- readers


def _number(node: Node, text: str, source: Source | None) -> Any:
    whole = node["kind"] == "integer"
    written = numeral_of(text, whole=whole)
    readings: list[int | float] = []
    if written is not None:
        if written.lstrip("-").isdigit() and len(written) <= LONGEST:
            return int(written)
        number = float(written)
        if (
            number - number == 0
            and not whole
            and ((node.get("exact") and "e" not in written) or _loses(number, written))
        ):
            return written  # as a text it keeps its digits; who checks it makes of it what the target takes
        readings = [number]
    else:
        # What was selected is meant as a whole: the sign and the brackets, too.
        found = sorted(
            amounts(text), key=lambda each: (each.score < PLAINLY, each.start - each.end, -each.score, each.start)
        )
        if node.get("exact") and found:
            return _digits(text[found[0].start : found[0].end], found[0].value)
        readings = [each.value for each in found]
    for each in readings:
        if each - each == 0 and (not whole or each == each // 1):
            return int(each) if whole else each
    return None


def _loses(number: float, written: str) -> bool:
    try:
        return Decimal(repr(number)) != Decimal(written)
    except ArithmeticError:  # a power of ten that nothing can count with
        return False


def _digits(text: str, value: int | float) -> Any:
    """A number with the digits that it has in a text, where these are plain: 62.50 says more than 62.5."""
    written = numeral_of(text.strip("() "))
    if isinstance(value, int) or written is None or abs(float(written)) != abs(value):
        return value if value - value == 0 else None
    return f"-{written.lstrip('-')}" if value < 0 else written.lstrip("-")


def _date(node: Node, text: str, source: Source | None) -> Any:
    found = [each for each in days(text) if len(each.value) == len("2024-03-09")]
    if not found:
        return FORMATS["date"].spelled(text)
    first = [each for each in found if each.start == found[0].start]
    if len(first) > 1 and source is not None and _month_comes_first(source.text):
        other = next((each.value for each in first if _swapped(each.value, first[0].value)), None)
        if other is not None:
            return other
    return max(first, key=lambda each: each.score).value


def _swapped(one: str, other: str) -> bool:
    return one[:4] == other[:4] and one[5:7] == other[8:] and one[8:] == other[5:7]


def _month_comes_first(text: str) -> bool:
    """Whether the dates of a document that leave no doubt have the month before the day."""
    said: Counter[bool] = Counter()
    for number, match in enumerate(_ORDERED.finditer(text)):
        one, other = int(match[1]), int(match[2])
        if one <= 12 < other <= 31:
            said[True] += 1
        elif other <= 12 < one <= 31:
            said[False] += 1
        if number >= MOST_DATES:
            break
    return said[True] > said[False]


def _time(node: Node, text: str, source: Source | None) -> Any:
    spelled = FORMATS["time"].spelled(text)
    if spelled is not None:
        return spelled
    found = next(iter(clocks(text)), None)
    return None if found is None else found.value if found.value.count(":") == 2 else f"{found.value}:00"


def _datetime(node: Node, text: str, source: Source | None) -> Any:
    spelled = FORMATS["date-time"].spelled(text)
    if spelled is not None:
        return spelled
    day = _date(node, text, source)
    clock = None if day is None else _time(node, text, source)
    return None if day is None else f"{day}T{clock or '00:00:00'}"


def _boolean(node: Node, text: str, source: Source | None) -> Any:
    said = text.casefold().strip(" .,:;[]()")
    return True if said in _YES else False if said in _NO else None


def _choice(node: Node, text: str, source: Source | None) -> Any:
    """The option that is the text, or else the only one that stands in it as a word."""
    wanted = folded(text)
    options = [(folded(_spoken(each["value"])), each["value"]) for each in node["options"]]
    same = [value for name, value in options if name and name == wanted]
    if same:
        return same[0]
    words = f" {_words(text)} "
    inside = list(_inside(words, node["options"]))
    if len(inside) == 1:
        return inside[0]
    begun = [value for name, value in options if wanted and len(wanted) > 2 and name.startswith(wanted)]
    return begun[0] if len(begun) == 1 else None


def _inside(words: str, options: list[Mapping[str, Any]]) -> Iterator[Any]:
    for each in options:
        name = _words(_spoken(each["value"]))
        if name and f" {name} " in words:
            yield each["value"]


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _spoken(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value)


_READ: Mapping[str, Callable[[Node, str, Source | None], Any]] = {
    "number": _number,
    "integer": _number,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "boolean": _boolean,
    "choice": _choice,
}
