"""The documents of a `map` without a job: what the works on them ask for, and what they end with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from extractor.chat.content import Image
from extractor.chat.wire import Usage
from extractor.documents.loaded import Input, Loaded
from extractor.errors import AuthenticationFailed, DocumentDamaged, ExtractorError, OptionError
from extractor.result import DocumentResult, Extraction
from extractor.schema.target import Target, target_of
from extractor.several.alone import Drawn, documents_of, name_of
from extractor.several.feed import Do, Extract, Step

PATIENCE = 20.0  # seconds: longer than any of this takes, so that a mistake does not hang
TARGET: Target[Any] = target_of(dict[str, int])
RESULT: Extraction[Any] = Extraction(value={"a": 1}, usage=Usage(), attempts=(), model="m", seconds=0.0, mode=None)
IMAGE = Image(data=b"png", media_type="image/png")


def _loaded(name: str, text: str = "text", **more: Any) -> Loaded:
    return Loaded(name=name, media_type="text/plain", sha256="0" * 64, size=1, text=text, **more)


def _opened(path: Path) -> Loaded:
    return _loaded(str(path), f"what {path.name} says")


def _ended(work: Any, came: list[Any]) -> tuple[list[Step], DocumentResult[Any]]:
    """The steps of a work that is sent these, or has them thrown in; and what it ends with."""
    steps = [next(work)]
    try:
        for each in came:
            steps.append(work.throw(each) if isinstance(each, ExtractorError) else work.send(each))
    except StopIteration as done:
        return steps, done.value
    raise AssertionError("It has not ended.")


def _work(document: Any, number: int = 0, **call: Any) -> Any:
    *_, work = documents_of([""] * number + [document], TARGET, call, _opened).works()
    return work


DOCUMENTS: list[tuple[Any, str, Any]] = [
    ("a text", "3", "a text"),
    (["a text", IMAGE], "3", ["a text", IMAGE]),
    (_loaded("a.pdf"), "a.pdf", "text"),
    (_loaded("a.png", "", parts=(IMAGE,)), "a.png", (IMAGE,)),
    (Input(name="orders.csv:1", document="a row"), "orders.csv:1", "a row"),
    (Input(name="mine", document=_loaded("a.pdf")), "mine", "text"),
]


@pytest.mark.parametrize(("document", "name", "content"), DOCUMENTS)
def test_documents(document: Any, name: str, content: Any) -> None:
    """Each kind of document is extracted by what is in it, and comes back as it was given, with its name."""
    (step,), result = _ended(_work(document, 3, temperature=0.0), [RESULT])
    assert isinstance(step, Extract)
    assert (step.target, step.document, step.call) == (TARGET, content, {"temperature": 0.0})
    assert (result.number, result.name, result.document, result.result) == (3, name, document, RESULT)
    assert result.value == {"a": 1}


@pytest.mark.parametrize("wrapped", [False, True])
def test_files(wrapped: bool) -> None:
    """A file is opened when its work has begun, as a step of its own."""
    path = Path("folder", "a.pdf")
    document = Input(name="mine", document=path) if wrapped else path
    work = _work(document)
    opening = next(work)
    assert isinstance(opening, Do)
    step = work.send(opening.call())
    assert step.document == "what a.pdf says"
    with pytest.raises(StopIteration) as done:
        work.send(RESULT)
    assert done.value.value.name == ("mine" if wrapped else str(path))
    assert done.value.value.document is document


@pytest.mark.parametrize("document", [Path("a.pdf"), "a text"])
def test_errors_of_a_document(document: Any) -> None:
    """What a document fails with, in reading or in extracting, is what its work ends with."""
    error = DocumentDamaged("broken")
    _, result = _ended(_work(document), [error])
    assert (result.error, result.result, result.document) == (error, None, document)
    assert error.__traceback__ is None  # it would hold the document, and more


def test_errors_for_all() -> None:
    """What every other document would fail with is raised by the work."""
    with pytest.raises(AuthenticationFailed):
        _ended(_work("a text"), [AuthenticationFailed("no", status=401)])


def test_keys_of_requests() -> None:
    """Each document has a key of its own, the same when it is tried again."""
    (step,), _ = _ended(_work("a text", 2, idempotency_key="mine"), [RESULT])
    assert isinstance(step, Extract)
    assert step.call == {"idempotency_key": "mine-2"}


def test_names() -> None:
    """A document without a name is called by its number."""
    assert [name_of(7, each) for each in ("text", Path("a"), _loaded("b"), IMAGE)] == ["7", "a", "b", "7"]


def test_nothing_is_read_ahead() -> None:
    """One document is taken from the input for each work that is asked for."""
    taken = 0

    def documents() -> Iterator[str]:
        nonlocal taken
        for taken in range(1, 4):  # noqa: B007  # counted outside
            yield "text"

    works = documents_of(documents(), TARGET, {}, _opened).works()
    assert taken == 0
    next(works)
    assert taken == 1


@pytest.mark.parametrize(
    "one", ["a text", b"bytes", Path("a"), {"type": "text"}, IMAGE, _loaded("a"), Input(name="a", document=""), 7, None]
)
def test_one_document(one: Any) -> None:
    """One document where many are wanted is an error of the caller, not gone through by its characters."""
    with pytest.raises(OptionError) as caught:
        documents_of(one, TARGET, {}, _opened)
    assert caught.value.option == "documents"


def test_the_end_is_said_once() -> None:
    """Who opens files is told when no more are opened, once."""
    said: list[bool] = []
    feed = documents_of([], TARGET, {}, _opened, lambda: said.append(True))
    feed.close()
    feed.close()
    assert said == [True]


def test_drawn_ahead() -> None:
    """One document of an async iterable is drawn at a time, when it is wanted; its end and its errors are kept."""

    async def documents() -> AsyncIterator[str]:
        yield "a"
        yield "b"
        raise LookupError("mine")

    async def test() -> None:
        drawn, said = Drawn(documents()), asyncio.Event()
        task = asyncio.create_task(drawn.draw(said.set))
        for each in ("a", "b"):
            assert drawn.waits()
            await said.wait()
            said.clear()
            assert not drawn.waits()
            assert next(drawn) == each
            with pytest.raises(RuntimeError):
                next(drawn)
        assert drawn.waits()
        await task
        assert not drawn.waits()
        with pytest.raises(LookupError):
            next(drawn)

    asyncio.run(asyncio.wait_for(test(), PATIENCE))
