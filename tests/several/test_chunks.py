"""A document in chunks, against an endpoint on loopback: what is asked, what fails, what comes of it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from either_kind import run_once
from pydantic import BaseModel, ValidationInfo, field_validator, model_validator
from typing_extensions import TypedDict

from extractor import AsyncExtractor, Budget, Chunking, Extraction, Extractor
from extractor.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    CallerError,
    ChunksFailed,
    DeadlineExceeded,
    DocumentError,
    ExtractionFailed,
    FieldsAbsent,
    OptionError,
    RequestTooLarge,
    TargetFailed,
)
from extractor.reply.outcome import Outcome
from extractor.testing import FakeEndpoint, Recorded, Reply
from extractor.watching import Event, Finished, Started, Watcher

CUT = Chunking(tokens=100, overlap=0)
PATIENCE = 20.0  # seconds: longer than any of this takes, so that a mistake does not hang


class Line(BaseModel):
    item: str
    value: int


class Order(BaseModel):
    vendor: str
    lines: list[Line]


def _document(count: int, *, vendor: str = "Acme Tools") -> str:
    """As many paragraphs, each about a chunk of `CUT` long, with an item each."""
    parts = [f"The item part{n} is worth {n + 10}. " + "It was ordered in the spring. " * 6 for n in range(count)]
    return f"From {vendor}.\n\n" + "\n\n".join(part.strip() for part in parts) + "\n"


def _text(request: Recorded) -> str:
    texts = (message["content"] for message in request.body["messages"] if message["role"] == "user")
    return str(next(texts))


def _answer(request: Recorded) -> dict[str, Any]:
    found = re.findall(r"item (\w+) is worth (\d+)", _text(request))
    vendor = re.search(r"From ([\w ]+)\.", _text(request))
    return {
        "vendor": vendor[1] if vendor else None,
        "lines": [{"item": item, "value": int(value)} for item, value in found],
    }


def _run(
    kind: str, fake: FakeEndpoint, target: Any, document: Any, *, settings: Any = None, **call: Any
) -> Extraction[Any]:
    made = {"base_url": fake.base_url, "transport_retries": 0, **(settings or {})}
    call.setdefault("chunking", CUT)
    return run_once(kind, made, target, document, **call)


def _items(result: Extraction[Any]) -> list[str]:
    return [line["item"] for line in result.data["lines"]]


def _names(count: int) -> list[str]:
    return [f"part{n}" for n in range(count)]


# ------------------------------------------------------------------------------- what is asked, and merged


def test_a_document_in_chunks(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every chunk is asked for, what comes is merged in the document's order, and all places are in the whole."""
    document = _document(5)
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    result = _run(kind, fake_endpoint, Order, document)
    assert isinstance(result.value, Order)
    assert result.value.vendor == "Acme Tools"
    assert _items(result) == _names(5)
    assert len(result.chunks) == len(fake_endpoint.requests) == len(result.attempts) == 5
    assert [chunk.number for chunk in result.chunks] == list(range(5))
    assert all(chunk.error is None for chunk in result.chunks)
    for number, line in enumerate(result.value.lines):
        span = result.fields[f"/lines/{number}/item"].span
        assert span is not None
        assert document[span.start : span.end] == line.item
    assert result.candidates == (result.value,)
    assert result.complete
    assert (result.outcome, result.errors, result.conflicts) == (Outcome.CONFORMING, (), ())


def test_what_a_chunk_does_not_say(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The model is told that it sees a part, and what it says that this part lacks is no error."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    _run(kind, fake_endpoint, Order, _document(2), instructions="Values are in euros.")
    for request in fake_endpoint.requests:
        system = request.body["messages"][0]["content"]
        assert "Values are in euros." in system
        assert "a part of a longer one" in system


def test_a_short_document_is_not_cut(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What fits into one chunk is asked for as usual."""
    fake_endpoint.answer({"vendor": "A", "lines": []})
    result = _run(kind, fake_endpoint, Order, "A short text.")
    assert result.chunks == ()
    assert "longer one" not in str(fake_endpoint.requests[0].body)


def test_a_document_of_spaces(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A long document with nothing in it is refused as an empty one is."""
    with pytest.raises(DocumentError, match="empty"):
        _run(kind, fake_endpoint, Order, " \n" * 5_000)


def test_parts_of_text_are_one_document(fake_endpoint: FakeEndpoint) -> None:
    """A document that is given in parts is cut like the text that they make."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    parts = _document(4).split("\n\n")
    result = _run("sync", fake_endpoint, Order, parts)
    assert _items(result) == _names(4)
    assert result.document == "\n".join(parts)


def test_one_at_a_time(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """No more than `at_once` chunks are under way."""
    running, most, lock = [0], [0], threading.Lock()

    def answer(request: Recorded) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        answered = _answer(request)
        with lock:
            running[0] -= 1
        return answered

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, Order, _document(6), chunking=Chunking(tokens=100, overlap=0, at_once=1))
    assert (_items(result), most[0]) == (_names(6), 1)
    texts = [_text(request) for request in fake_endpoint.requests]
    assert texts == sorted(texts, key=lambda text: int(re.findall(r"part(\d+)", text)[0]))


def test_a_slow_chunk_holds_up_nobody(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """While the first chunk has not come, all others are asked for."""
    others = threading.Event()

    def answer(request: Recorded) -> Any:
        if "part0 " in _text(request):
            assert others.wait(PATIENCE)
        elif sum("part0 " not in _text(each) for each in fake_endpoint.requests) == 6:
            others.set()
        return _answer(request)

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, Order, _document(7), chunking=Chunking(tokens=100, overlap=0, at_once=2))
    assert _items(result) == _names(7)


@dataclass
class DataLine:
    item: str
    value: int


@dataclass
class DataOrder:
    vendor: str
    lines: list[DataLine]


class TypedOrder(TypedDict):
    vendor: str
    lines: list[Line]


SCHEMA = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"item": {"type": "string"}, "value": {"type": "integer"}},
                "required": ["item", "value"],
            },
        },
    },
    "required": ["vendor", "lines"],
}


@pytest.mark.parametrize("target", [DataOrder, TypedOrder, SCHEMA], ids=["dataclass", "TypedDict", "JSON Schema"])
def test_any_target(target: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every kind of target can be put together of chunks."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    result = _run(kind, fake_endpoint, target, _document(3))
    assert _items(result) == _names(3)
    if target is DataOrder:
        assert result.value.lines[2] == DataLine(item="part2", value=12)


def test_a_list_as_the_target(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A list is joined although it is the whole value."""
    fake_endpoint.script, fake_endpoint.repeat = [lambda request: {"value": _answer(request)["lines"]}], True
    result = _run(kind, fake_endpoint, list[Line], _document(4))
    assert [line.item for line in result.value] == _names(4)
    assert result.fields["/3/item"].status == "exact"


def test_a_list_of_scalars(fake_endpoint: FakeEndpoint) -> None:
    """A list of texts is joined as one of records is."""
    fake_endpoint.script, fake_endpoint.repeat = (
        [lambda request: {"value": re.findall(r"part\d+", _text(request))}],
        True,
    )
    assert _run("sync", fake_endpoint, list[str], _document(4)).value == _names(4)


def test_a_default_and_a_call(fake_endpoint: FakeEndpoint) -> None:
    """The chunking of the extractor holds for all calls but those that have another one."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    with Extractor("m", base_url=fake_endpoint.base_url, chunking=CUT) as one:
        assert len(one.run(Order, _document(3)).chunks) == 3
        assert one.run(Order, _document(3), chunking=None).chunks == ()
        assert one.run(Order, _document(3), chunking="auto").chunks == ()


def test_what_two_chunks_say(fake_endpoint: FakeEndpoint) -> None:
    """Different values that both stand in the document are a conflict, with their places."""
    document = _document(2, vendor="Acme Tools") + "\n" + _document(2, vendor="Bolt Works")
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    result = _run("sync", fake_endpoint, Order, document)
    (conflict,) = result.conflicts
    assert conflict.pointer == "/vendor"
    assert [value for value, _, _ in conflict.values] == ["Acme Tools", "Bolt Works"]
    for value, spans, _ in conflict.values:
        assert document[spans[0].start : spans[0].end] == value
    assert "Bolt Works" in result.to_html()


def test_candidates_and_recall_of_chunks(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Chunks can have candidates of their own, and what is known of their agreement is kept."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    result = _run(kind, fake_endpoint, Order, _document(2), candidates=2, recall="high")
    assert _items(result) == _names(2)
    assert result.fields["/lines/1/item"].agreement == 1.0
    assert len(fake_endpoint.requests) == len(result.attempts) == 4


# ------------------------------------------------------------------------------- what is missing


def test_required_fields_that_no_chunk_has(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A required field that no chunk has is an error that names it, with all attempts; or absent, where it may be."""
    fake_endpoint.script, fake_endpoint.repeat = [lambda request: {**_answer(request), "vendor": None}], True
    with pytest.raises(FieldsAbsent, match="/vendor") as caught:
        _run(kind, fake_endpoint, Order, _document(3))
    assert len(caught.value.attempts) == 3
    assert [line["item"] for line in caught.value.value["lines"]] == _names(3)
    result = _run(kind, fake_endpoint, Order, _document(3), absent="allow")
    assert (result.value, result.outcome) == (None, Outcome.INCOMPLETE)
    assert "/vendor" in result.absent
    assert result.fields["/vendor"].status == "absent"
    assert _items(result) == _names(3)


def test_required_fields_that_may_not_have_been_read(fake_endpoint: FakeEndpoint) -> None:
    """A required field that is missing because its chunk could not be read is not said to be absent."""
    fake_endpoint.script, fake_endpoint.repeat = [_failing(0)], True
    with pytest.raises(ChunksFailed, match="of 3 chunks, 1 of which could not be read") as caught:
        _run("sync", fake_endpoint, Order, _document(3), max_retries=0)
    assert (len(caught.value.failures), len(caught.value.attempts)) == (1, 3)


def test_what_was_merged_does_not_conform(fake_endpoint: FakeEndpoint) -> None:
    """A rule that holds between the chunks is checked at the end, and its failure loses nothing."""

    class Few(Order):
        @field_validator("lines")
        @classmethod
        def few(cls, lines: list[Line]) -> list[Line]:
            if len(lines) > 2:
                raise ValueError("too many")
            return lines

    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    with pytest.raises(ExtractionFailed, match=r"4 chunks: .*/lines: value_error") as caught:
        _run("sync", fake_endpoint, Few, _document(4))
    assert not isinstance(caught.value, FieldsAbsent)
    assert (len(caught.value.attempts), len(caught.value.value["lines"])) == (4, 4)


# ------------------------------------------------------------------------------- what fails


def _failing(*numbers: int, reply: Reply | str = "no json") -> Callable[[Recorded], Any]:
    def answer(request: Recorded) -> Any:
        return reply if any(f"part{number} " in _text(request) for number in numbers) else _answer(request)

    return answer


def test_a_chunk_that_fails_is_an_outcome(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the others gave is there, with the place of the chunk that could not be read."""
    document = _document(4)
    fake_endpoint.script, fake_endpoint.repeat = [_failing(2)], True
    result = _run(kind, fake_endpoint, Order, document, max_retries=1)
    assert _items(result) == ["part0", "part1", "part3"]
    failed = result.chunks[2]
    assert isinstance(failed.error, ExtractionFailed)
    assert "part2" in document[failed.start : failed.end]
    assert result.failures == (failed.error,)
    assert len(result.attempts) == len(fake_endpoint.requests) == 5
    assert not result.complete
    assert "could not be read" in result.to_html()


def test_extract_does_not_hide_a_failed_chunk(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The value alone cannot say what was not read: that is an error, with what there is."""
    fake_endpoint.script, fake_endpoint.repeat = [_failing(2, reply=Reply(status=500, raw="{}"))], True
    settings: dict[str, Any] = {"base_url": fake_endpoint.base_url, "transport_retries": 0, "chunking": CUT}

    async def run() -> None:
        async with AsyncExtractor("m", **settings) as one:
            await one.extract(Order, _document(4))

    with Extractor("m", **settings) as one, pytest.raises(ChunksFailed, match="1 of 4 chunks") as caught:
        one.extract(Order, _document(4)) if kind == "sync" else asyncio.run(run())
    assert [line["item"] for line in caught.value.value["lines"]] == ["part0", "part1", "part3"]
    assert len(caught.value.failures) == 1


def test_all_chunks_fail(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The first error in the document's order is raised, with what all of them cost."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    fake_endpoint.script, fake_endpoint.repeat = [Reply(content="no json", usage=usage)], True
    with pytest.raises(ExtractionFailed) as caught:
        _run(kind, fake_endpoint, Order, _document(3), max_retries=0)
    assert len(caught.value.attempts) == 3
    assert len(caught.value.failures) == 2
    assert caught.value.usage.prompt_tokens == 15


def test_a_wrong_key_ends_it(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """After a refusal that no other chunk would escape, none is begun."""
    fake_endpoint.script, fake_endpoint.repeat = [Reply(status=401, raw='{"error": {"message": "wrong key"}}')], True
    with pytest.raises(AuthenticationFailed):
        _run(kind, fake_endpoint, Order, _document(40), chunking=Chunking(tokens=100, overlap=0, at_once=3))
    assert len(fake_endpoint.requests) <= 3


def test_a_key_that_is_revoked_meanwhile(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What had come by then is there, and every chunk that was not begun says why."""
    fake_endpoint.script = [_answer, _answer, *[Reply(status=401, raw="{}")] * 2]
    document = _document(8)
    result = _run(kind, fake_endpoint, Order, document, chunking=Chunking(tokens=100, overlap=0, at_once=1))
    assert len(fake_endpoint.requests) == 3
    assert _items(result) == ["part0", "part1"]
    assert [isinstance(chunk.error, AuthenticationFailed) for chunk in result.chunks] == [False] * 2 + [True] * 6
    assert [chunk.start for chunk in result.chunks] == sorted(chunk.start for chunk in result.chunks)
    assert "part7" in document[result.chunks[-1].start : result.chunks[-1].end]


class Careless(BaseModel):
    lines: list[Line]

    @field_validator("lines")
    @classmethod
    def careless(cls, lines: list[Line], info: ValidationInfo) -> list[Line]:
        if any(line.item == "part2" for line in lines):
            raise RuntimeError("a mistake")
        return lines


def test_a_validator_with_a_mistake(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A validator of the caller's that breaks in one chunk is raised as itself, with all attempts."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    with pytest.raises(TargetFailed) as caught:
        _run(kind, fake_endpoint, Careless, _document(4), chunking=Chunking(tokens=100, overlap=0, at_once=1))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert len(caught.value.attempts) == 3


def test_a_validator_that_breaks_at_the_end(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The same where only the merged value breaks it."""

    class Late(BaseModel):
        lines: list[Line]

        @model_validator(mode="after")
        def late(self) -> Late:
            if len(self.lines) > 1:
                raise RuntimeError("a mistake")
            return self

    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    with pytest.raises(TargetFailed) as caught:
        _run(kind, fake_endpoint, Late, _document(3))
    assert len(caught.value.attempts) == 3


class Interrupting(BaseModel):
    lines: list[Line]

    @field_validator("lines")
    @classmethod
    def interrupting(cls, lines: list[Line]) -> list[Line]:
        raise KeyboardInterrupt


def test_an_interrupt_in_a_chunk(fake_endpoint: FakeEndpoint) -> None:
    """An interrupt in one of the threads reaches the caller as itself."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    with pytest.raises(KeyboardInterrupt):
        _run("sync", fake_endpoint, Interrupting, _document(3))


class _Stop(BaseException):
    """Of those that are no `Exception`, one that asyncio leaves alone."""


class Stopping(BaseModel):
    lines: list[Line]

    @field_validator("lines")
    @classmethod
    def stopping(cls, lines: list[Line]) -> list[Line]:
        raise _Stop


def test_no_group_reaches_the_caller(fake_endpoint: FakeEndpoint) -> None:
    """What breaks in several tasks at once comes out as one of them, not as a group."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    with pytest.raises(_Stop):
        _run("async", fake_endpoint, Stopping, _document(3))


def test_cancelling_leaves_nothing(fake_endpoint: FakeEndpoint) -> None:
    """A run that is cancelled ends as cancelled, and so do the tasks of its chunks."""
    arrived = threading.Event()
    go_on = threading.Event()

    def answer(request: Recorded) -> Any:
        arrived.set()
        go_on.wait(PATIENCE)
        return _answer(request)

    fake_endpoint.script, fake_endpoint.repeat = [answer], True

    async def run() -> None:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            task = asyncio.create_task(one.run(Order, _document(4), chunking=CUT))
            assert await asyncio.to_thread(arrived.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        asyncio.run(run())
    finally:
        go_on.set()


def test_closing_the_extractor_meanwhile(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What had come by then is there; the rest was not asked for, because the extractor is closed."""
    document, cut = _document(6), Chunking(tokens=100, overlap=0, at_once=1)
    if kind == "sync":
        one = Extractor("m", base_url=fake_endpoint.base_url)
        closing: Callable[[], Any] = one.close
        fake_endpoint.script = [_answer, lambda request: (closing(), _answer(request))[1]]
        result = one.run(Order, document, chunking=cut)
    else:

        async def run() -> Extraction[Any]:
            other = AsyncExtractor("m", base_url=fake_endpoint.base_url)
            loop = asyncio.get_running_loop()

            def close(request: Recorded) -> Any:
                asyncio.run_coroutine_threadsafe(other.aclose(), loop).result(PATIENCE)
                return _answer(request)

            fake_endpoint.script = [_answer, close]
            return await other.run(Order, document, chunking=cut)

        result = asyncio.run(run())
    assert "part0" in _items(result)
    assert "part5" not in _items(result)
    assert isinstance(result.chunks[-1].error, CallerError)
    assert not result.complete


# ------------------------------------------------------------------------------- limits of all of them


def test_a_budget_for_all_chunks(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the budget does not allow for is not asked; what came before is there."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    cut = Chunking(tokens=100, overlap=0, at_once=1)
    result = _run(kind, fake_endpoint, Order, _document(6), budget=Budget(requests=2), chunking=cut)
    assert len(fake_endpoint.requests) == 2
    assert len(_items(result)) == 2
    assert sum(isinstance(chunk.error, BudgetExceeded) for chunk in result.chunks) == 4


def test_a_budget_with_nothing_left(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where no chunk may be asked for, that is raised."""
    budget = Budget(requests=1)
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    _run(kind, fake_endpoint, Order, _document(1), budget=budget)
    with pytest.raises(BudgetExceeded):
        _run(kind, fake_endpoint, Order, _document(3), budget=budget)
    assert len(fake_endpoint.requests) == 1


def test_a_deadline_for_all_chunks(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A deadline that is given counts for all chunks together: what came in time is there."""
    go_on = threading.Event()

    def answer(request: Recorded) -> Any:
        if "part1 " in _text(request):
            go_on.wait(PATIENCE)
        return _answer(request)

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    cut = Chunking(tokens=100, overlap=0, at_once=1)
    try:
        result = _run(kind, fake_endpoint, Order, _document(5), chunking=cut, deadline=1.0)
    finally:
        go_on.set()
    assert _items(result) == ["part0"]
    assert [type(chunk.error) for chunk in result.chunks[1:]] == [DeadlineExceeded] * 4
    assert len(fake_endpoint.requests) == 2


# ------------------------------------------------------------------------------- too long for the endpoint

SAID = "This model's maximum context length is {} tokens. However, you requested more."


def _narrow(limit: int, said: str = "too long a prompt, maximum context length exceeded") -> Callable[[Recorded], Any]:
    """An endpoint that takes so many characters of a document."""

    def answer(request: Recorded) -> Any:
        if len(_text(request)) > limit:
            error = {"message": said, "code": "context_length_exceeded"}
            return Reply(status=400, raw=json.dumps({"error": error}))
        return _answer(request)

    return answer


@pytest.mark.parametrize("count", [5, 12], ids=["a document", "chunks"])
def test_a_chunk_that_is_too_long_is_halved(count: int, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A chunk, or a document as short as one, that the endpoint refuses as too long is cut, and nothing is lost."""
    fake_endpoint.script, fake_endpoint.repeat = [_narrow(700)], True
    result = _run(kind, fake_endpoint, Order, _document(count), chunking=Chunking(tokens=400, overlap=0))
    assert _items(result) == _names(count)
    assert len(result.chunks) > count // 3
    assert all(chunk.error is None for chunk in result.chunks)
    assert result.complete


def test_a_chunk_that_is_always_too_long(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that refuses even small chunks is not asked for ever."""
    fake_endpoint.script, fake_endpoint.repeat = [_narrow(10)], True
    with pytest.raises(RequestTooLarge):
        _run(kind, fake_endpoint, Order, _document(2), chunking=Chunking(tokens=200, overlap=0))
    assert len(fake_endpoint.requests) < 20


def test_a_context_that_nobody_knows(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A document that is refused as too long is cut then; the next one is cut at once."""
    document = _document(12)
    fake_endpoint.script, fake_endpoint.repeat = [_narrow(2_500, SAID.format(900))], True

    async def run() -> list[Extraction[Any]]:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            return [await one.run(Order, document) for _ in range(2)]

    if kind == "sync":
        with Extractor("m", base_url=fake_endpoint.base_url) as one:
            results = [one.run(Order, document) for _ in range(2)]
    else:
        results = asyncio.run(run())
    for result in results:
        assert _items(result) == _names(12)
        assert len(result.chunks) > 1
    assert sum(len(_text(request)) > 2_500 for request in fake_endpoint.requests) == 1


@pytest.mark.parametrize("call", [{"chunking": None}, {"messages": [{"role": "user", "content": "x " * 3_000}]}])
def test_what_is_not_to_be_cut(call: dict[str, Any], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With `chunking=None`, and where the turns are the caller's own, the refusal is raised."""
    fake_endpoint.script, fake_endpoint.repeat = [_narrow(100)], True
    document = None if "messages" in call else _document(6)
    with pytest.raises(RequestTooLarge):
        _run(kind, fake_endpoint, Order, document, **{"chunking": "auto", **call})
    assert len(fake_endpoint.requests) == 1


# ------------------------------------------------------------------------------- who watches, and keys


class _Watching(Watcher):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_start(self, event: Started) -> None:
        self.events.append(event)

    def on_result(self, event: Finished) -> None:
        self.events.append(event)


def test_every_chunk_is_watched(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Each chunk is an extraction of its own to those who watch, with a beginning and an end."""
    watching = _Watching()
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True
    _run(kind, fake_endpoint, Order, _document(3), watch=[watching])
    names = [(type(event).__name__, event.extraction) for event in watching.events]
    assert len({name for name in names if name[0] == "Started"}) == 3
    assert len({name for name in names if name[0] == "Finished"}) == 3


def _keys(fake: FakeEndpoint) -> dict[str, str]:
    return {_text(request): request.headers["idempotency-key"] for request in fake.requests}


@pytest.mark.parametrize("key", ["job-7", "k" * 200], ids=["short", "long"])
def test_keys_of_chunks(key: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every chunk has a key of its own, which is the same when the job is resumed."""
    fake_endpoint.script, fake_endpoint.repeat = [_narrow(700)], True
    cut = Chunking(tokens=400, overlap=0)
    _run(kind, fake_endpoint, Order, _document(12), chunking=cut, idempotency_key=key)
    keys = _keys(fake_endpoint)
    assert len(set(keys.values())) == len(keys) == len(fake_endpoint.requests)
    assert all(each.startswith(key[:100]) for each in keys.values())
    fake_endpoint.requests.clear()
    one_by_one = Chunking(tokens=400, overlap=0, at_once=1)  # another order
    _run(kind, fake_endpoint, Order, _document(12), chunking=one_by_one, idempotency_key=key)
    assert _keys(fake_endpoint) == keys


@pytest.mark.parametrize("setting", [{"chunking": CUT}, {"candidates": 2}, {"recall": "high"}])
@pytest.mark.parametrize("where", ["call", "defaults"])
def test_a_stream_is_one_reply(where: str, setting: dict[str, Any], fake_endpoint: FakeEndpoint) -> None:
    """A stream with settings that need several requests is refused before anything is sent."""
    defaults, call = (setting, {}) if where == "defaults" else ({}, setting)
    with Extractor("m", base_url=fake_endpoint.base_url, **defaults) as one:
        with pytest.raises(OptionError, match="a stream shows one reply"):
            one.stream(Order, "text", **call)
        with pytest.raises(OptionError, match="a stream shows one reply"):
            one.stream_items(Line, "text", **call)
    assert not fake_endpoint.requests
