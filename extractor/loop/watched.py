"""An extraction that is watched: a generator around the loop, which tells what it sees pass.

Everything passes through unchanged: what the loop yields, what it is sent and thrown, its result and its errors.
What happens on the way to the endpoint (sending, waiting, trying again) is told by those who do it.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from extractor.chat.content import Message
from extractor.chat.wire import ChatReply, Usage, encode
from extractor.complaints import LIMITS
from extractor.errors import StatusError
from extractor.loop.extraction import Flow
from extractor.loop.ladder import Way
from extractor.loop.task import Ask, Errand, Task
from extractor.result import Attempt, Extraction
from extractor.schema.redaction import field_names, masked
from extractor.schema.target import Target
from extractor.watching import Failing, Finished, Reasking, Refusing, Started, Watch

__all__ = ["asked_of", "watched"]

T = TypeVar("T")


def watched(
    flow: Flow[T], watch: Watch, task: Task[T], errand: Errand, attempts: Sequence[Attempt], *, base_url: str
) -> Flow[T]:
    """The same flow, of which `watch` is told: its start, what was refused or asked again, and how it ended.

    `attempts` is the list to which the loop adds what became of each reply. Before each request `errand.asked` is set
    to the places that it asks for. A flow that is closed without having been begun is not told of.
    """
    told = _Told(watch, task, errand, attempts, base_url)
    try:
        told.begin()
        result = yield from _passed(flow, told)
    except BaseException as error:
        told.fail(error)
        raise
    told.finish(result)
    return result


def asked_of(target: Target[Any], ask: Ask, *, content: bool) -> tuple[str, ...]:
    """The places that a request asks for, as JSON pointers; none where it asks for the whole.

    Without `content`, a key that is none of the target's fields is `*`: it may have come from the document.
    """
    if ask.scope is None:
        return ()
    pointers = tuple(place.pointer for place in ask.scope.places)
    if content:
        return pointers
    known = field_names(target.schema)
    return tuple(masked(pointer, known, ask.base) for pointer in pointers)


def _passed(flow: Flow[T], told: _Told[T]) -> Flow[T]:
    step: Callable[[], Ask] = partial(next, flow)
    while True:
        try:
            ask = step()
        except StopIteration as done:
            result: Extraction[T] = done.value
            return result
        told.ask(ask)
        reply: ChatReply | None = None
        try:
            reply = yield ask
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:  # noqa: BLE001  # thrown in: the loop is to decide
            told.error, step = error, partial(flow.throw, error)
        else:
            told.reply(reply)
            step = partial(flow.send, reply)


@dataclass(slots=True)
class _Told(Generic[T]):
    """What has passed, and how it is told. `last` is what was asked last; then either a `reply` or an `error` came."""

    watch: Watch
    task: Task[T]
    errand: Errand
    attempts: Sequence[Attempt]
    base_url: str
    turn: int = 0
    usage: Usage = field(default_factory=Usage)
    last: Ask | None = None
    answered: bool = False
    error: BaseException | None = None
    before: BaseException | None = None
    started: float = 0.0

    def begin(self) -> None:
        """It starts."""
        self.started, self.before = time.perf_counter(), sys.exc_info()[1]
        self.watch.emit("on_start", self._started)

    def _started(self, content: bool) -> Started:
        text, messages = self.task.document, self.task.messages
        return Started(
            extraction=self.errand.key,
            target=self.task.target.name,
            model=str(self.task.form.prefix.fields.get("model", "")),
            base_url=self.base_url,
            document_bytes=sum(map(_size, messages)) if text is None else len(text.encode("utf-8", "replace")),
            document=None if not content else messages if text is None else text,
        )

    def ask(self, ask: Ask) -> None:
        """Another request follows, because of what came to the last."""
        if self.turn != self.errand.endpoint:  # another endpoint is asked, which is told of elsewhere
            self.turn = self.errand.endpoint
        elif isinstance(self.error, StatusError):
            self.watch.emit("on_refused", partial(self._refusing, ask, self.error))
        elif self.answered:
            self.watch.emit("on_reask", partial(self._reasking, ask))
        self.errand.asked = asked_of(self.task.target, ask, content=False)
        self.last, self.answered, self.error = ask, False, None

    def _refusing(self, ask: Ask, error: StatusError, content: bool) -> Refusing:
        assert self.last is not None  # noqa: S101  # it was refused
        return Refusing(
            extraction=self.errand.key,
            number=self.errand.requests,
            status=error.status,
            changed=_changed(self.last.form.way, ask.form.way),
        )

    def _reasking(self, ask: Ask, content: bool) -> Reasking:
        attempt = self.attempts[-1]
        return Reasking(
            extraction=self.errand.key,
            number=self.errand.requests,
            outcome=attempt.outcome.value,
            errors=len(attempt.errors),
            asked=asked_of(self.task.target, ask, content=content),
            kinds=tuple(dict.fromkeys(error.kind for error in attempt.errors)),
        )

    def reply(self, reply: ChatReply) -> None:
        """A reply has come to the last request."""
        self.answered = True
        if reply.usage is not None and not reply.cached:
            self.usage += reply.usage

    def finish(self, result: Extraction[T]) -> None:
        """It ended well."""
        self.watch.emit("on_result", partial(self._finished, result))

    def _finished(self, result: Extraction[T], content: bool) -> Finished:
        return Finished(
            extraction=self.errand.key,
            requests=self.errand.requests,
            seconds=time.perf_counter() - self.started,
            usage=self.usage,
            cost=self.errand.spent,
            model=result.model,
            outcome=result.attempts[-1].outcome.value,
            value=result.value if content else None,
        )

    def fail(self, error: BaseException) -> None:
        """It ended with an error, or was closed."""
        if isinstance(error, GeneratorExit):
            # Who sends raised something that the loop is not to know, and closed it: that is the context then.
            cause = error.__context__
            error = cause if cause is not None and cause is not self.before else error
        self.watch.emit("on_failure", partial(self._failing, error))

    def _failing(self, error: BaseException, content: bool) -> Failing:
        return Failing(
            extraction=self.errand.key,
            error=type(error).__name__ if isinstance(error, Exception) else "Cancelled",
            requests=self.errand.requests,
            seconds=time.perf_counter() - self.started,
            usage=self.usage,
            cost=self.errand.spent,
            exception=error if content else None,
        )


def _size(message: Message) -> int:
    """The bytes of a message. One that cannot be written is refused when it is sent."""
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        return len(encode(message))
    return 0


def _changed(before: Way, after: Way) -> str:
    """What is different about a way of asking."""
    said = []
    if before.mode != after.mode:
        said.append(f"{before.mode or 'own format'} → {after.mode or 'own format'}")
    if before.slim != after.slim:
        said.append(f"slim {before.slim} → {after.slim}")
    for name in sorted(after.dropped - before.dropped):
        said.append(f"{name} → {LIMITS[name]}" if name in LIMITS else f"without {name}")
    return ", ".join(said) or "the same again"
