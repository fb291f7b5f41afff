"""What people are to look at next: the documents of a run in order of doubt, of the input, or of their names.

A page goes on after the place of the last row of the one before, and is found by an index: how many documents there are
makes no difference to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from extractor.batch import reading
from extractor.batch.record import Decision, State
from extractor.batch.revisions import by_hand
from extractor.batch.rows import DECISIONS, STATES, name_of, stored_name, text_of
from extractor.errors import OptionError

__all__ = ["Order", "Row", "Show", "Tally", "check_page", "names", "queue", "tally"]

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

    `place` is where the next page goes on.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many documents of a run can be reviewed, and how far that is: see `Show`. Two inputs with the same content
    are one document. `scored` are those of which it is known how doubtful they are.
    """

    all: int = 0
    open: int = 0
    accepted: int = 0
    corrected: int = 0
    rejected: int = 0
    failed: int = 0
    doubtful: int = 0
    scored: int = 0


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
_SAID = _BY_REVIEW.format(index="review_said")

# Where the rows of each come from that are not in the order of the input: it says which alone.
_FEW: Mapping[str, str] = {
    **{
        decision: f"{_SAID}AND v.decision = {number} "
        for number, decision in enumerate(DECISIONS)
        if decision != "reopened"
    },
    "failed": f"{_BY_FAILED}AND v.decision IS NULL ",
    "doubtful": _BY_REVIEW.format(index="review_doubtful") + _IS_DOUBTFUL,
}
# Of many, those that are scored come from an index, then the others in the order of the input.
_SCORED: Mapping[str, str] = {
    "open": _BY_REVIEW.format(index="review_open") + "AND v.decision IS NULL AND v.sure IS NOT NULL ",
    "all": _BY_REVIEW.format(index="review_sure") + "AND v.sure IS NOT NULL ",
}
_MANY: Mapping[str, str] = {
    "open": f"{_BY_INPUT}AND v.decision IS NULL ",
    "all": _BY_INPUT,
    "doubtful": _BY_INPUT + _IS_DOUBTFUL,
}
SORTED = 10_000  # documents that are sorted for one page: of more, it is faster to go through the input

# What the rows are sorted by, and after what a page goes on.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "doubt": ("v.sure IS NULL", "coalesce(v.sure, i.number)", "iif(v.sure IS NULL, i.id, d.id)"),
    "input": ("i.number", "i.id"),
    "name": ("i.name",),
    "scored": ("v.sure", "v.document"),
}
_LENGTHS: Mapping[str, int] = {"doubt": 3, "input": 2, "name": 1}


def check_page(show: str, order: str, search: str, after: tuple[Any, ...] | None, limit: int) -> None:
    """Raises `OptionError` for what is no page of a queue."""
    for option, value, known in (("show", show, get_args(Show)), ("order", order, get_args(Order))):
        if value not in known:
            raise OptionError(f"{option} is {value!r}, but must be one of {', '.join(known)}.", option=option)
    if not isinstance(search, str) or len(search) > LONGEST_SEARCH:
        raise OptionError(f"search must be a text of at most {LONGEST_SEARCH} characters.", option="search")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise OptionError(f"limit must be a number from 1 to {MOST:,}.", option="limit")
    if after is not None and not _is_place(order, after):
        raise OptionError("after is no place in this order.", option="after", hint="Give the place of a row.")


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
    limit: int = 50,
) -> tuple[Row, ...]:
    """A page of the documents of a run that can be reviewed."""
    page = _Page(connection, run, show, search)
    if show == "doubtful" and order == "doubt":  # they all are scored
        return tuple(page.rows(_FEW[show], "scored", None if after is None else after[1:], limit))
    if show in _FEW and not (show == "doubtful" and _are_many_doubtful(connection, run)):
        return tuple(page.rows(_FEW[show], order, after, limit))
    if order != "doubt":
        return tuple(page.rows(_MANY[show], order, after, limit))
    found: list[Row] = []
    if after is None or not after[0]:
        found += page.rows(_SCORED[show], "scored", None if after is None else after[1:], limit)
        after = None
    if len(found) < limit:
        rest = None if after is None else after[1:]
        found += page.rows(f"{_MANY[show]}AND v.sure IS NULL ", "input", rest, limit - len(found), unscored=True)
    return tuple(found)


def _are_many_doubtful(connection: sqlite3.Connection, run: int) -> bool:
    return int(connection.execute(_SOME_DOUBTFUL, (run, SORTED + 1)).fetchone()[0]) > SORTED


class _Page:
    """What is the same in all the statements for one page."""

    def __init__(self, connection: sqlite3.Connection, run: int, show: str, search: str) -> None:
        self._connection = connection
        self._run = run
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

    def rows(
        self, source: str, order: str, after: tuple[Any, ...] | None, limit: int, *, unscored: bool = False
    ) -> Iterator[Row]:
        """The rows from a source in an order, after a place."""
        keys = _KEYS[order]
        beyond = ""
        given: tuple[Any, ...] = ()
        if after is not None:
            beyond = f"AND ({', '.join(keys)}) > ({', '.join('?' * len(keys))}) "
            given = tuple(stored_name(each) if isinstance(each, str) else each for each in after)
        statement = f"SELECT {_COLUMNS}{source}{self._which}{beyond}ORDER BY {', '.join(keys)} LIMIT ?"
        for row in self._connection.execute(statement, (self._run, *self._search, *given, limit)):
            yield _row(row, "doubt" if order == "scored" or unscored else order)


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


def names(connection: sqlite3.Connection, run: int, document: int) -> tuple[str, ...]:
    """The inputs that have the content of a document, in order."""
    rows = connection.execute(
        "SELECT name FROM input WHERE document = ? AND +run = ? ORDER BY number, id", (document, run)
    )
    return tuple(name_of(name) for (name,) in rows)


# ---------------------------------------------------------------------------------------- how far it is


def tally(connection: sqlite3.Connection, run: int) -> Tally:
    """How far the review of a run is, all of it at one time."""
    connection.execute("BEGIN")
    try:
        return _tally(connection, run)
    finally:
        connection.execute("ROLLBACK")


def _tally(connection: sqlite3.Connection, run: int) -> Tally:
    pending, done, failed = _documents(connection, run)
    said = dict.fromkeys(DECISIONS, 0)
    again = rejected = 0  # of those that people spoke of: asked for again; failed
    for decision, state, count in connection.execute(_SAYINGS, (run,)):
        said[DECISIONS[decision]] += count
        again += count if state < 2 else 0
        rejected += count if state == 3 else 0
    every = done + failed + (pending if by_hand(connection, run) else again)
    (scored,) = connection.execute(_SCORES, (run,)).fetchone()
    (doubtful,) = connection.execute(_DOUBTFUL, (run,)).fetchone()
    return Tally(
        all=every,
        open=every - sum(said.values()),
        accepted=said["accepted"],
        corrected=said["corrected"],
        rejected=said["rejected"],
        failed=failed - rejected,
        doubtful=doubtful,
        scored=scored,
    )


_SAYINGS = (
    "SELECT v.decision, d.state, count(*) FROM review v INDEXED BY review_said CROSS JOIN document d "
    "ON d.id = v.document WHERE v.run = ? AND v.decision IS NOT NULL AND d.inputs > 0 GROUP BY v.decision, d.state"
)
_SCORES = "SELECT count(*) FROM review INDEXED BY review_sure WHERE run = ? AND sure IS NOT NULL"
_DOUBTFUL = "SELECT count(*) FROM review INDEXED BY review_doubtful WHERE run = ? AND doubtful > 0 AND decision IS NULL"


_SOME_DOUBTFUL = (
    "SELECT count(*) FROM (SELECT 1 FROM review INDEXED BY review_doubtful "
    "WHERE run = ? AND doubtful > 0 AND decision IS NULL LIMIT ?)"
)


def _documents(connection: sqlite3.Connection, run: int) -> tuple[int, int, int]:
    """How many documents are pending or under way, done, and failed: the totals count inputs, of which several may
    have the same content, and some none that could be read.
    """
    row = connection.execute("SELECT pending + running, done, failed FROM total WHERE run = ?", (run,)).fetchone()
    counts = [0, 0, 0] if row is None else list(row)
    for failed, count in connection.execute(_UNREAD, (run,)):
        counts[2 if failed else 0] -= count
    for state, more in connection.execute(_SHARED, (run,)):
        counts[max(0, state - 1)] -= more
    return counts[0], counts[1], counts[2]


_UNREAD = (
    "SELECT failure IS NOT NULL, count(*) FROM input INDEXED BY input_unread WHERE run = ? AND document IS NULL "
    "GROUP BY failure IS NOT NULL"
)
_SHARED = "SELECT state, sum(inputs - 1) FROM document WHERE run = ? AND inputs > 1 GROUP BY state"
