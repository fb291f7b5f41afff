"""What people are to look at next: the documents of a run in order of doubt, of the input, or of their names.

A page goes on after the place of the last row of the one before, or ends before that of a first one, and is found by an
index: how many documents there are makes no difference to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from extractor.batch import reading
from extractor.batch.doubt import FAILED
from extractor.batch.record import Decision, State
from extractor.batch.revisions import by_hand
from extractor.batch.rows import DECISIONS, STATES, name_of, stored_name, text_of
from extractor.errors import OptionError

__all__ = ["Order", "Row", "Show", "check_page", "names", "place", "queue"]

Show: TypeAlias = Literal["open", "accepted", "corrected", "rejected", "failed", "doubtful", "all"]
"""Which documents: `open` are those of which nobody has said anything that counts; `failed` and `doubtful` are of those
the ones that failed, and that have a value which is doubtful.
"""
Order: TypeAlias = Literal["doubt", "input", "name"]

LONGEST_SEARCH = 500  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A document in the queue. `document` is its number in the file, `name` that of the first input with its content,
    `names` how many have it. `decision` is what `who` said last of it, None where nobody did or it was reopened;
    `revision` the number of the last revision, 0 for none. `doubt` and `doubtful` are None until they are worked out.

    `place` is where it stands in the order that was asked for: the next page goes on after that of the last row.
    """

    document: int
    name: str
    names: int
    state: State
    decision: Decision | None = None
    who: str = ""
    doubt: float | None = None
    doubtful: int | None = None
    revision: int = 0
    place: tuple[Any, ...] = field(default=(), repr=False)


# ---------------------------------------------------------------------------------------------- a page

_COLUMNS = "d.id, i.name, d.inputs, d.state, v.decision, r.who, v.sure, v.doubtful, r.number, i.number, i.id "
_FIRST = reading.FIRST_INPUT.format(document="d.id")
_BY_REVIEW = (
    "FROM review v INDEXED BY {index} CROSS JOIN document d ON d.id = v.document AND d.run = v.run "
    f"CROSS JOIN input i ON i.id = {_FIRST} LEFT JOIN revision r ON r.id = v.revision WHERE v.run = ? "
)
_BY_INPUT = (
    "FROM input i CROSS JOIN document d ON d.id = i.document LEFT JOIN review v ON v.document = d.id "
    f"LEFT JOIN revision r ON r.id = v.revision WHERE i.run = ? AND (d.inputs = 1 OR i.id = {_FIRST}) "
)
_BY_FAILED = (
    f"FROM document d INDEXED BY document_failed CROSS JOIN input i ON i.id = {_FIRST} "
    "LEFT JOIN review v ON v.document = d.id LEFT JOIN revision r ON r.id = v.revision WHERE d.run = ? AND d.state = 3 "
)
_IS_DOUBTFUL = "AND v.doubtful > 0 AND v.decision IS NULL "
_NUMBERS: Mapping[str, int] = {each: number for number, each in enumerate(DECISIONS) if each != "reopened"}
_BY_SAID = {each: f"{_BY_REVIEW.format(index='review_said')}AND v.decision = {_NUMBERS[each]} " for each in _NUMBERS}

# How doubtful they are: an index has those that are scored in that order. What failed is the most doubtful.
_SCORED: Mapping[str, str] = {
    "open": _BY_REVIEW.format(index="review_open") + "AND v.decision IS NULL AND v.sure IS NOT NULL ",
    "all": _BY_REVIEW.format(index="review_sure") + "AND v.sure IS NOT NULL ",
    "doubtful": _BY_REVIEW.format(index="review_doubtful") + _IS_DOUBTFUL,
    "failed": _BY_REVIEW.format(index="review_open")
    + f"AND v.decision IS NULL AND v.sure <= {-FAILED} AND d.state = 3 ",
    **{each: f"{source}AND v.sure IS NOT NULL " for each, source in _BY_SAID.items()},
}
# Other orders are those of the input: all of it is gone through,
_MANY: Mapping[str, str] = {
    "open": f"{_BY_INPUT}AND v.decision IS NULL ",
    "all": _BY_INPUT,
    "doubtful": _BY_INPUT + _IS_DOUBTFUL,
    "failed": f"{_BY_INPUT}AND d.state = 3 AND v.decision IS NULL ",
    **{each: f"{_BY_INPUT}AND v.decision = {number} " for each, number in _NUMBERS.items()},
}
# but few are looked up, and sorted. How many there are, the index alone tells.
_FEW: Mapping[str, str] = {
    "doubtful": _SCORED["doubtful"],
    "failed": f"{_BY_FAILED}AND v.decision IS NULL ",
    **_BY_SAID,
}
_COUNTED: Mapping[str, str] = {
    "doubtful": "SELECT 1 FROM review INDEXED BY review_doubtful WHERE run = ? AND doubtful > 0 AND decision IS NULL",
    "failed": "SELECT 1 FROM document INDEXED BY document_failed WHERE run = ? AND state = 3",
    **{
        each: f"SELECT 1 FROM review INDEXED BY review_said WHERE run = ? AND decision = {number}"  # noqa: S608  # our own
        for each, number in _NUMBERS.items()
    },
}
SORTED = 2_000

# What the rows are sorted by, and after what a page goes on.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "scored": ("v.sure", "v.document"),
    "unscored": ("i.number", "i.id"),
    "input": ("i.number", "i.id"),
    "name": ("i.name",),
}
_PLACED = {"scored": "doubt", "unscored": "doubt"}
_LENGTHS: Mapping[str, int] = {"doubt": 3, "input": 2, "name": 1}


def check_page(
    show: str,
    order: str,
    search: str,
    limit: int,
    *,
    after: tuple[Any, ...] | None = None,
    before: tuple[Any, ...] | None = None,
) -> None:
    """Raises `OptionError` for what is no page of a queue."""
    for option, value, known in (("show", show, get_args(Show)), ("order", order, get_args(Order))):
        if value not in known:
            raise OptionError(f"{option} is {value!r}, but must be one of {', '.join(known)}.", option=option)
    if not isinstance(search, str) or len(search) > LONGEST_SEARCH:
        raise OptionError(f"search must be a text of at most {LONGEST_SEARCH} characters.", option="search")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise OptionError(f"limit must be a number from 1 to {MOST:,}.", option="limit")
    for option, place in (("after", after), ("before", before)):
        if place is not None and not _is_place(order, place):
            raise OptionError(f"{option} is no place in this order.", option=option, hint="Give the place of a row.")
    if after is not None and before is not None:
        raise OptionError("A page is after a place or before one.", option="before", hint="Give one of them.")


MOST = 10_000  # rows of a page


def _is_place(order: str, after: Any) -> bool:
    if not isinstance(after, (tuple, list)) or len(after) != _LENGTHS[order]:
        return False
    if order == "name":
        return isinstance(after[0], str)
    return all(isinstance(each, (int, float)) and abs(each) < 2**63 for each in after)


def queue(
    connection: sqlite3.Connection,
    run: int,
    *,
    show: str,
    order: str,
    search: str = "",
    after: tuple[Any, ...] | None = None,
    before: tuple[Any, ...] | None = None,
    limit: int = 50,
) -> tuple[Row, ...]:
    """A page of the documents of a run that can be reviewed: the first ones after a place, or the last ones before one,
    in their order.
    """
    page = _Page(connection, run, show, search, back=before is not None)
    found = page.found(order, after if before is None else before, limit)
    return tuple(reversed(found) if before is not None else found)


class _Page:
    """What is the same in all the statements for one page. It goes forward, or `back`: its rows, too."""

    def __init__(self, connection: sqlite3.Connection, run: int, show: str, search: str, *, back: bool) -> None:
        self._connection = connection
        self._run, self._show, self._back = run, show, back
        hand = "" if not by_hand(connection, run) else "OR 1 "
        self._which = f"AND d.inputs > 0 AND (d.state >= 2 OR v.decision IS NOT NULL {hand}) "
        self._search: tuple[str, ...] = ()
        if search:
            like = "%" + "".join("\\" + each if each in "\\%_" else each for each in search) + "%"
            self._search = (like, like)
            self._which += (
                "AND (CAST(i.name AS TEXT) LIKE ? ESCAPE '\\' OR (d.inputs > 1 AND EXISTS "
                "(SELECT 1 FROM input o WHERE o.document = d.id AND CAST(o.name AS TEXT) LIKE ? ESCAPE '\\'))) "
            )

    def found(self, order: str, start: tuple[Any, ...] | None, limit: int) -> list[Row]:
        """The rows from a place on, the nearest first."""
        if order != "doubt":
            return self._rows(self._source(), order, start, limit)
        # Those that are scored come first, then the others in the order of the input.
        found: list[Row] = []
        for part in (1, 0) if self._back else (0, 1):
            if start is None or (part < start[0] if self._back else part > start[0]):
                found += self._part(part, None, limit - len(found))
            elif part == start[0]:
                found += self._part(part, start[1:], limit - len(found))
            if len(found) == limit:
                break
        return found

    def _part(self, part: int, start: tuple[Any, ...] | None, limit: int) -> list[Row]:
        if part == 0:
            return self._rows(_SCORED[self._show], "scored", start, limit)
        if self._show == "doubtful":
            return []  # those are scored
        source = _FEW.get(self._show, _MANY[self._show])  # mostly few are left
        return self._rows(f"{source}AND v.sure IS NULL ", "unscored", start, limit)

    def _source(self) -> str:
        """Where the rows come from in an order that is not that of the scores: few are looked up and sorted; of many it
        is faster to go through the input.
        """
        few = _FEW.get(self._show)
        if few is None:
            return _MANY[self._show]
        rows = self._connection.execute(_COUNTED[self._show] + " LIMIT ?", (self._run, SORTED + 1)).fetchall()
        return few if len(rows) <= SORTED else _MANY[self._show]

    def _rows(self, source: str, order: str, start: tuple[Any, ...] | None, limit: int) -> list[Row]:
        keys = _KEYS[order]
        sign, direction = ("<", " DESC") if self._back else (">", "")
        beyond = ""
        given: tuple[Any, ...] = ()
        if start is not None:
            beyond = f"AND ({', '.join(keys)}) {sign} ({', '.join('?' * len(keys))}) "
            given = tuple(stored_name(each) if isinstance(each, str) else each for each in start)
        sorting = ", ".join(f"{key}{direction}" for key in keys)
        statement = f"SELECT {_COLUMNS}{source}{self._which}{beyond}ORDER BY {sorting} LIMIT ?"
        rows = self._connection.execute(statement, (self._run, *self._search, *given, limit))
        return [_row(row, _PLACED.get(order, order)) for row in rows]


def _row(row: tuple[Any, ...], order: str) -> Row:
    document, name, inputs, state, decision, who, sure, doubtful, revision, number, place = row
    shown = name_of(name)
    places: Mapping[str, tuple[Any, ...]] = {
        "doubt": (1, number, place) if sure is None else (0, sure, document),
        "input": (number, place),
        "name": (shown,),
    }
    return Row(
        document=document,
        name=shown,
        names=inputs,
        state=STATES[state],
        decision=None if decision is None else DECISIONS[decision],
        who="" if decision is None or who is None else text_of(who),
        doubt=None if sure is None else -sure,
        doubtful=doubtful,
        revision=revision or 0,
        place=places[order],
    )


def place(connection: sqlite3.Connection, run: int, document: int, order: str) -> tuple[Any, ...] | None:
    """Where a document stands in an order now, whether it is shown or not; None where the run does not have it."""
    row = connection.execute(_PLACE, (document, run)).fetchone()
    return None if row is None else _row(row, order).place


_PLACE = (
    f"SELECT {_COLUMNS}FROM document d CROSS JOIN input i ON i.id = {_FIRST} LEFT JOIN review v ON v.document = d.id "
    "LEFT JOIN revision r ON r.id = v.revision WHERE d.id = ? AND d.run = ?"
)


def names(connection: sqlite3.Connection, run: int, document: int) -> tuple[str, ...]:
    """The inputs that have the content of a document, in order."""
    rows = connection.execute(
        "SELECT name FROM input WHERE document = ? AND +run = ? ORDER BY number, id", (document, run)
    )
    return tuple(name_of(name) for (name,) in rows)
