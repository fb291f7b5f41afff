"""What people say of the documents of a job: what they are to look at, and what they have said of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any

from pydantic import BaseModel

from extractor.batch.differing import is_same
from extractor.batch.holding import conforming, judged, wanted_of
from extractor.batch.options import named
from extractor.batch.queue import Order, Row, Show, check_page
from extractor.batch.record import Decision, Record, Revision, Run
from extractor.batch.revisions import BY_HAND, Said
from extractor.batch.run import Loads
from extractor.batch.store import Store
from extractor.batch.tally import Tally
from extractor.batch.written import written_schema, written_value
from extractor.errors import OptionError
from extractor.schema.checked import FieldError
from extractor.schema.plain import plain
from extractor.schema.target import Target, TypeTarget, target_of

__all__ = ["Reviewed", "reference_of"]

MOST_SHOWN = 5  # errors that a message lists
_log = logging.getLogger("extractor.batch")


class Reviewed:
    """The part of a `Job` that people work with. What they say is kept beside what was extracted, never in its place;
    the last word counts.
    """

    _store: Store
    _loader: Callable[[], Loads]

    def get_run(self, run: int | Run | None = None) -> Run:
        """A run by its number, or as one of the runs was; None for the one that was worked on last. Raises `JobError`
        where there is none.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------- to say

    def revise(
        self,
        name: str,
        decision: Decision,
        data: Any = None,
        *,
        value: Any = ...,
        who: str = "",
        note: str = "",
        based: int | None = None,
        attempt: int | None = None,
        run: int | Run | None = None,
    ) -> Revision:
        """Keep what `who` says of a document. `data` is plain data that has been validated, as it was read, `value`
        what is written of it where that is something else; `based` is the number of the last revision that they have
        seen (0 for none), `attempt` the `Record.attempts` of it, None where that does not matter.

        Raises `Overtaken` where somebody else has said something since, `JobError` where it was extracted again, and
        `OptionError` for a document that is not there or not finished.
        """
        said = Said(
            run=self.get_run(run).number,
            name=name,
            decision=decision,
            data=data,
            value=value,
            who=who,
            note=note,
            based=based,
            attempt=attempt,
        )
        return self._store.revise(said)

    def correct(
        self,
        name: str,
        value: Any,
        *,
        target: Any = None,
        who: str = "",
        note: str = "",
        based: int | None = None,
        run: int | Run | None = None,
        context: Any = None,
    ) -> Revision:
        """Have a value count in place of what was extracted: an instance of the target, or plain data. It is accepted
        where that is the same as what was extracted, and then what is written of it stays, too.

        It is validated, by the `target` with pydantic's `context`, or by the JSON Schema of the run where none is
        given; then what is written of it is the value itself. `based` is as in `revise`. Raises `Overtaken`, and
        `OptionError`, which lists what is wrong with it, or says that an instance is read back as something else.
        """
        chosen = self.get_run(run)
        self._known(chosen, name)
        extracted = self._store.extracted(chosen.number, name)
        wanted = wanted_of(chosen, target)
        own: dict[str, Any] = {"who": who, "note": note, "based": based, "run": chosen}
        if extracted is not None:
            own["attempt"] = extracted.attempts
        data = _plain(value, wanted, context)
        if extracted is not None and extracted.data is not None:
            before = extracted.data
            if is_same(data, before) or (not isinstance(value, dict) and _makes(wanted, before, data, context)):
                made = _validated(wanted, before, context, run=chosen, before=conforming(extracted))
                written = written_value(wanted, made, before) if conforming(extracted) is None else extracted.value
                return self.revise(name, "accepted", before, value=written, **own)
        made = _validated(wanted, data, context, run=chosen, before=conforming(extracted))
        return self.revise(name, "corrected", data, value=written_value(wanted, made, data), **own)

    def accept(self, name: str, *, who: str = "", based: int | None = None, run: int | Run | None = None) -> Revision:
        """Say that a document is right as it was extracted. `based` is as in `revise`. Raises `Overtaken`, and
        `OptionError` where nothing was, or it does not conform.
        """
        chosen = self.get_run(run)
        self._known(chosen, name)
        record = self._store.extracted(chosen.number, name)
        if record is None or record.data is None:
            raise OptionError(f"Nothing was extracted of {name[:500]!r}.", option="name", hint="Correct it instead.")
        if record.outcome != "conforming":
            _validated(wanted_of(chosen), record.data, None, run=chosen)
        own: dict[str, Any] = {"who": who, "based": based, "attempt": record.attempts, "run": chosen}
        return self.revise(name, "accepted", record.data, value=record.value, **own)

    def reject(
        self, name: str, *, note: str = "", who: str = "", based: int | None = None, run: int | Run | None = None
    ) -> Revision:
        """Say that a document is of no use, and in the `note` why. `based` is as in `revise`."""
        return self.revise(name, "rejected", note=note, who=who, based=based, run=run)

    def reopen(
        self, name: str, *, note: str = "", who: str = "", based: int | None = None, run: int | Run | None = None
    ) -> Revision:
        """Have the last word of a document count no longer: it is again as it was extracted. `based` is as in
        `revise`.
        """
        return self.revise(name, "reopened", note=note, who=who, based=based, run=run)

    # ------------------------------------------------------------------------------------ what was said

    def revisions(self, name: str, run: int | Run | None = None) -> tuple[Revision, ...]:
        """All that people said of a document, in order."""
        return self._store.revisions(self.get_run(run).number, name)

    def reviewed(self, run: int | Run | None = None) -> Iterator[Record]:
        """The documents that people accepted or corrected, with their texts: those of the run, then those of other
        runs with the same schema that have another content.
        """
        chosen = self.get_run(run)
        others = [each for each in reversed(self._store.runs()) if each.number != chosen.number]
        seen: set[str] = set()
        for each in (chosen, *(other for other in others if is_same(other.schema, chosen.schema))):
            for record in self._store.valued(each.number):
                if record.sha256 not in seen:
                    seen.add(record.sha256)
                    yield record

    # ----------------------------------------------------------------------------------- to be looked at

    def queue(
        self,
        run: int | Run | None = None,
        *,
        show: Show = "open",
        order: Order = "doubt",
        search: str = "",
        after: tuple[Any, ...] | None = None,
        before: tuple[Any, ...] | None = None,
        limit: int = 50,
    ) -> tuple[Row, ...]:
        """The next documents that people are to look at: those that `show` says whose names have `search` in them, in
        an `order`, after the place of the last row that is known, or the last ones before that of the first. See
        `Show`, `Row`. Raises `OptionError`.
        """
        check_page(show, order, search, limit, after=after, before=before)
        page = {"show": show, "order": order, "search": search, "after": after, "before": before, "limit": limit}
        return self._store.queue(self.get_run(run).number, **page)

    def place(self, number: int, order: Order = "doubt", run: int | Run | None = None) -> tuple[Any, ...] | None:
        """Where a document stands in an order of the queue by now, by the number that a `Row` has, also where it is not
        shown any more; None where the run has none of that number. Raises `OptionError`.
        """
        check_page("all", order, "", 1)
        return self._store.place(self.get_run(run).number, number, order)

    def tally(self, run: int | Run | None = None) -> Tally:
        """How many documents are open, how many are accepted, corrected, rejected."""
        return self._store.tally(self.get_run(run).number)

    def document(self, number: int, run: int | Run | None = None) -> Record | None:
        """A document by the number that a `Row` has, with its text and what is kept of its fields; None where the run
        has none of that number.
        """
        return self._store.numbered(self.get_run(run).number, number)

    def names(self, number: int, run: int | Run | None = None) -> tuple[str, ...]:
        """All names of a document by the number that a `Row` has."""
        return self._store.names(self.get_run(run).number, number)

    def score(self, run: int | Run | None = None, *, limit: int = 100) -> int:
        """Work out how doubtful so many documents are of which it is not known yet, and keep that: some milliseconds
        each. How many these were; 0 when it is known of all that are finished.
        """
        chosen = self.get_run(run)
        return self._store.score(chosen.number, chosen.schema, limit)

    def enter(self, target: Any, documents: Iterable[Any], *, earlier: Callable[[str, str], None] | None = None) -> Run:
        """A run whose documents are asked of nobody: each is pending until a person enters its value (`correct`). The
        same call with other documents adds them. They are as in a map: texts, paths of files, `Input`s.

        Where one has another content by now than when people entered its value, what they entered stays with the
        earlier content, under a name of its own, and this one is pending: `earlier` is called with both names. Without
        it, that is logged.
        """
        from extractor.batch.entering import enter

        wanted: Target[Any] = target_of(target)
        run = self._store.open_run(
            target=wanted.name,
            schema=wanted.schema,
            options=BY_HAND,
            shape=written_schema(wanted),
            reference=reference_of(wanted),
        )
        enter(self._store, run.number, documents, self._loader, earlier or _log_earlier)
        return run

    def _known(self, run: Run, name: str) -> Record:
        record = self._store.record(run.number, name)
        if record is None:
            raise OptionError(f"The run has no document {name[:500]!r}.", option="name", hint="See its records.")
        return record


def _log_earlier(name: str, earlier: str) -> None:
    _log.warning("%r is another document by now: what was entered for it is kept as %r.", name, earlier)


def reference_of(target: Target[Any]) -> str:
    """Where the class of a target is found, as `module:Name`; nothing where it cannot be imported, or is none."""
    wanted = target.wanted if isinstance(target, TypeTarget) else None
    if not isinstance(wanted, type) or not (issubclass(wanted, BaseModel) or is_dataclass(wanted)):
        return ""
    reference = named(wanted)
    return "" if "<" in reference or "[" in reference or reference.startswith("__main__:") else reference


def _plain(value: Any, target: Target[Any], context: Any) -> Any:
    """A value as plain data that the target can read. Raises `OptionError`."""
    try:
        return plain(value, target, context)
    except (ValueError, RecursionError) as error:
        kind = type(value).__name__
        raise OptionError(
            f"The value is not what can be kept: {str(error).partition(chr(10))[0][:500]}.",
            option="value",
            hint=f"Give plain data under the names of the schema in place of the {kind}.",
        ) from None


def _makes(target: Target[Any], before: Any, data: Any, context: Any) -> bool:
    """Whether an instance whose plain data that is, is what the target makes of what was extracted."""
    if not isinstance(target, TypeTarget):
        return False
    checked = target.validate(before, context=context)
    if checked.errors:
        return False
    try:
        return is_same(plain(checked.value, target, context), data)
    except ValueError:
        return False


def _validated(target: Target[Any], data: Any, context: Any, *, run: Run | None = None, before: Any = None) -> Any:
    """What the target makes of plain data; `before` as in `judged`. Raises `OptionError`."""
    checked = target.validate(data, context=context)
    errors = judged(checked.errors, target, data, run=run, before=before)
    if errors:
        raise OptionError(_wrong(target, errors), option="value", hint="Correct that.")
    return checked.value if isinstance(target, TypeTarget) else data


def _wrong(target: Target[Any], errors: tuple[FieldError, ...]) -> str:
    listed = "; ".join(f"{each.pointer or 'the whole'}: {each.message}" for each in errors[:MOST_SHOWN])
    more = f"; and {len(errors) - MOST_SHOWN:,} more" if len(errors) > MOST_SHOWN else ""
    return f"The value is no {target.name}: {listed}{more}."
