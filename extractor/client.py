"""`Extractor` and `AsyncExtractor`: thin drivers of the loop, and the public methods.

What both do before anything is sent (resolving the endpoint, checking the settings, composing the request)
is in `Client`; they differ in how they send.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import re
import threading
import time
from collections.abc import AsyncIterable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

import httpx

from extractor.asking import Narrowed, Task
from extractor.chat.content import Document, Readable, content_of, text_of, user_turn
from extractor.elsewhere import Reach, check_extra_body, check_price, local_installed, other, started, wrong_with
from extractor.endpoint.errand import Errand
from extractor.endpoint.http import Sender
from extractor.endpoint.resolve import Address, resolve
from extractor.endpoint.routes import RateLimits
from extractor.errors import (
    BudgetExceeded,
    CallerError,
    DocumentError,
    EndpointError,
    ExtractorError,
    OptionError,
    RequestTooLarge,
    StatusError,
)
from extractor.extraction import Flow, extraction, whole
from extractor.forms import Forms
from extractor.ladder import Descent, Form, memory
from extractor.prompt import conversation, example_turns
from extractor.reply.reading import Reading, Wanted
from extractor.result import Attempt, Extraction
from extractor.schema.dialects import Dialect
from extractor.schema.marks import marks_of
from extractor.schema.target import PartTarget, Target, list_of, target_of
from extractor.settings import Call, Defaults, Settings

if TYPE_CHECKING:  # only for those who stream, or have somebody to fall back to
    from extractor.batch.job import Job
    from extractor.documents.loaded import As, Input
    from extractor.reply.partial import Partial
    from extractor.several.feed import Extract, Feed
    from extractor.several.mapping import Results
    from extractor.several.mapping_async import AsyncResults
    from extractor.several.pieces import Piece, Plan
    from extractor.streams import AsyncStream, Stream

__all__ = ["AsyncExtractor", "Extractor"]

T = TypeVar("T")
_log = logging.getLogger("extractor")

WAITING = 8  # extractions of a map that wait for their turn at least, so that the endpoint is never idle
CACHED = 256  # targets and settings kept: bounded, for callers with a new target in every call


class Client:
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
        self._others: dict[Hashable, Client] = {}
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
            from extractor.fallback import falling_back

            others = [
                other(self, number, fallback, task, document, call, senders)
                for number, fallback in enumerate(settings.fallbacks, 1)
            ]
            flow = falling_back(task, others, errand, attempts)
        else:
            flow = extraction(task, attempts)
        if errand.watch is not None:
            from extractor.watched import watched  # only for those who watch

            flow = watched(
                flow,
                errand.watch,
                task,
                extraction=errand.key,
                model=str(task.form.prefix.fields["model"]),
                base_url=self.base_url,
                attempts=attempts,
                requests=lambda: errand.requests,
                places=functools.partial(setattr, errand, "asked"),
                cost=lambda: errand.spent,
                endpoint=lambda: errand.endpoint,
            )
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
        """The same for a stream, which shows one flow. Raises `CallerError`."""
        streamed, document = _streamed(call), _opened(document)
        settings = self._settings_of(streamed)
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

        watch = watch_of(settings.watch) or None
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


def _opened(document: Document | None) -> Document | None:
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


async def _opened_aside(document: Document | None) -> Document | None:
    """The same; a file is read in a thread."""
    if not isinstance(document, os.PathLike):
        return _opened(document)
    return await _aside(_opened, document)


async def _aside(call: Callable[..., T], *given: Any) -> T:
    """What a call gives that may take its time: it is made in a thread."""
    import anyio.to_thread

    return await anyio.to_thread.run_sync(call, *given)


def _streamed(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a call whose reply is to come in chunks, with its usage at the end."""
    return {"stream_options": {"include_usage": True}, **call, "stream": True}


def _value_of(done: StopIteration) -> Extraction[Any]:
    result: Extraction[Any] = done.value
    return result


class Extractor(Client):
    """Extracts validated records from documents, over one endpoint.

    `model` is `PROVIDER/MODEL`, or any name with `base_url` (which includes its `/v1`). Without either,
    the environment decides: `EXTRACTOR_MODEL`, `EXTRACTOR_BASE_URL`, `EXTRACTOR_API_KEY`; then the first
    provider whose key variable is set; then the embedded model. `timeout` is httpx's, `http_client` a
    client of your own (left open), `headers` are sent with every request, `dialect` says what schemas the
    endpoint takes, `limits` how much of it may be asked. All else is the default for the calls. Thread-safe; close it,
    or use it in `with`.

    Raises `ConfigurationError` and `OptionError`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        http_client: httpx.Client | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: str | Dialect | None = None,
        limits: RateLimits | None = None,
        **defaults: Unpack[Defaults],
    ) -> None:
        reach = Reach(client=http_client, timeout=timeout, headers=headers, limits=limits)
        failed = self._made_of(model, base_url, api_key, dialect, reach, defaults)
        del api_key, headers, http_client, reach  # a traceback would show them
        if failed is not None:
            raise failed

    def _new_sender(self, address: Address, reach: Reach) -> Sender:
        return Sender(address, client=reach.client, timeout=reach.timeout, headers=reach.headers, limits=reach.limits)

    @overload
    def extract(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> T: ...
    @overload
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any: ...
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `run(…).value`. Raises `FieldsAbsent` too, where required fields are absent."""
        wanted = target_of(target)
        return whole(self.run(wanted, document, **call), wanted)

    @overload
    def run(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> Extraction[T]: ...
    @overload
    def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]: ...
    def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]:
        """Extract `target` (a type, a JSON Schema, its path, or the name of a ready one) from a document.

        Raises `CallerError` before anything is sent, `EndpointError` where no reply comes, and
        `ExtractionFailed` where none conforms within `max_retries`.
        """
        wanted, document = target_of(target), _opened(document)
        settings, started = self._settings_of(call), time.monotonic()
        plan = self._plan(wanted, document, settings, call)
        try:
            return self._run(wanted, document, settings, call) if plan is None else self._driven(plan)
        except RequestTooLarge as error:
            refused = error
        return self._driven(self._shorter(wanted, document, settings, call, refused, started))

    def _driven(self, plan: Plan[T]) -> Extraction[T]:
        from extractor.several.driving import by_threads

        return by_threads(plan, self._piece)

    def _piece(self, piece: Piece) -> Extraction[Any]:
        return self.run(piece.target, piece.document, **piece.call)

    def _run(
        self, target: Target[T], document: Document | None, settings: Settings, call: Mapping[str, Any]
    ) -> Extraction[T]:
        """One flow, driven."""
        begun = self._begin(target, document, settings, call)
        flow, errand, senders = begun.flow, begun.errand, begun.senders
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | BudgetExceeded | None = None
                try:
                    reply = senders[errand.endpoint].send(ask.request, errand)
                except (EndpointError, BudgetExceeded) as error:
                    failed = error
                # Thrown in outside of the handler: what comes back need not be this error.
                ask = flow.send(reply) if failed is None else flow.throw(failed)
        except StopIteration as done:
            return _value_of(done)
        finally:
            flow.close()

    @overload
    def stream(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> Stream[Partial[T], T]: ...
    @overload
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]: ...
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]:
        """What is known so far, as the reply arrives: a `Partial` after every piece of it that adds something.

        At the end `.result` is the `Extraction`, validated as any other. Nothing is sent before the iteration
        begins; breaking out of it closes the connection. Takes and raises what `run` does.
        """
        from extractor.streams import Partials, Stream

        begun = self._begun_stream(target_of(target), document, call)
        return Stream(begun, Partials(begun.task))

    @overload
    def stream_items(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> Stream[T, list[T]]: ...
    @overload
    def stream_items(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]: ...
    def stream_items(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]:
        """All there are of `target` in a document, each as soon as it is complete, and validated.

        One that is not valid is asked for again by itself, and comes at the end. `.result.value` is then the whole
        list in its order. Otherwise as `stream`.
        """
        from extractor.streams import Items, Stream

        item = target_of(target)
        begun = self._begun_stream(list_of(item), document, call)
        return Stream(begun, Items(begun.task, item))

    @overload
    def map(
        self,
        target: type[T],
        documents: Iterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> Results[T]: ...
    @overload
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> Results[Any]: ...
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> Results[Any]:
        """Extract from many documents, side by side: a `DocumentResult` for each as it completes, or in their order.

        They are taken from `documents` when one can begin: as many are under way as the endpoint takes, at most
        `concurrency`. One that fails is a result with an `error`, and the others go on; an error that all would fail
        with (a wrong key, an empty account, a budget that is spent, an endpoint that is gone) is raised after the
        results of what was under way. Files are read as `as_` says. With a `job`, a file, everything is kept there:
        the same call again goes on where it was, and gives what was finished before from the file; with `evidence`,
        what is known of the fields is worked out at once, else when it is wanted.

        Use it in `with`, or go to its end. Takes what `run` does; an `idempotency_key` gets the number of the document.
        Raises `CallerError`, `JobError` among them.
        """
        from extractor.several.mapping import Results

        shared = self._shared(call)
        feed = self._feed(target_of(target), documents, job, as_, shared, concurrency, evidence)
        room = functools.partial(self._room, shared["share"])
        return Results(feed, self._extracted, room=room, ordered=ordered, concurrency=concurrency)

    def _extracted(self, step: Extract) -> Extraction[Any]:
        return self.run(step.target, step.document, **step.call)

    def close(self) -> None:
        """Close the connections. The extractor cannot be used afterwards."""
        for sender in self._ended():
            sender.close()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class AsyncExtractor(Client):
    """`Extractor` with `await`: the same arguments, methods and errors."""

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: str | Dialect | None = None,
        limits: RateLimits | None = None,
        **defaults: Unpack[Defaults],
    ) -> None:
        reach = Reach(client=http_client, timeout=timeout, headers=headers, limits=limits)
        failed = self._made_of(model, base_url, api_key, dialect, reach, defaults)
        del api_key, headers, http_client, reach  # a traceback would show them
        if failed is not None:
            raise failed

    def _new_sender(self, address: Address, reach: Reach) -> Any:
        from extractor.endpoint.ahttp import AsyncSender  # the others need no asyncio

        return AsyncSender(
            address, client=reach.client, timeout=reach.timeout, headers=reach.headers, limits=reach.limits
        )

    @overload
    async def extract(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> T: ...
    @overload
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any: ...
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `(await run(…)).value`. Raises what `Extractor.extract` does."""
        wanted = target_of(target)
        return whole(await self.run(wanted, document, **call), wanted)

    @overload
    async def run(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> Extraction[T]: ...
    @overload
    async def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]: ...
    async def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]:
        """See `Extractor.run`."""
        wanted, document = target_of(target), await _opened_aside(document)
        settings, started = self._settings_of(call), time.monotonic()
        if settings.source is not None:
            await _aside(settings.source.opened, wanted, settings.context)
        plan = self._plan(wanted, document, settings, call)
        try:
            return await (self._run(wanted, document, settings, call) if plan is None else self._driven(plan))
        except RequestTooLarge as error:
            refused = error
        return await self._driven(self._shorter(wanted, document, settings, call, refused, started))

    async def _driven(self, plan: Plan[T]) -> Extraction[T]:
        from extractor.several.driving import by_tasks

        return await by_tasks(plan, self._piece)

    async def _piece(self, piece: Piece) -> Extraction[Any]:
        return await self.run(piece.target, piece.document, **piece.call)

    async def _run(
        self, target: Target[T], document: Document | None, settings: Settings, call: Mapping[str, Any]
    ) -> Extraction[T]:
        """One flow, driven."""
        begun = self._begin(target, document, settings, call)
        flow, errand, senders = begun.flow, begun.errand, begun.senders
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | BudgetExceeded | None = None
                try:
                    reply = await senders[errand.endpoint].send(ask.request, errand)
                except (EndpointError, BudgetExceeded) as error:
                    failed = error
                # Thrown in outside of the handler: what comes back need not be this error.
                ask = flow.send(reply) if failed is None else flow.throw(failed)
        except StopIteration as done:
            return _value_of(done)
        finally:
            flow.close()

    @overload
    def stream(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[Partial[T], T]: ...
    @overload
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> AsyncStream[Any, Any]: ...
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> AsyncStream[Any, Any]:
        """See `Extractor.stream`; to be gone through with `async for`."""
        from extractor.streams import AsyncStream, Partials

        begun = self._begun_stream(target_of(target), document, call)
        return AsyncStream(begun, Partials(begun.task))

    @overload
    def stream_items(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[T, list[T]]: ...
    @overload
    def stream_items(
        self, target: Any, document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[Any, Any]: ...
    def stream_items(
        self, target: Any, document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[Any, Any]:
        """See `Extractor.stream_items`; to be gone through with `async for`."""
        from extractor.streams import AsyncStream, Items

        item = target_of(target)
        begun = self._begun_stream(list_of(item), document, call)
        return AsyncStream(begun, Items(begun.task, item))

    @overload
    def map(
        self,
        target: type[T],
        documents: Iterable[Document | Input] | AsyncIterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> AsyncResults[T]: ...
    @overload
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input] | AsyncIterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> AsyncResults[Any]: ...
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input] | AsyncIterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> AsyncResults[Any]:
        """See `Extractor.map`; to be gone through with `async for`. The documents may come from an async iterable."""
        from extractor.several.alone import Drawn
        from extractor.several.feed import Later
        from extractor.several.mapping_async import AsyncResults

        shared, wanted = self._shared(call), target_of(target)
        settings = self._mapped(wanted, shared, concurrency, as_)
        drawn = Drawn(documents) if isinstance(documents, AsyncIterable) else None
        given = documents if drawn is None else drawn
        made = functools.partial(self._feed, wanted, given, job, as_, shared, concurrency, evidence)
        feed = made() if job is None and settings.source is None else Later(made)
        room = functools.partial(self._room, shared["share"])
        return AsyncResults(feed, self._extracted, room=room, ordered=ordered, concurrency=concurrency, drawn=drawn)

    async def _extracted(self, step: Extract) -> Extraction[Any]:
        return await self.run(step.target, step.document, **step.call)

    async def aclose(self) -> None:
        """Close the connections. The extractor cannot be used afterwards."""
        for sender in self._ended():
            await sender.close()

    async def __aenter__(self) -> AsyncExtractor:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
