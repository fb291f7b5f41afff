"""What people do at a review, without HTTP: what there is to look at, one document after the other, and what they say.

All of it gives and takes plain data, as the page has it. Names, texts, values and notes are whatever others wrote.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extractor.batch.differing import is_same
from extractor.batch.job import Job
from extractor.batch.record import Record, Revision, Run
from extractor.batch.restoring import evident
from extractor.batch.written import written_value
from extractor.errors import OptionError
from extractor.evidence.field import Field
from extractor.review.checking import Checked, Sources, checked, grounded
from extractor.review.form import Form, form_of
from extractor.review.line import Line
from extractor.review.meaning import meaning
from extractor.review.presence import Presence
from extractor.review.sheet import (
    doubtful,
    shown_error,
    shown_fields,
    shown_lists,
    shown_revision,
    shown_row,
    shown_tally,
    shown_text,
)
from extractor.schema.nodes import text_of
from extractor.schema.target import Target, TypeTarget, target_of

__all__ = ["Desk", "Invalid", "Missing"]

RECORDS = 4  # documents that are kept, with what is known of their fields
LONGEST_NAME = 100  # characters of what somebody calls themselves
LONGEST_NOTE = 10_000
LONGEST_PART = 100_000  # characters of a text that are given at once
SELECTED = 20_000  # characters of a selection that are read
DECISIONS = ("accept", "reject", "reopen")


class Missing(Exception):
    """There is no such document in the run."""


class Invalid(Exception):
    """What was entered does not validate: `errors` say where, and why."""

    def __init__(self, errors: tuple[Mapping[str, str], ...]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """A document with what is known of its fields: those of the data that is there now."""

    record: Record
    fields: Mapping[str, Field]
    lists: tuple[Mapping[str, Any], ...]


class Desk:
    """The documents of one run, for any number of people. Threads may share it.

    `target` is what values are held against, by default the run's JSON Schema; `context` is pydantic's. Raises
    `OptionError` where the target is not that of the run, and `JobError`.
    """

    def __init__(
        self, job: Job, target: Any = None, *, run: int | Run | None = None, who: str = "", context: Any = None
    ) -> None:
        self.job = job
        self.run, self.target = _run_and_target(job, target, run)
        self.who = named(who)
        self._context = context
        self._given = target is not None
        self._form: Form = form_of(self.run.schema)
        self._presence = Presence()
        self._sources = Sources()
        self._lock = threading.Lock()
        self._line = Line(job, self.run)
        self._kept: OrderedDict[int, tuple[tuple[Any, ...], _Known]] = OrderedDict()
        self.said = 0  # how often somebody said something
        self.reviewed: set[int] = set()  # documents of which somebody did

    # -------------------------------------------------------------------------------------- what there is

    def about(self, who: str = "") -> dict[str, Any]:
        """The job, its form, and how far it is."""
        by_model = isinstance(self.target, TypeTarget)
        return {
            "job": self.job.path.name,
            "run": self.run.number,
            "target": self.run.target,
            "model": _text(self.run.options.get("model")),
            "by_hand": self.by_hand,
            "checked_by": "model" if by_model else "schema",
            "notice": self.notice,
            "who": named(who) or self.who,
            "form": self._form,
            "tally": self.tally(),
        }

    @property
    def by_hand(self) -> bool:
        """Whether people enter the values, and nothing was extracted."""
        return self.run.options.get("by") == "hand"

    @property
    def notice(self) -> str | None:
        """What people should know of how values are checked."""
        if self._given or not self.run.reference:
            return None
        return f"Checked by the schema alone: start with --target {self.run.reference} for your model's own validators."

    def tally(self) -> dict[str, int]:
        """How far the review is."""
        return shown_tally(self.job.tally(self.run))

    def queue(
        self, *, show: str, order: str, search: str, after: tuple[Any, ...] | None, limit: int, who: str = ""
    ) -> dict[str, Any]:
        """A page of what there is to review; `after` is the place of the last row of the one before."""
        rows = self._line.rows(show, order, search, after, limit)
        here = self._presence.everywhere(but=named(who))
        return {
            "rows": [shown_row(row, here.get(row.document, ())) for row in rows],
            "after": list(rows[-1].place) if len(rows) == limit else None,
            "tally": self.tally(),
        }

    def next(
        self, *, come_from: int | None, step: int, show: str, order: str, search: str, who: str = ""
    ) -> dict[str, Any]:
        """The document after one, or before it, that nobody else has open."""
        taken = self._presence.everywhere(but=named(who))
        place = None if come_from is None else self._line.place(order, come_from)
        if step >= 0:
            found = self._line.after(show, order, search, place, taken)
            if found is None and come_from is not None and show in _LEFT:
                # What was passed over, or has become more doubtful meanwhile, is still to be done.
                found = self._line.after(show, order, search, None, {**taken, come_from: ()})
        else:
            found = None if place is None else self._line.before(show, order, search, place, taken)
        return {"id": found}

    # ------------------------------------------------------------------------------------- one document

    def sheet(self, document: int, who: str = "", *, has_pages: bool = False) -> dict[str, Any]:
        """All that is to be seen of a document."""
        known = self._known(document)
        record, revisions = known.record, self._revisions(known.record)
        errors = () if record.error is None else _errors_of(record)
        data = self._data(record)
        return {
            "id": document,
            "name": record.name,
            "names": list(self.job.names(document, self.run)),
            "state": record.state,
            "model": record.model,
            "row": dict(record.row),
            "error": shown_error(record),
            "data": data,
            "extracted": _extracted(record),
            "errors": list(errors),
            "fields": shown_fields(known.fields),
            "lists": shown_lists(known.lists),
            "doubtful": [] if record.state == "pending" else self._doubtful(data, known.fields, errors),
            "revision": revisions[-1].number if revisions else 0,
            "decision": None if record.revision is None else record.revision.decision,
            "revisions": [shown_revision(each) for each in revisions],
            "text": shown_text(record.text, record.pages, known.fields),
            "has_pages": has_pages,
            "here": self._presence.here(document, but=named(who)),
        }

    def named_record(self, document: int) -> tuple[Record, tuple[str, ...]]:
        """What the run knows of a document, with its text, and all of its names. Raises `Missing`."""
        return self._record(document), self.job.names(document, self.run)

    def text(self, document: int, start: int, end: int) -> dict[str, Any]:
        """A part of its text, of at most 100,000 characters."""
        text = self._record(document).text or ""
        start = max(0, min(start, len(text)))
        return {"start": start, "text": text[start : max(start, min(end, start + LONGEST_PART))]}

    def here(self, document: int, who: str) -> dict[str, Any]:
        """Say that somebody has it open; who else has, and what was said of it last."""
        record = self._record(document)
        self._presence.came(named(who) or self.who, document)
        revisions = self._revisions(record)
        last = revisions[-1] if revisions else None
        return {
            "latest": 0 if last is None else last.number,
            "decision": None if last is None else last.decision,
            "who": "" if last is None else last.who,
            "here": self._presence.here(document, but=named(who) or self.who),
        }

    def _record(self, document: int) -> Record:
        record = self.job.document(document, self.run)
        if record is None:
            raise Missing
        return record

    def _revisions(self, record: Record) -> tuple[Revision, ...]:
        return self.job.revisions(record.name, self.run)

    def _data(self, record: Record) -> Any:
        """What the form shows: the value, or of a document without one what there is of it, else an empty one."""
        if record.data is not None:
            return record.data
        if record.extracted is not None:
            return record.extracted
        failed = record.error.value if record.error is not None else None
        return self._form["root"]["empty"] if failed is None else failed

    def _known(self, document: int) -> _Known:
        """A document with what is known of its fields, worked out where it was not before."""
        record = self._record(document)
        number = None if record.revision is None else record.revision.number
        stamp = (record.state, record.attempts, number)
        with self._lock:
            kept = self._kept.get(document)
            if kept is not None and kept[0] == stamp:
                self._kept.move_to_end(document)
                return kept[1]
        known = self._worked_out(record)
        with self._lock:
            self._kept[document] = (stamp, known)
            while len(self._kept) > RECORDS:
                self._kept.popitem(last=False)
        return known

    def _worked_out(self, record: Record) -> _Known:
        if record.revision is None and record.state == "done":
            known = evident(record, self.run.schema) if record.text is not None else record
            return _Known(record=record, fields=known.fields, lists=known.lists)
        data = self._data(record)
        source = self._sources.of(record)
        fields = grounded(self.run.schema, data, source, known={}, before=_NOTHING)
        return _Known(record=record, fields=fields, lists=())

    # --------------------------------------------------------------------------------- what they enter

    def check(self, document: int, data: Any) -> dict[str, Any]:
        """What was entered: mended, what is wrong with it, and where it stands in the document."""
        known = self._known(document)
        found = checked(self.target, data, self._context)
        source = self._sources.of(known.record)
        before = self._data(known.record)
        fields = grounded(self.run.schema, found.data, source, known=known.fields, before=before)
        return {
            "errors": list(found.errors),
            "data": found.data,
            "mended": list(found.mended),
            "fields": shown_fields(fields),
            "doubtful": self._doubtful(found.data, fields, found.errors),
        }

    def _doubtful(
        self, data: Any, fields: Mapping[str, Field], errors: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        # Of what a person entered, only what is plainly wrong is worth a second look.
        return doubtful(data, fields, errors, **({"least": 1.0} if self.by_hand else {}))

    def read(self, document: int, pointer: str, text: str) -> dict[str, Any]:
        """What a text that was selected means for a field."""
        if len(text) > SELECTED:
            raise OptionError(f"More than {SELECTED:,} characters are not read for one field.", option="text")
        source = self._sources.of(self._record(document))
        return {"value": meaning(self._form, pointer, text, source)}

    def revise(self, document: int, *, decision: str, data: Any, note: str, based: int, who: str) -> dict[str, Any]:
        """Keep what somebody says. Raises `Invalid`, `Overtaken`, `OptionError`, `JobError`."""
        if decision not in DECISIONS:
            raise OptionError(
                f"decision is {decision!r}, but must be one of {', '.join(DECISIONS)}.", option="decision"
            )
        if len(note) > LONGEST_NOTE:
            raise OptionError(f"note has more than {LONGEST_NOTE:,} characters.", option="note")
        record = self._record(document)
        own: dict[str, Any] = {"who": named(who) or self.who, "note": note, "based": based, "run": self.run}
        if decision == "accept":
            found = self._valid(record, data)
            said = "accepted" if is_same(found.data, _extracted(record)) else "corrected"
            value = written_value(self.target, found.value, found.data)
            revision = self.job.revise(record.name, said, found.data, value=value, **own)  # type: ignore[arg-type]
        else:
            revision = self.job.revise(record.name, "rejected" if decision == "reject" else "reopened", **own)
        with self._lock:
            self.said += 1
            self.reviewed.add(document)
            self._kept.pop(document, None)
        return {"revision": shown_revision(revision), "tally": self.tally()}

    def _valid(self, record: Record, data: Any) -> Checked:
        found = checked(self.target, data, self._context)
        if found.errors:
            raise Invalid(found.errors)
        return found


_LEFT = ("open", "failed", "doubtful")  # of which there is none where all is done
_NOTHING: Any = object()


def named(who: str) -> str:
    """What somebody calls themselves, without what cannot be seen."""
    return "".join(each for each in who if each.isprintable()).strip()[:LONGEST_NAME]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _extracted(record: Record) -> Any:
    """What was extracted, whatever people said."""
    if record.revision is not None:
        return record.extracted
    return record.data


def _errors_of(record: Record) -> tuple[dict[str, Any], ...]:
    if record.error is None:
        return ()
    return tuple(
        {"pointer": str(each.get("pointer") or ""), "message": str(each.get("message") or "")}
        for each in record.error.errors
    )


def _run_and_target(job: Job, target: Any, run: int | Run | None) -> tuple[Run, Target[Any]]:
    """The run, and what its values are held against."""
    number = run.number if isinstance(run, Run) else run
    runs = {each.number: each for each in job.runs}
    latest = job.latest
    if number is None and target is not None:
        wanted = text_of(target_of(target).schema)
        fitting = [each for each in runs.values() if text_of(each.schema) == wanted]
        chosen = max(fitting, key=lambda each: (each == latest, each.number), default=latest)
    else:
        chosen = latest if number is None else runs.get(number)
    if chosen is None:
        missing = "no run yet" if number is None else f"no run {number}"
        raise OptionError(f"The job {job.path} has {missing}.", option="run", hint="See extractor jobs status JOB.")
    if target is None:
        return chosen, target_of(dict(chosen.schema))
    own: Target[Any] = target_of(target)
    if text_of(own.schema) != text_of(chosen.schema):
        raise OptionError(
            f"{own.name} is not what run {chosen.number} was asked for: its schema is another one.",
            option="target",
            hint="Leave --target out to check by the run's own schema.",
        )
    return chosen, own
