"""A watched extraction, driven by hand: what is told of it, and that it runs as if it were not watched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor.chat.wire import ChatReply, Prefix, Usage, decode_reply
from extractor.endpoint.errand import Errand
from extractor.errors import (
    BadRequest,
    ConfigurationError,
    ConnectionFailed,
    ExtractionFailed,
    StatusError,
    TargetFailed,
)
from extractor.loop.extraction import Flow, extraction
from extractor.loop.ladder import Descent, Form, Step, Way
from extractor.loop.task import Narrowed, Task
from extractor.loop.watched import asked_of, watched
from extractor.prompt import Prompt
from extractor.result import Attempt, Extraction
from extractor.schema.adapt import adapt
from extractor.schema.target import Target, target_of
from extractor.watching import Event, Failing, Finished, Method, Reasking, Refusing, Started, Watch, Watcher

DOCUMENT = "Ann is 34, and her phone is 555-PLANTED."
GOOD = '{"name": "Ann", "age": 34, "phones": {}}'
BAD = '{"name": "Ann", "age": "old", "phones": {}}'
METHODS: tuple[Method, ...] = ("on_start", "on_refused", "on_reask", "on_result", "on_failure")


class Person(BaseModel):
    """What these tests ask for."""

    name: str
    age: int
    phones: dict[str, int] = {}


class Recorder(Watcher):
    """Keeps what it is told."""

    def __init__(self, content: bool = False) -> None:
        self.content = content
        self.told: list[tuple[str, Any]] = []
        for method in METHODS:
            setattr(self, method, self._keeper(method))

    def _keeper(self, method: str) -> Callable[[Event], None]:
        return lambda event: self.told.append((method, event))

    @property
    def methods(self) -> list[str]:
        """Which methods were called."""
        return [method for method, _ in self.told]

    def of(self, method: Method) -> Any:
        """The one event of a kind."""
        (event,) = [event for each, event in self.told if each == method]
        return event


def _form(target: Target[Any], way: Way | None = None) -> Form:
    return Form(
        way=way or Way(mode="strict"),
        adapted=adapt(target, "openai"),
        prompt=Prompt(messages=()),
        prefix=Prefix(fields={"model": "asked"}),
    )


def _task(target: Any = Person, *, document: str | None = DOCUMENT, max_retries: int = 2) -> Task[Any]:
    made = target_of(target)
    return Task(
        target=made,
        form=_form(made),
        messages=({"role": "user", "content": DOCUMENT},),
        max_retries=max_retries,
        document=document,
        narrow=lambda part, excerpt: Narrowed(form=_form(part), messages=({"role": "user", "content": "…"},)),
    )


def _reply(content: str, usage: Any = None) -> ChatReply:
    message = {"role": "assistant", "content": content}
    return decode_reply(
        {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage, "model": "answered"}
    )


def _loop(task: Task[Any], attempts: list[Attempt], errand: Errand) -> Flow[Any]:
    """The loop, and whoever sends what it asks."""
    flow: Any = extraction(task, attempts)
    step: Callable[[], Any] = lambda: next(flow)  # noqa: E731
    while True:
        try:
            ask = step()
        except StopIteration as done:
            result: Extraction[Any] = done.value
            return result
        try:
            reply = yield ask
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:
            step = lambda error=error: flow.throw(error)  # type: ignore[misc]  # noqa: E731
        else:
            step = lambda reply=reply: flow.send(reply)  # type: ignore[misc]  # noqa: E731
        finally:
            errand.requests += 1


def _watched(task: Task[Any], *watchers: Watcher, cost: Decimal | None = None) -> Flow[Any]:
    attempts, errand = list[Attempt](), Errand(key="x1", spent=cost)
    flow = _loop(task, attempts, errand)
    return watched(flow, Watch(watchers), task, errand, attempts, base_url="http://localhost/v1")


def _run(flow: Flow[Any], *steps: ChatReply | BaseException) -> Extraction[Any]:
    """Drive a flow to its end; all the steps must be wanted."""
    next(flow)
    for step in steps:
        try:
            flow.throw(step) if isinstance(step, BaseException) else flow.send(step)
        except StopIteration as done:
            result: Extraction[Any] = done.value
            return result
    raise AssertionError("the flow goes on")


# ------------------------------------------------------------------------------------------ what is told


def test_a_result() -> None:
    """A start and a result are told, with what it took."""
    watcher = Recorder()
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    result = _run(_watched(_task(), watcher, cost=Decimal("0.001")), _reply(GOOD, usage))
    assert result.value == Person(name="Ann", age=34)
    assert watcher.methods == ["on_start", "on_result"]
    assert watcher.of("on_start") == Started(
        extraction="x1",
        target="Person",
        model="asked",
        base_url="http://localhost/v1",
        document_bytes=len(DOCUMENT),
    )
    finished = watcher.of("on_result")
    assert finished == Finished(
        extraction="x1",
        requests=1,
        seconds=finished.seconds,
        usage=Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15),
        cost=Decimal("0.001"),
        model="answered",
        outcome="conforming",
    )
    assert 0 <= finished.seconds < 60


def test_a_reask() -> None:
    """A reply that does not conform is told of, with what was wrong and what is asked now."""
    watcher = Recorder()
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    _run(_watched(_task(), watcher), _reply(BAD, usage), _reply('{"age": 34}', usage))
    assert watcher.methods == ["on_start", "on_reask", "on_result"]
    assert watcher.of("on_reask") == Reasking(
        extraction="x1", number=1, outcome="invalid", errors=1, asked=("/age",), kinds=("int_parsing",)
    )
    assert watcher.of("on_result").requests == 2
    assert watcher.of("on_result").usage.total_tokens == 30


def test_a_refusal() -> None:
    """A refused request that is asked in another way is told of, with what is different."""
    target = target_of(Person)
    ways = iter(
        [
            Way(mode="strict", dropped=frozenset({"seed", "max_tokens"})),
            Way(mode="relaxed", slim=1, dropped=frozenset({"seed", "max_tokens"})),
        ]
    )

    def descend(form: Form, error: StatusError) -> Descent:
        step = Step(mode=form.way.mode, slim=0, dropped="", status=error.status, reason="")
        return Descent(form=_form(target, next(ways)), step=step, messages=({"role": "user", "content": "…"},))

    watcher = Recorder()
    task = replace(_task(), descend=descend)
    _run(_watched(task, watcher), *[BadRequest("No.", status=status) for status in (400, 422)], _reply(GOOD))
    refused = [event for method, event in watcher.told if method == "on_refused"]
    assert refused == [
        Refusing(extraction="x1", number=1, status=400, changed="max_tokens → max_completion_tokens, without seed"),
        Refusing(extraction="x1", number=2, status=422, changed="strict → relaxed, slim 0 → 1"),
    ]
    assert watcher.methods == ["on_start", "on_refused", "on_refused", "on_result"]
    assert watcher.of("on_result").requests == 3


@pytest.mark.parametrize(
    ("steps", "error", "requests"),
    [
        ([_reply(BAD), _reply(BAD), _reply(BAD)], ExtractionFailed, 3),
        ([ConnectionFailed("Gone.")], ConnectionFailed, 1),
        ([_reply(BAD), BadRequest("No.", status=400)], BadRequest, 2),
        ([ConfigurationError("Closed.")], ConfigurationError, 1),
    ],
)
def test_a_failure(steps: list[Any], error: type[Exception], requests: int) -> None:
    """A failure is told once, by the name of its error, and is raised as it is."""
    watcher, rich = Recorder(), Recorder(content=True)
    with pytest.raises(error) as caught:
        _run(_watched(_task(), watcher, rich), *steps)
    assert [method for method in watcher.methods if method in ("on_result", "on_failure")] == ["on_failure"]
    failing: Failing = watcher.of("on_failure")
    assert (failing.error, failing.requests, failing.exception) == (error.__name__, requests, None)
    assert rich.of("on_failure").exception is caught.value


def test_a_validator_that_breaks() -> None:
    """A fault of the target's own is a failure like any other."""

    class Broken(Person):
        def model_post_init(self, context: Any) -> None:
            raise RuntimeError

    watcher = Recorder()
    with pytest.raises(TargetFailed):
        _run(_watched(_task(Broken), watcher), _reply(GOOD))
    assert watcher.of("on_failure").error == "TargetFailed"


def test_those_who_send_may_count() -> None:
    """Where more requests are made than the flow asks for, the events have the numbers of those who send."""
    watcher, task, attempts = Recorder(), _task(), list[Attempt]()
    flow = watched(extraction(task, attempts), Watch((watcher,)), task, Errand(requests=7), attempts, base_url="")
    _run(flow, _reply(BAD), _reply('{"age": 34}'))
    assert (watcher.of("on_reask").number, watcher.of("on_result").requests) == (7, 7)


# ------------------------------------------------------------------------------------------- content


def test_content_is_for_those_who_asked() -> None:
    """The document and the value are told to those who asked for content, and to nobody else."""
    plain, rich = Recorder(), Recorder(content=True)
    result = _run(_watched(_task(), plain, rich), _reply(GOOD))
    assert rich.of("on_start").document == DOCUMENT
    assert rich.of("on_result").value is result.value
    assert plain.of("on_start").document is None
    assert plain.of("on_result").value is None
    assert "PLANTED" not in repr(plain.told)
    assert "PLANTED" not in repr(rich.told)


def test_a_document_that_is_no_text() -> None:
    """Of a document that is not one text, the messages count."""
    watcher = Recorder(content=True)
    task = _task(document=None)
    assert next(_watched(task, watcher)).messages == task.messages
    assert watcher.of("on_start").document == task.messages
    assert watcher.of("on_start").document_bytes == len('{"role":"user","content":""}') + len(DOCUMENT)


def test_messages_that_cannot_be_written() -> None:
    """Messages that are no JSON do not break what is told; they are refused when they are sent."""
    watcher = Recorder()
    task = replace(_task(document=None), messages=({"role": "user", "content": object()},))
    next(_watched(task, watcher))
    assert watcher.of("on_start").document_bytes == 0


def test_keys_of_the_document_are_content() -> None:
    """A place that is asked for is told without the keys that came from the document."""
    plain, rich = Recorder(), Recorder(content=True)
    phones = {"PLANTED": "x", "555123": "y", "0": "z", **{f"right {number}": number for number in range(9)}}
    pairs = [{"key": key, "value": value} for key, value in phones.items()]
    wrong = json.dumps({"name": "Ann", "age": 34, "phones": pairs})
    flow = _watched(_task(), plain, rich)
    next(flow)
    ask = flow.send(_reply(wrong))
    assert rich.of("on_reask").asked == ("/phones/PLANTED", "/phones/555123", "/phones/0")
    assert plain.of("on_reask").asked == ("/phones/*", "/phones/*", "/phones/*")
    assert asked_of(_task().target, ask, content=False) == ("/phones/*", "/phones/*", "/phones/*")
    flow.close()


def test_places_in_lists() -> None:
    """The index of an item is told, and so are the names of fields, whatever characters they have."""
    schema = {
        "title": "Lines",
        "type": "object",
        "properties": {
            "a/b": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            "c": {"type": "string"},
        },
        "required": ["a/b", "c"],
    }
    plain = Recorder()
    flow = _watched(_task(schema), plain)
    next(flow)
    flow.send(_reply('{"a/b": [{"n": 1}, {"n": "x"}, {"n": 2}], "c": "d"}'))
    assert plain.of("on_reask").asked == ("/a~1b/1/n",)
    flow.close()


# ------------------------------------------------------------------------------------------ broken off


def test_a_flow_that_is_closed() -> None:
    """A flow that is closed while it waits was cancelled: that is told once."""
    watcher = Recorder()
    flow = _watched(_task(), watcher)
    next(flow)
    flow.close()
    flow.close()
    assert watcher.methods == ["on_start", "on_failure"]
    assert watcher.of("on_failure").error == "Cancelled"


def test_what_is_inside_is_closed() -> None:
    """The flow inside is closed with the one around it, before that is told."""
    watcher, seen = Recorder(), list[list[str]]()

    def inside() -> Flow[Any]:
        try:
            return (yield from extraction(_task()))
        finally:
            seen.append(watcher.methods)

    flow = watched(inside(), Watch((watcher,)), _task(), Errand(), [], base_url="")
    next(flow)
    flow.close()
    assert seen == [["on_start"]]
    assert watcher.methods == ["on_start", "on_failure"]


def test_a_flow_that_never_began() -> None:
    """Of a flow that was never begun, nothing is told."""
    watcher = Recorder()
    _watched(_task(), watcher).close()
    assert watcher.told == []


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyboardInterrupt(), "Cancelled"), (ConfigurationError("Closed."), "ConfigurationError")],
)
def test_what_the_loop_is_not_told(error: BaseException, told: str) -> None:
    """An error of sending that the loop does not hear of, since it is closed then, is the failure."""
    watcher = Recorder()
    flow = _watched(_task(), watcher)
    with pytest.raises(type(error)):
        _closing(flow, error)
    assert watcher.methods == ["on_start", "on_failure"]
    assert watcher.of("on_failure").error == told


def _closing(flow: Flow[Any], error: BaseException) -> None:
    try:
        next(flow)
        raise error
    finally:
        flow.close()


def test_an_error_from_before() -> None:
    """An error that was being handled when the flow began is not what ended it."""
    watcher = Recorder()
    flow = _watched(_task(), watcher)
    try:
        _run(extraction(_task()), ConfigurationError("Of another one."))
    except ConfigurationError:
        next(flow)
        flow.close()
    assert watcher.of("on_failure").error == "Cancelled"


def test_a_cancelled_task() -> None:
    """A task that is cancelled while it sends is told once, as cancelled."""
    watcher = Recorder()

    async def drive() -> None:
        flow = _watched(_task(), watcher)
        try:
            next(flow)
            await asyncio.Event().wait()
        finally:
            flow.close()

    async def cancel() -> None:
        task = asyncio.create_task(drive())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert watcher.methods == ["on_start", "on_failure"]
    assert watcher.of("on_failure").error == "Cancelled"


# --------------------------------------------------------------------------------------- passing through


def _steps() -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "good", lambda: _reply(GOOD)
    yield "bad", lambda: _reply(BAD)
    yield "part", lambda: _reply('{"age": 34}')
    yield "gone", lambda: ConnectionFailed("Gone.")
    yield "refused", lambda: BadRequest("No.", status=400)
    yield "interrupt", KeyboardInterrupt


STEPS = dict(_steps())


def _trace(flow: Flow[Any], steps: list[str]) -> list[Any]:
    """Everything that a driver sees of a flow."""
    seen: list[Any] = [next(flow).request.tail]
    for name in steps:
        step = STEPS[name]()
        try:
            ask = flow.throw(step) if isinstance(step, BaseException) else flow.send(step)
        except StopIteration as done:
            return [*seen, done.value.value, len(done.value.attempts)]
        except BaseException as error:
            return [*seen, type(error), error is step, error.__cause__, error.__context__]
        seen.append(ask.request.tail)
    flow.close()
    return seen


@settings(max_examples=60)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=5))
def test_watching_changes_nothing(steps: list[str]) -> None:
    """A driver sees the same of a flow that is watched and of one that is not, and one end is told."""
    watcher = Recorder()
    assert _trace(_watched(_task(), watcher), steps) == _trace(extraction(_task()), steps)
    assert watcher.methods[0] == "on_start"
    assert [method in ("on_result", "on_failure") for method in watcher.methods].count(True) == 1
    assert watcher.methods[-1] in ("on_result", "on_failure")


def test_a_watcher_that_fails() -> None:
    """A watcher that raises in every method changes nothing."""

    class Failing(Watcher):
        def _fail(self, event: Event) -> None:
            raise ValueError(event)

        on_start = on_reask = on_result = on_failure = _fail

    result = _run(_watched(_task(), Failing()), _reply(BAD), _reply('{"age": 34}'))
    assert result.value.age == 34
