"""What `Extractor` and `AsyncExtractor` share: all that is done before anything is sent.

The endpoint is resolved, the settings are checked, the document is opened, and the request is composed. The two
differ in how they send.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from extractor.chat.content import Document, Readable, content_of, text_of, user_turn
from extractor.endpoint.errand import Errand
from extractor.endpoint.resolve import Address, resolve
from extractor.errors import CallerError, DocumentError, ExtractorError, OptionError, RequestTooLarge, StatusError
from extractor.forms import Forms
from extractor.loop.extraction import Flow, extraction
from extractor.loop.ladder import Descent, Form
from extractor.loop.memory import memory
from extractor.loop.task import Narrowed, Task
from extractor.prompt import conversation, example_turns
from extractor.reach import Reach, check_extra_body, check_price, local_installed, started
from extractor.reply.reading import Reading, Wanted
from extractor.result import Attempt
from extractor.schema.dialects import Dialect
from extractor.schema.marks import marks_of
from extractor.schema.target import PartTarget, Target
from extractor.settings import Settings

if TYPE_CHECKING:  # only for those who have many documents, or long ones
    from extractor.batch.job import Job
    from extractor.documents.loaded import As
    from extractor.several.feed import Feed
    from extractor.several.pieces import Plan

__all__ = ["BaseClient", "Begun", "opened"]

T = TypeVar("T")
_log = logging.getLogger("extractor")

WAITING = 8  # extractions of a map that wait for their turn at least, so that the endpoint is never idle
CACHED = 256  # targets and settings kept: bounded, for callers with a new target in every call


class BaseClient:
    """What the sync and the async extractor share: everything but sending."""

    _address: Address

    def _made_of(
        self,
        model: str | None,
        base_url: str | None,
        api_key: str | None,
        dialect: str | Dialect | None,
        reach: Reach,
        defaults: Mapping[str, Any],
    ) -> ExtractorError | None:
        """Make it. The error is given, not raised: its traceback would show the key."""
        try:
            address = resolve(model, base_url, api_key, os.environ, local_installed=local_installed())
            self._set_up(started(address), reach, dialect, defaults)
        except ExtractorError as error:
            return error.with_traceback(None)
        return None

    def _set_up(
        self,
        address: Address,
        reach: Reach,
        dialect: str | Dialect | None,
        defaults: Mapping[str, Any],
        sender: Any = None,
    ) -> None:
        if "idempotency_key" in defaults:
            raise OptionError("idempotency_key is for one call: it names its requests.", option="idempotency_key")
        self._reach = reach
        self._dialect = Dialect.named(dialect if dialect is not None else address.dialect)
        # Lists are copied: what the caller does with them later changes nothing here.
        self._defaults = {name: list(it) if isinstance(it, list) else it for name, it in defaults.items()}
        self._address = address
        self._context = address.context
        self._settings = self._checked({})  # a wrong default is an error here, not in the first call
        self._made: dict[tuple[Target[Any], str], Forms] = {}
        self._others: dict[Hashable, BaseClient] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._sender: Any = sender or self._new_sender(address, reach)

    def _new_sender(self, address: Address, reach: Reach) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        if not hasattr(self, "_sender"):
            return f"<{type(self).__name__} that could not be made>"
        return f"{type(self).__name__}(model={self.model!r}, base_url={self.base_url!r})"

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._address.model

    @property
    def base_url(self) -> str:
        """The address that is asked."""
        return self._address.base_url

    def _checked(self, call: Mapping[str, Any]) -> Settings:
        settings = Settings.of(self._defaults, call)
        if settings.source is not None:
            from extractor.examples.nearest import examples_of  # only for those who have many

            settings = replace(settings, source=examples_of(settings.source))
        check_extra_body(settings, self._address)
        if settings.fallbacks:
            from extractor.fallback_clients import wrong_with  # only for those who have somebody to fall back to

            for fallback in settings.fallbacks:  # a wrong one is an error here, not when it is needed
                wrong = wrong_with(self, fallback, settings)
                if wrong is not None:
                    raise wrong
        return settings

    def _settings_of(self, call: Mapping[str, Any]) -> Settings:
        """The settings of a call. Raises `CallerError`."""
        if self._closed:
            raise CallerError("This extractor is closed.", hint="Make a new one, or use it inside its with block.")
        return self._checked(call) if call else self._settings

    def _plan(
        self, target: Target[T], document: Document | None, settings: Settings, call: Mapping[str, Any]
    ) -> Plan[T] | None:
        """How several flows make one extraction; None in the usual case, where one flow does. Raises `CallerError`."""
        context = 0 if settings.model else self._context
        long = bool(context) and settings.chunking == "auto" and isinstance(document, str) and len(document) > context
        if not settings.several and not long:
            return None
        from extractor.several.plan import Whole, plan, room

        whole = Whole(target=target, document=document, settings=settings, call=call)
        return plan(whole, room(whole, self._ready(target, settings).form, context) if context else None)

    def _shorter(
        self,
        target: Target[T],
        document: Document | None,
        settings: Settings,
        call: Mapping[str, Any],
        refused: RequestTooLarge,
        started: float,
    ) -> Plan[T]:
        """The same without examples, or in chunks, after the whole was refused. Raises that refusal where it is not to
        be cut.
        """
        from extractor.several.plan import Whole, bare, known_context, shorter

        text = None if document is None else text_of(document)
        if refused.attempts or text is None:  # what was refused is what was asked again
            raise refused
        # Where there were examples beside the document, only what the endpoint says itself is known.
        context = known_context(refused, text if settings.source is None else "")
        if context and not settings.model:
            self._context = context
        whole = Whole(target=target, document=document, settings=settings, call=call, started=started)
        if settings.source is not None:
            return bare(whole)
        plan = shorter(whole, self._ready(target, settings).form, context)
        if plan is None:
            raise refused
        return plan

    def _begin(
        self, target: Target[T], document: Document | None, settings: Settings, call: Mapping[str, Any]
    ) -> Begun[T]:
        """All that a driver of one flow needs. Raises `CallerError`."""
        task, attempts = self._task(target, document, settings), list[Attempt]()
        errand, senders = _errand(settings, task), {0: self._sender}
        if settings.fallbacks:
            from extractor.fallback_clients import other
            from extractor.loop.fallback import falling_back

            others = [
                other(self, number, fallback, task, document, call, senders)
                for number, fallback in enumerate(settings.fallbacks, 1)
            ]
            flow = falling_back(task, others, errand, attempts)
        else:
            flow = extraction(task, attempts)
        if errand.watch is not None:
            from extractor.loop.watched import watched  # only for those who watch

            flow = watched(flow, errand.watch, task, errand, attempts, base_url=self.base_url)
        return Begun(flow=flow, task=task, errand=errand, senders=senders)

    def _feed(
        self,
        target: Target[T],
        documents: Any,
        job: Job | str | os.PathLike[str] | None,
        as_: As,
        call: Any,
        concurrency: int | None,
        evidence: bool,
    ) -> Feed[T]:
        """What a map goes through. Raises `CallerError`: what is wrong is so for all."""
        settings = self._mapped(target, call, concurrency, as_)
        if settings.source is not None:  # for all of its documents the same
            beginning = job if isinstance(job, (str, os.PathLike)) else ""
            source = settings.source.fixed(target, settings.context, beginning=beginning)
            settings, call = replace(settings, source=source), {**call, "examples": source}
        if job is None:
            from extractor.documents.loader import Loader
            from extractor.several.alone import documents_of

            loader = Loader()
            return documents_of(documents, target, call, functools.partial(loader.load, as_=as_), loader.close)
        from extractor.batch.job import feed_of

        where = {"address": self._address, "dialect": self._dialect}
        return feed_of(job, target, documents, settings=settings, call=call, as_=as_, evidence=evidence, **where)

    def _mapped(self, target: Target[Any], call: Mapping[str, Any], concurrency: int | None, as_: As) -> Settings:
        """The settings of a map. Raises `CallerError`: what is wrong with them is so for all."""
        from extractor.documents.loaded import check_as
        from extractor.several.line import at_most

        at_most(concurrency, 1)
        check_as(as_)
        settings = self._settings_of(call)
        self._ready(target, settings)
        return settings

    def _room(self, share: Hashable) -> bool:
        """Whether more documents of a map may begin: so many must wait that the governor sees what is wanted."""
        governor = self._sender.governor
        return bool(governor.waiting(share) < max(WAITING, governor.in_flight // 4))

    def _shared(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the documents of a map, which is one share unless the caller says whose it is."""
        return {"share": self._defaults.get("share", object()), **call}

    def _begun_stream(self, target: Target[T], document: Document | None, call: Mapping[str, Any]) -> Begun[T]:
        """All that a stream needs, which shows one flow. Raises `CallerError`."""
        streamed = {"stream_options": {"include_usage": True}, **call, "stream": True}  # with its usage at the end
        document, settings = opened(document), self._settings_of(streamed)
        if settings.several:
            raise OptionError(
                "candidates, recall and chunking are for run and extract: a stream shows one reply.",
                option="candidates",
                hint="Use run; or give candidates=1, recall='normal', chunking=None here.",
            )
        return self._begin(target, document, settings, streamed)

    def _task(self, target: Target[T], document: Document | None, settings: Settings) -> Task[T]:
        """What is to be done. Raises `CallerError`."""
        text = document if document is None or isinstance(document, str) else text_of(document)
        if settings.source is not None:
            settings = self._with_examples(target, text, settings)
        ready = self._ready(target, settings)
        form = ready.form
        return Task(
            target=target,
            form=form,
            messages=_turns(form, settings, document),
            own=ready.own_fields(form, document) if form.way.mode == "grammar" else {},
            max_retries=settings.max_retries,
            context=settings.context,
            absent=settings.absent == "allow",
            coerce=settings.coerce,
            document=text,
            evident=_evident(target, settings, form, text),
            calibration=settings.calibration,
            descend=functools.partial(_descended, ready, settings, document),
            narrow=functools.partial(self._narrowed, settings, document),
            tariff=ready.tariff,
        )

    def _with_examples(self, target: Target[Any], text: str | None, settings: Settings) -> Settings:
        """The settings with the examples that are shown before this document, and not their source."""
        source, bare = settings.source, replace(settings, source=None)
        if source is None or text is None or isinstance(target, PartTarget):
            return bare
        own = replace(bare, chosen=source.chosen(target, text, context=settings.context))
        context = 0 if settings.model else self._context
        if not own.chosen or not context:
            return own
        from extractor.several.plan import Whole, spare

        whole = Whole(target=target, document=text, settings=own, call={})
        room = spare(whole, self._ready(target, own).form, context)
        return replace(bare, chosen=source.chosen(target, text, context=settings.context, room=room))

    def _ended(self) -> list[Any]:
        """No more is asked; the senders that are to be closed."""
        with self._lock:
            self._closed = True
            return [self._sender, *(other._sender for other in self._others.values())]

    def _narrowed(
        self, settings: Settings, document: Document | None, target: Target[Any], part: str | None
    ) -> Narrowed | None:
        """The same question for another target, about a part of the document where one is given."""
        if settings.own_format:
            return None
        own = replace(settings, examples=(), chosen=())  # they are of the whole
        forms = Forms(target, own, self._address, self._dialect)
        try:
            forms.refresh()
        except CallerError:  # it cannot be said by itself
            return None
        about = document if part is None else part
        return Narrowed(
            form=forms.form,
            messages=_turns(forms.form, own, about),
            own=forms.own_fields(forms.form, about),
            descend=functools.partial(_descended, forms, own, about),
        )

    def _ready(self, target: Target[Any], settings: Settings) -> Forms:
        """All that does not depend on the document: made once for each target and setting."""
        setting = "default" if settings is self._settings else settings.key()
        ready = None if setting is None else self._made.get((target, setting))
        if ready is None:
            ready = Forms(target, settings, self._address, self._dialect)
            if setting is not None:
                if len(self._made) >= CACHED:
                    self._made.clear()
                self._made[target, setting] = ready
        if ready.version != memory.version or (ready.until < math.inf and time.monotonic() >= ready.until):
            ready.refresh()
        return ready


def _descended(
    forms: Forms, settings: Settings, document: Document | None, refused: Form, error: StatusError
) -> Descent | None:
    """What follows a refusal, with the document; None where it is not understood."""
    descent = forms.descended(refused, error)
    if descent is None or descent.form is None:
        return descent
    return replace(
        descent,
        messages=_turns(descent.form, settings, document),
        own=forms.own_fields(descent.form, document),
    )


def _turns(form: Form, settings: Settings, document: Document | None) -> tuple[dict[str, Any], ...]:
    """The messages that follow the prefix of a form."""
    shown = example_turns(form.adapted, settings.chosen) if settings.chosen else ()
    if settings.messages is None and document is not None:
        return (*shown, _turn(document, form.prompt.lead))
    whole = replace(form.prompt, messages=form.prompt.messages + shown) if shown else form.prompt
    return conversation(whole, settings.messages, document)


def _turn(document: Document, lead: str) -> dict[str, Any]:
    if isinstance(document, str) and document.strip():  # the usual case: nothing has to be made of it
        return {"role": "user", "content": lead + document}
    return user_turn(document, lead)


@dataclass(kw_only=True, slots=True)
class Begun(Generic[T]):
    """An extraction that can be driven: what the `flow` asks is sent by `senders[errand.endpoint]`."""

    flow: Flow[T]
    task: Task[T]
    errand: Errand
    senders: dict[int, Any]


def _errand(settings: Settings, task: Task[Any]) -> Errand:
    """What the requests of an extraction carry along."""
    if task.tariff is not None and settings.budget is not None:
        check_price(settings, task.tariff)
    watch = None
    if settings.watch or _log.isEnabledFor(logging.INFO):
        from extractor.watching import watch_of  # only for those who watch

        watch = watch_of(settings.watch)
    return Errand(
        expires=None if settings.deadline is None else time.monotonic() + settings.deadline,
        policy=settings.policy,
        key=os.urandom(12).hex(),
        idempotency_key=settings.idempotency_key,
        budget=settings.budget,
        cache=settings.cache,
        journal=settings.journal,
        given_up=settings.given_up,
        watch=watch,
        tariff=task.tariff,
        share=settings.share,
        patient=settings.patient,
        others=len(settings.fallbacks),
    )


def _evident(
    target: Target[T], settings: Settings, form: Form, text: str | None
) -> Callable[[Reading[T]], Reading[T]] | None:
    """What holds readings against the document, where some value must stand there."""
    ungrounded = settings.ungrounded
    if ungrounded == "keep" and settings.copy and form.way.mode != "grammar":
        ungrounded = "ask"  # what cannot be kept from being invented is asked for again
    if text is None or (ungrounded == "keep" and not _is_grounded(target)):
        return None
    from extractor.evidence.holding import Holding  # only for those who want that

    wanted = Wanted(target=target, context=settings.context, coerce=settings.coerce)
    return Holding(wanted=wanted, document=text, ungrounded=ungrounded)


@functools.lru_cache(maxsize=CACHED)
def _is_grounded(target: Target[Any]) -> bool:
    return not marks_of(target.schema).isdisjoint({"grounded", "grounded_nearly"})


LONGEST_PATH = 256
_PATH = re.compile(r"[^\n]+\.\w{1,5}")


def opened(document: Document | None) -> Document | None:
    """What is in a document that is a file, or was read from one; any other as it is. Raises `DocumentError`."""
    if document is None:
        return None
    if isinstance(document, str):
        if len(document) < LONGEST_PATH and _PATH.fullmatch(document) and os.path.isfile(document):  # noqa: PTH113
            raise DocumentError(
                "The document is the path of a file, as a text.",
                hint='Give Path(…) to have the file read. If its name is the document: ["…"], a list of parts.',
            )
        return document
    if isinstance(document, os.PathLike):
        from extractor.documents.load import load  # only for those who have files

        document = load(document)
    return content_of(document) if isinstance(document, Readable) else document
