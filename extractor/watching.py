"""What can be watched of an extraction: one record for each thing that happens, told to those who asked.

A `Watcher` is told; a `Watch` is what the code that tells holds. Three rules:

- Nothing of the document, of a reply or of a value is in a record, unless the watcher asked for `content`.
- A watcher that fails never breaks an extraction.
- What nobody watches costs one test for None.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from extractor.chat.content import Message
from extractor.chat.wire import ChatReply, Usage
from extractor.errors import OptionError

__all__ = [
    "Event",
    "Failing",
    "FallingBack",
    "Finished",
    "Logged",
    "Method",
    "Reasking",
    "Received",
    "Refusing",
    "Retrying",
    "Sending",
    "Started",
    "Waited",
    "Watch",
    "Watcher",
    "checked_watchers",
    "watch_of",
]

logger = logging.getLogger("extractor")

# ---------------------------------------------------------------------------------------- the records
# Fields that hold content come last, are None without it, and are in no repr.


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that happened. `extraction` is the same for all events of one extraction, and different for any two;
    the idempotency keys of its requests begin with it. `number` counts the requests of an extraction from 1;
    a request that is sent again because HTTP failed keeps its number.
    """

    extraction: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Event):
    """An extraction begins. `document_bytes` is the size of the document (of a text in UTF-8, of anything else as it
    is sent); `document` its text, or the messages where it is not one text.
    """

    target: str
    model: str
    base_url: str
    document_bytes: int
    document: Any = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending(Event):
    """A request is sent to `url`, for the `attempt`-th time (from 1). `asked` are the places that it asks for (JSON
    pointers; none: the whole). Without content, a key that is none of the target's fields is `*` in them.
    """

    number: int
    attempt: int
    model: str
    url: str
    request_bytes: int
    asked: tuple[str, ...] = ()
    messages: tuple[Message, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Received(Event):
    """A reply has come, after `seconds`. `usage` and `cost` (US dollars) are None where they are not known; `model`,
    `response_id` and `finish_reasons` (of each candidate, "" where it has none) are as the endpoint gave them.
    A `cached` one came from the cache: nothing was sent.
    """

    number: int
    model: str
    seconds: float
    usage: Usage | None = None
    cost: Decimal | None = None
    finish_reasons: tuple[str, ...] = ()
    response_id: str = ""
    cached: bool = False
    reply: ChatReply | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrying(Event):
    """The `attempt`-th sending of a request to `url` failed, and it is sent again to `next_url` after `wait` seconds.
    `error` is the name of the error's class, `status` the HTTP status where there was one; `message` may quote.
    """

    number: int
    attempt: int
    error: str
    status: int | None = None
    wait: float
    url: str
    next_url: str
    message: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waited(Event):
    """A request has waited for `seconds`, because more of them at once are too many for the endpoint."""

    number: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusing(Event):
    """The endpoint refused something in a request, and is asked in another way: `changed` says what is different."""

    number: int
    status: int
    changed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reasking(Event):
    """A reply did not conform, and is asked again. `outcome` is what it was, `errors` how many things were wrong
    with it, `kinds` the names of the rules that they broke, each once. `asked` are the places that are asked for now.
    """

    number: int
    outcome: str
    errors: int = 0
    asked: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FallingBack(Event):
    """A model could not be asked, and another is. `error` is the name of the error's class."""

    from_model: str
    to_model: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished(Event):
    """An extraction ended well: `requests` counts those that were made, `usage` sums their tokens and `cost` what they
    cost (US dollars, None where that is not known), `seconds` is the whole time. `model` answered last.
    """

    requests: int
    seconds: float
    usage: Usage
    cost: Decimal | None = None
    model: str
    outcome: str
    value: Any = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing(Event):
    """An extraction failed. `error` is the name of the error's class, "Cancelled" where it was broken off from
    outside; `exception` the error itself. The rest is as in `Finished`.
    """

    error: str
    requests: int
    seconds: float
    usage: Usage
    cost: Decimal | None = None
    exception: BaseException | None = field(default=None, repr=False)


# ---------------------------------------------------------------------------------------- being told


class Watcher:
    """Is told what happens in extractions. Override what you want to know; the methods here do nothing.

    They are called in the thread, or event loop, in which the extraction runs, while it waits for them: be quick.
    One watcher may be told of many extractions at once, in several threads. With `content`, the records have
    what the documents, requests, replies and values say; no record ever has the API key.
    """

    content: bool = False

    def on_start(self, event: Started) -> None:
        """An extraction begins. One of `on_result` and `on_failure` follows, once."""

    def on_request(self, event: Sending) -> None:
        """A request is sent."""

    def on_reply(self, event: Received) -> None:
        """A reply has come."""

    def on_retry(self, event: Retrying) -> None:
        """A request failed, and is sent again."""

    def on_wait(self, event: Waited) -> None:
        """A request had to wait before it was sent."""

    def on_refused(self, event: Refusing) -> None:
        """The endpoint does not take a request, and is asked in another way."""

    def on_reask(self, event: Reasking) -> None:
        """A reply did not conform, and is asked again."""

    def on_fallback(self, event: FallingBack) -> None:
        """Another model is asked."""

    def on_result(self, event: Finished) -> None:
        """An extraction ended well."""

    def on_failure(self, event: Failing) -> None:
        """An extraction failed, or was broken off."""


Method: TypeAlias = Literal[
    "on_start",
    "on_request",
    "on_reply",
    "on_retry",
    "on_wait",
    "on_refused",
    "on_reask",
    "on_fallback",
    "on_result",
    "on_failure",
]
"""The name of a watcher's method."""
_METHODS: Final[tuple[Method, ...]] = get_args(Method)


def checked_watchers(watchers: Iterable[Any]) -> tuple[Watcher, ...]:
    """What a caller gave as `watch=`. Raises `OptionError` for what is no watcher, or could not be heard."""
    if isinstance(watchers, Watcher) or not isinstance(watchers, Iterable):
        raise OptionError("watch must be a list of watchers.", option="watch", hint="One alone: watch=[watcher].")
    found = tuple(watchers)
    for each in found:
        if not isinstance(each, Watcher):
            hint = "Derive from extractor.watching.Watcher, and give an instance of it."
            raise OptionError(f"watch has a {type(each).__name__}, which is no Watcher.", option="watch", hint=hint)
        awaited = [method for method in _METHODS if inspect.iscoroutinefunction(getattr(each, method))]
        if awaited:
            hint = "Let it put the event into a queue, or create a task."
            raise OptionError(f"{awaited[0]} is async; nobody would await it.", option="watch", hint=hint)
    return found


# -------------------------------------------------------------------------------------------- telling


class Watch:
    """The watchers of one extraction. It is true where one of them listens to anything.

    `if watch: watch.emit("on_wait", lambda content: Waited(…))`
    """

    __slots__ = ("_heard",)

    def __init__(self, watchers: Iterable[Watcher] = ()) -> None:
        told = tuple(watchers)
        heard = {method: tuple(each for each in told if _listens(each, method)) for method in _METHODS}
        self._heard = {method: listening for method, listening in heard.items() if listening}

    def __bool__(self) -> bool:
        return bool(self._heard)

    def emit(self, method: Method, make: Callable[[bool], Event]) -> None:
        """Tell what happened. `make` is given whether the record is to have content; it is called where somebody
        listens, at most once for each of both.
        """
        made: dict[bool, Event] = {}
        for watcher in self._heard.get(method, ()):
            try:
                content = bool(watcher.content)
                if content not in made:
                    made[content] = make(content)
                getattr(watcher, method)(made[content])
            except Exception as error:  # noqa: BLE001  # theirs; it must not break the extraction
                _failed(watcher, method, error)


def _listens(watcher: Watcher, method: Method) -> bool:
    return getattr(getattr(watcher, method), "__func__", None) is not getattr(Watcher, method)


_saying = threading.Lock()


def _failed(watcher: Watcher, method: Method, error: Exception) -> None:
    """Say so, once for each method of a watcher. What was raised may quote content: that is for debugging only."""
    with contextlib.suppress(Exception):  # a log may fail, too
        with _saying:
            said: set[str] = vars(watcher).setdefault("_said", set())
            if method in said:
                return
            said.add(method)
        name = f"{type(watcher).__name__}.{method}"
        logger.warning("%s raised %s; this is said once.", name, type(error).__name__)
        logger.debug("What %s raised:", name, exc_info=error)


def watch_of(watchers: tuple[Watcher, ...]) -> Watch | None:
    """The watch for an extraction that starts now: the given watchers, and the log where it is listened to. None where
    nobody listens to anything.
    """
    if logger.isEnabledFor(logging.INFO) and not any(isinstance(each, Logged) for each in watchers):
        return Watch((*watchers, _LOG))
    return Watch(watchers) or None


# -------------------------------------------------------------------------------------------- the log

LINE_LENGTH = 300
VALUE_LENGTH = 100
_PLAIN = frozenset("_-+.,:/*@→")  # what needs no quotes, beside letters and digits


def _line(level: int, word: str, *names: str) -> Any:
    """A method that logs these fields of a record on one line."""

    def log(self: Logged, event: Event) -> None:
        if logger.isEnabledFor(level):
            logger.log(level, "%s", _written(word, event, names))

    log.__doc__ = f"Log a line `{word} extraction=… {' '.join(f'{name}=…' for name in names)}`."
    return log


class Logged(Watcher):
    """Writes a line for each event to the log "extractor", without content: requests and replies at DEBUG, what is
    done about failures and every result at INFO, failed extractions at WARNING. It is there by itself where that
    log is enabled for INFO.
    """

    on_start = _line(logging.DEBUG, "start", "target", "model", "base_url", "document_bytes")
    on_request = _line(logging.DEBUG, "request", "number", "attempt", "model", "url", "request_bytes", "asked")
    on_reply = _line(
        *(logging.DEBUG, "reply"),
        *("number", "model", "seconds", "usage", "cost", "finish_reasons", "response_id", "cached"),
    )
    on_retry = _line(logging.INFO, "retry", "number", "attempt", "error", "status", "wait", "url", "next_url")
    on_wait = _line(logging.DEBUG, "wait", "number", "seconds")
    on_refused = _line(logging.INFO, "refused", "number", "status", "changed")
    on_reask = _line(logging.INFO, "reask", "number", "outcome", "errors", "asked", "kinds")
    on_fallback = _line(logging.INFO, "fallback", "from_model", "to_model", "error")
    on_result = _line(logging.INFO, "result", "outcome", "model", "requests", "seconds", "usage", "cost")
    on_failure = _line(logging.WARNING, "failure", "error", "requests", "seconds", "usage", "cost")


_LOG: Final = Logged()


def _written(word: str, event: Event, names: tuple[str, ...]) -> str:
    found = {name: getattr(event, name) for name in ("extraction", *names)}
    pairs = [f"{key}={_quoted(text)}" for name, value in found.items() for key, text in _texts(name, value).items()]
    line = " ".join([word, *pairs])
    return line if len(line) <= LINE_LENGTH else line[: LINE_LENGTH - 1] + "…"


def _texts(name: str, value: Any) -> Mapping[str, str]:
    """What a field is written as; nothing where it is not known."""
    if value is None or (isinstance(value, Usage) and not value.total_tokens):
        return {}
    if isinstance(value, Usage):
        return {"input": str(value.prompt_tokens), "output": str(value.completion_tokens)}
    if isinstance(value, float):
        return {name: f"{value:.3f}"}
    if name == "asked":  # the places themselves are long, and their keys may come from the document
        return {name: str(len(value) or "all")}
    return {name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)}


def _quoted(text: str) -> str:
    """A value on one line, whatever the endpoint put into it; in quotes where it would not end by itself."""
    text = text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"
    if text and all(character.isalnum() or character in _PLAIN for character in text):
        return text
    return json.dumps("".join(each if each.isprintable() else "?" for each in text), ensure_ascii=False)
