"""The value of a page of evidence: every part of it, with what is known of it in words, and a link to its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from extractor.evidence.field import Field
from extractor.evidence.page_parts import PLACES, Marks, joined, percent, plain, shown
from extractor.evidence.page_style import COLOURS, STEPS, UNDERLINES
from extractor.schema.pointers import escaped

__all__ = ["LABEL", "LISTS", "STATUSES", "Values", "path", "rows", "short", "text_of"]

MOST_VALUES = 50_000  # parts of a value: a browser takes that, and nobody reads more
LONGEST = 5_000  # characters shown of one value
MOST_BITS = 10_000  # of a number that is written out: Python refuses to at some 14,000
COLUMNS = 30  # of a list shown as a table
LEVELS = 30  # shown inside of each other; what is deeper is shown in one list
LABEL = 120  # characters of a pointer
ELSEWHERE = 5  # further places of one value that are marked

STATUSES = {
    "exact": "as written",
    "normalised": "in another form",
    "fuzzy": "nearly",
    "absent": "not in the document",
    "inferred": "inferred",
}
LISTS = {
    "complete": "complete",
    "incomplete": "incomplete",
    "missing": "missing",
    "wrong_shape": "made of something of another shape",
    "unknown": "not known whether it is complete",
}


class Values:
    """The parts of a value as HTML; their places are marked on the way.

    `gaps` has, for each list, behind which item rows are missing, with a link to them; `absent` are links to the values
    that are not in the document.
    """

    def __init__(self, marks: Marks, fields: Mapping[str, Field], lists: Sequence[Any]) -> None:
        self.marks = marks
        self._fields = fields
        self._reports = {report.pointer: report for report in lists}
        self.gaps = {report.pointer: self._gaps_of(report, number) for number, report in enumerate(lists)}
        self._colours: dict[str, int] = {}
        self.statuses: Counter[str] = Counter()
        self.absent: list[str] = []
        self.count = 0
        self._written = 0  # of parts written

    def tree(self, data: Any) -> Iterator[str]:
        """All of the value."""
        yield from self._value("", "", data, 0)
        if self._written >= MOST_VALUES:
            yield f'<p class="bad">Only the first {MOST_VALUES:,} parts of the value are shown.</p>'

    def _value(self, pointer: str, family: str, value: Any, level: int) -> Iterator[str]:
        """A part of the value. Its family is its pointer without the numbers of items: the same in all rows."""
        if not _is_compound(value):
            yield self._leaf(pointer, family, value)
        elif level >= LEVELS:
            yield from self._deep(pointer, family, value)
        elif isinstance(value, dict):
            yield "<dl>"
            for key, below, kin, member in self._members(pointer, family, value):
                yield f'<div class="r{" deep" * _is_compound(member)}"><dt>{_name(key)}</dt><dd>'
                yield from self._value(below, kin, member, level + 1)
                yield "</dd></div>"
            yield "</dl>"
        else:
            yield from self._list(pointer, family, value, level)

    def _members(self, pointer: str, family: str, value: Any) -> Iterator[tuple[str, str, str, Any]]:
        """Name, pointer, family and value of each member, until there are enough of them."""
        named = isinstance(value, dict)
        for key, member in value.items() if named else enumerate(value):
            if self._written >= MOST_VALUES:
                return
            self._written += 1
            step = escaped(str(key))
            yield str(key), f"{pointer}/{step}", f"{family}/{step if named else '*'}", member

    def _deep(self, pointer: str, family: str, value: Any) -> Iterator[str]:
        """What is too deep to be shown inside of all else, in one list."""
        yield "<dl>"
        ahead = [self._members(pointer, family, value)]
        while ahead:
            found = next(ahead[-1], None)
            if found is None:
                ahead.pop()
            elif _is_compound(found[3]):
                ahead.append(self._members(*found[1:]))
            else:
                yield f'<div class="r deep"><dt>{path(found[1])}</dt><dd>{self._leaf(*found[1:])}</dd></div>'
        yield "</dl>"

    def _list(self, pointer: str, family: str, items: Sequence[Any], level: int) -> Iterator[str]:
        columns = _columns(items)
        report = self._reports.get(pointer)
        said = "" if report is None else f" · {LISTS.get(report.status, 'unknown')}"
        missing: dict[int, list[str]] = {}
        for after, link in self.gaps.get(pointer, ()):
            missing.setdefault(max(min(after, len(items) - 1), -1), []).append(link)
        yield f"<details open><summary>{rows(len(items))}{said}</summary>"
        members = self._members(pointer, family, items)
        if columns:
            yield f'<div class="w" role="group" tabindex="0" aria-label="Table of {plain(short(pointer))}"><table>'
            yield from self._table(members, columns, missing)
            yield "</table></div>"
        else:
            yield '<ol class="l">' + "".join(f'<li class="gaps">{link}</li>' for link in missing.get(-1, ()))
            for number, (_, below, kin, member) in enumerate(members):
                yield "<li>"
                yield from self._value(below, kin, member, level + 1)
                yield "</li>" + "".join(f'<li class="gaps">{link}</li>' for link in missing.get(number, ()))
            yield "</ol>"
        yield "</details>"

    def _table(
        self, members: Iterator[tuple[str, str, str, Any]], columns: list[Any], missing: Mapping[int, list[str]]
    ) -> Iterator[str]:
        """A list of objects without anything inside: one row for each."""

        def gaps(number: int) -> Iterator[str]:
            for link in missing.get(number, ()):
                yield f'<tr class="gaps"><td colspan="{len(columns) + 1}">{link}</td></tr>'

        heads = "".join(f'<th scope="col">{_name(key)}</th>' for key in columns)
        yield f'<thead><tr><th scope="col">#</th>{heads}</tr></thead>'
        yield from chain(["<tbody>"], gaps(-1))
        for number, (_, below, kin, row) in enumerate(members):
            self._written += len(columns)
            yield f'<tr><th scope="row">{number + 1}</th>'
            for key in columns:
                step = escaped(str(key))
                cell = self._leaf(f"{below}/{step}", f"{kin}/{step}", row[key]) if key in row else _NONE
                yield f"<td>{cell}</td>"
            yield from chain(["</tr>"], gaps(number))
        yield "</tbody>"

    def _leaf(self, pointer: str, family: str, value: Any) -> str:
        """One value: a link to its place, if it has one, and what is known of it in words."""
        self.count += 1
        name, known = f"v{self.count}", self._fields.get(pointer, _UNKNOWN)
        words = self._words(known, value)
        label = f"{plain(short(pointer))}: {words[0]}" if words else plain(short(pointer))
        look = self._look(family, known)
        own = self.marks.add(islice(known.spans, PLACES), "m", look, name, label)
        also = self.marks.add(islice(known.elsewhere, ELSEWHERE), "e", look, name, label + " (elsewhere)")
        if value is not None and known.status is not None:
            self.statuses[known.status] += 1
            if known.status == "absent":
                self.absent.append(f'<a href="#{name}">{path(pointer)}</a>')
            elif known.status != "inferred" and not own:
                words.append("place unknown")
        text = text_of(value)
        said = f" <small{' class=bad' * (words[0] == STATUSES['absent'])}>{' · '.join(words)}</small>" if words else ""
        nil = " nil" * (value is None or value == "" or _is_empty(value))
        about = f'id="{name}" dir="auto" title="{plain(short(pointer))}"'
        if not own and not also:
            return f'<span class="v{nil}" {about}>{text}</span>{said}'
        place = next(iter((own or also).values()))
        numbers = f'data-p="{joined(own or also)}"' + (f' data-e="{joined(also)}"' if own and also else "")
        return f'<a class="v {look}{nil}" {about} href="#s{place}" {numbers}>{text}</a>{said}'

    def _look(self, family: str, known: Field) -> str:
        colour = self._colours.setdefault(family, len(self._colours))
        again = colour // len(COLOURS) % len(UNDERLINES)
        sure = _share(known.confidence)
        strength = "n" if sure is None else f"o{round(sure * STEPS)}"
        return f"c{colour % len(COLOURS)} {strength}" + (f" u{again}" if again else "")

    def _words(self, known: Field, value: Any) -> list[str]:
        """What is known of a value, as HTML: its status first, if it has one."""
        words = [] if value is None or known.status is None else [STATUSES[known.status]]
        score, sure, agreed = _share(known.score), _share(known.confidence), _share(known.agreement)
        if known.status in ("normalised", "fuzzy") and score is not None and score < 1:
            words.append(f"{percent(score)}\u00a0alike")
        if known.span is not None and known.span.page is not None:
            words.append(f"page\u00a0{plain(str(known.span.page))}")
        if sure is not None:
            words.append(f"{percent(sure)}\u00a0sure")
        if agreed is not None and agreed < 1:
            words.append(f"{percent(agreed)}\u00a0agree")
        if known.others:
            words.append(
                "or "
                + ", ".join(
                    f"{text_of(other, LABEL)} ({percent(_share(part) or 0)})" for other, part in known.others[:3]
                )
            )
        return words

    def _gaps_of(self, report: Any, number: int) -> list[tuple[int, str]]:
        """The missing rows of a list: behind which item, and a link to them."""
        gaps: list[tuple[int, str]] = []
        for gap in report.gaps:
            said = f"{rows(gap.rows)} not in the list"
            label = f"{rows(gap.rows)} not in {plain(short(report.pointer))}"
            behind = f" (after row {gap.after + 1})" if gap.after >= 0 else " (before the first row)"
            gaps.append((gap.after, self.marks.linked([gap], f"w{number}", label, said + behind, "g")))
        return gaps


# ------------------------------------------------------------------------------------------ small words

_UNKNOWN = Field(status=None)
_NONE = '<span class="dim">left out</span>'


def _is_compound(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple)) and bool(value)


def _is_empty(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple)) and not value


def _columns(items: Sequence[Any]) -> list[Any]:
    """The columns of a list that is a table: its items are objects without anything inside. Empty for another one."""
    columns: dict[Any, None] = {}
    for item in items:
        if not isinstance(item, dict) or any(map(_is_compound, item.values())):
            return []
        columns |= dict.fromkeys(item)
        if len(columns) > COLUMNS:
            return []
    return list(columns)


def text_of(value: Any, most: int = LONGEST) -> str:
    """A value in words, as HTML."""
    if isinstance(value, str):
        left = len(value) - most
        more = f' <small class="bad">… and {left:,} more characters</small>' if left > 0 else ""
        return (shown(value[:most]) or "empty text") + more
    if _is_empty(value):
        return "empty object" if isinstance(value, dict) else "empty list"
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return f"a number of {value.bit_length():,} bits"
    return _WORDS.get(str(value)) or text_of(str(value), most)


_WORDS = {"None": "null", "True": "true", "False": "false"}


def _share(share: float | None) -> float | None:
    """A share, from 0 to 1; None for what is no number."""
    return None if share is None or share != share else min(max(share, 0.0), 1.0)  # noqa: PLR0124  # NaN is not itself


def short(pointer: str) -> str:
    """A pointer, or its end where it is long."""
    if not pointer:
        return "the whole value"
    return pointer if len(pointer) <= LABEL else "…" + pointer[-LABEL:]


def path(pointer: str) -> str:
    """A pointer as HTML."""
    return f"<code><bdi>{shown(short(pointer))}</bdi></code>"


def _name(key: Any) -> str:
    return f"<bdi>{shown(str(key)[:LABEL])}</bdi>" if key != "" else '<span class="dim">no name</span>'


def rows(count: int) -> str:
    """How many rows, in words."""
    return "1 row" if count == 1 else f"{count:,} rows"
