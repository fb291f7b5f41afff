"""What people do at a review, without HTTP: what there is to look at, one document after the other, and what they say.

All of it gives and takes plain data, as the page has it. Names, texts, values and notes are whatever others wrote.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from extractor.batch.differing import is_same
from extractor.batch.holding import conforming
from extractor.batch.job import Job
from extractor.batch.record import Record, Run
from extractor.batch.written import written_value
from extractor.errors import OptionError
from extractor.evidence.field import Field
from extractor.review.checking import Checked, checked, grounded, worded
from extractor.review.document_cache import DocumentCache, extracted
from extractor.review.form import Form, form_of
from extractor.review.meaning import meaning
from extractor.review.presence import Presence
from extractor.review.queue_walk import QueueWalk
from extractor.review.run_choice import run_and_target
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
from extractor.schema.target import TypeTarget

__all__ = ["Desk", "Invalid"]

LONGEST_NAME = 100  # characters of what somebody calls themselves
LONGEST_NOTE = 10_000
LONGEST_PART = 100_000  # characters of a text that are given at once
SELECTED = 20_000  # characters of a selection that are read
DECISIONS = ("accept", "reject", "reopen")


class Invalid(Exception):
    """What was entered does not validate: `errors` say where, and why."""

    def __init__(self, errors: tuple[Mapping[str, str], ...]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


class Desk:
    """The documents of one run, for any number of people. Threads may share it.

    `target` is what values are held against, by default the run's JSON Schema; `context` is pydantic's. Raises
    `OptionError` where the target is not that of the run, and `JobError`.
    """

    def __init__(
        self, job: Job, target: Any = None, *, run: int | Run | None = None, who: str = "", context: Any = None
    ) -> None:
        self.job = job
        self.run, self.target = run_and_target(job, target, run)
        self.who = named(who)
        self._context = context
        self._given = target is not None
        self._form: Form = form_of(self.run.schema)
        self._presence = Presence()
        self._lock = threading.Lock()
        self._walk = QueueWalk(job, self.run)
        self._documents = DocumentCache(job, self.run, self._form["root"]["empty"])
        self.reviewed: set[int] = set()  # documents of which somebody said something

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
            "who": self._called(who),
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
        return (
            f"Checked by the schema alone: start with --target {self.run.reference} for your model's own validators, "
            "and to have what it computes, or writes under other names, in the exports of what is corrected."
        )

    def tally(self) -> dict[str, int]:
        """How far the review is."""
        return shown_tally(self.job.tally(self.run))

    def queue(
        self, *, show: str, order: str, search: str, after: tuple[Any, ...] | None, limit: int, who: str = ""
    ) -> dict[str, Any]:
        """A page of what there is to review; `after` is the place of the last row of the one before."""
        rows = self._walk.rows(show, order, search, after, limit)
        here = self._presence.everywhere(but=self._called(who))
        return {
            "rows": [shown_row(row, here.get(row.document, ())) for row in rows],
            "after": list(rows[-1].place) if len(rows) == limit else None,
            "tally": self.tally(),
        }

    def next(
        self, *, come_from: int | None, step: int, show: str, order: str, search: str, who: str = ""
    ) -> dict[str, Any]:
        """The document after one, or before it, that nobody else has open."""
        taken = self._presence.everywhere(but=self._called(who))
        place = None if come_from is None else self._walk.place(order, come_from)
        if step >= 0:
            found = self._walk.after(show, order, search, place, taken)
            if found is None and come_from is not None and show in _LEFT:
                # What was passed over, or has become more doubtful meanwhile, is still to be done.
                found = self._walk.after(show, order, search, None, {**taken, come_from: ()})
        else:
            found = None if place is None else self._walk.before(show, order, search, place, taken)
        return {"id": found}

    # ------------------------------------------------------------------------------------- one document

    def sheet(self, document: int, who: str = "", *, has_pages: bool = False) -> dict[str, Any]:
        """All that is to be seen of a document."""
        known = self._documents.known(document)
        record, revisions = known.record, known.revisions
        errors = () if record.error is None else _errors_of(record)
        data = self._documents.data(record)
        return {
            "id": document,
            "name": record.name,
            "names": list(self.job.names(document, self.run)),
            "state": record.state,
            "model": record.model,
            "row": dict(record.row),
            "error": shown_error(record),
            "data": data,
            "extracted": extracted(record),
            "errors": list(errors),
            "fields": shown_fields(known.fields),
            "lists": shown_lists(known.lists),
            "doubtful": [] if record.state == "pending" else self._doubtful(data, known.fields, errors),
            "attempt": record.attempts,
            "revision": revisions[-1].number if revisions else 0,
            "decision": None if record.revision is None else record.revision.decision,
            "revisions": [shown_revision(each) for each in revisions],
            "text": shown_text(record.text, record.pages, known.fields),
            "has_pages": has_pages,
            "here": self._presence.here(document, but=self._called(who)),
        }

    def named_record(self, document: int) -> tuple[Record, tuple[str, ...]]:
        """What the run knows of a document, with its text, and all of its names. Raises `Missing`."""
        return self._documents.record(document), self.job.names(document, self.run)

    def text(self, document: int, start: int, end: int) -> dict[str, Any]:
        """A part of its text, of at most 100,000 characters."""
        text = self._documents.record(document).text or ""
        start = max(0, min(start, len(text)))
        return {"start": start, "text": text[start : max(start, min(end, start + LONGEST_PART))]}

    def here(self, document: int, who: str) -> dict[str, Any]:
        """Say that somebody has it open; who else has, and what was said of it last."""
        record = self._documents.record(document)
        self._presence.came(self._called(who), document)
        revisions = self.job.revisions(record.name, self.run)
        last = revisions[-1] if revisions else None
        return {
            "attempt": record.attempts,
            "latest": 0 if last is None else last.number,
            "decision": None if last is None else last.decision,
            "who": "" if last is None else last.who,
            "here": self._presence.here(document, but=self._called(who)),
        }

    # --------------------------------------------------------------------------------- what they enter

    def check(self, document: int, data: Any) -> dict[str, Any]:
        """What was entered: mended, what is wrong with it, and where it stands in the document."""
        known = self._documents.known(document)
        found = self._checked(known.record, data)
        source = self._documents.sources.of(known.record)
        before = self._documents.data(known.record)
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
        source = self._documents.sources.of(self._documents.record(document))
        return {"value": meaning(self._form, pointer, text, source)}

    def revise(
        self, document: int, *, decision: str, data: Any, note: str, based: int, who: str, attempt: int | None = None
    ) -> dict[str, Any]:
        """Keep what somebody says who has seen the revision `based` of the extraction `attempt`. Raises `Invalid`,
        `Overtaken`, `ExtractedAnew`, `OptionError`, `JobError`.
        """
        if decision not in DECISIONS:
            raise OptionError(
                f"decision is {decision!r}, but must be one of {', '.join(DECISIONS)}.", option="decision"
            )
        if len(note) > LONGEST_NOTE:
            raise OptionError(f"note has more than {LONGEST_NOTE:,} characters.", option="note")
        record = self._documents.record(document)
        seen = {"based": based, "attempt": attempt}
        own: dict[str, Any] = {"who": self._called(who), "note": note, "run": self.run, **seen}
        if decision == "accept":
            found = self._valid(record, data)
            said = "accepted" if is_same(found.data, extracted(record)) else "corrected"
            value = self._written(record, said, found)
            revision = self.job.revise(record.name, said, found.data, value=value, **own)  # type: ignore[arg-type]
        else:
            revision = self.job.revise(record.name, "rejected" if decision == "reject" else "reopened", **own)
        with self._lock:
            self.reviewed.add(document)
        self._documents.forget(document)
        return {"revision": shown_revision(revision), "tally": self.tally()}

    def _called(self, who: str) -> str:
        return named(who) or self.who

    def _valid(self, record: Record, data: Any) -> Checked:
        found = self._checked(record, data)
        if found.errors:
            raise Invalid(found.errors)
        return found

    def _checked(self, record: Record, data: Any) -> Checked:
        before = conforming(self._extracted(record))
        return checked(self.target, data, self._context, run=self.run, before=before)

    def _written(self, record: Record, said: str, found: Checked) -> Any:
        """What is written of a value: where nothing was changed, what was written then."""
        before = self._extracted(record) if said == "accepted" else None
        if before is not None and conforming(before) is not None:
            return before.value
        return written_value(self.target, found.value, found.data)

    def _extracted(self, record: Record) -> Record | None:
        """The document as it was extracted."""
        return record if record.revision is None else self.job.extracted(record.name, self.run)


_LEFT = ("open", "failed", "doubtful")  # of which there is none where all is done


def named(who: str) -> str:
    """What somebody calls themselves, without what cannot be seen."""
    return "".join(each for each in who if each.isprintable()).strip()[:LONGEST_NAME]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _errors_of(record: Record) -> tuple[dict[str, Any], ...]:
    if record.error is None:
        return ()
    return tuple(
        {"pointer": str(each.get("pointer") or ""), "message": worded(str(each.get("message") or ""))}
        for each in record.error.errors
    )
