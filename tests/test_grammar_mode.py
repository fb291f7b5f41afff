"""Asking with a grammar: where it stands in the request, what it lets through, and what follows where it is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from either_kind import run_once
from pydantic import BaseModel

from extractor import AsyncExtractor, Extraction, Extractor, Fallback, Image, Inferred
from extractor.errors import BadRequest, OptionError
from extractor.loop.memory import memory
from extractor.testing import FakeEndpoint, Recorded, Reply

TEXT = "Zebedee Quux is 34, and lives in Bonn."
PLACES: dict[str, tuple[str, ...]] = {
    "llama.cpp": ("grammar",),
    "vllm": ("structured_outputs", "grammar"),
    "sglang": ("ebnf",),
}
every = pytest.mark.parametrize("dialect", PLACES)


class Person(BaseModel):
    name: str
    age: int
    summary: Annotated[str, Inferred()] = ""


GOOD: dict[str, Any] = {"name": "Zebedee Quux", "age": 34, "summary": ""}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What one test's endpoint has refused is not known of the next one's."""
    memory.forget()
    yield
    memory.forget()


def _run(
    kind: str, fake: FakeEndpoint, target: Any = Person, document: Any = TEXT, *, settings: Any = None, **call: Any
) -> Extraction[Any]:
    made = {"base_url": fake.base_url, "dialect": "llama.cpp", **(settings or {})}
    return run_once(kind, made, target, document, **call)


def _grammar(request: Recorded, dialect: str = "llama.cpp") -> str | None:
    found: Any = request.body
    for step in PLACES[dialect]:
        found = found.get(step, {})
    return found or None


def _refusal(message: str, status: int = 400) -> Reply:
    return Reply(status=status, raw=json.dumps({"error": {"message": message}}))


# ------------------------------------------------------------------------------- where it stands


@every
def test_the_place_of_a_grammar(dialect: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Each kind of endpoint has its own field for a grammar; nothing else says what is wanted but the prompt."""
    fake_endpoint.answer(GOOD)
    result = _run(kind, fake_endpoint, settings={"dialect": dialect}, mode="grammar")
    (request,) = fake_endpoint.requests
    assert result.mode == "grammar"
    assert request.body.keys() == {"model", "messages", PLACES[dialect][0]}
    grammar = _grammar(request, dialect)
    assert grammar is not None
    assert "root ::=" in grammar
    assert "Zebedee" in grammar
    assert "summary" in request.body["messages"][0]["content"]


def test_a_grammar_without_the_document(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With `copy=False` the grammar is made of the schema alone."""
    fake_endpoint.answer(GOOD, GOOD)
    _run(kind, fake_endpoint, mode="grammar", copy=False)
    _run(kind, fake_endpoint, document="Another one is 5.", mode="grammar", copy=False)
    first, second = (_grammar(request) for request in fake_endpoint.requests)
    assert first == second
    assert "Zebedee" not in str(first)


def test_another_document(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every document has a grammar of its own, whatever is the same in the requests."""
    fake_endpoint.answer(*[GOOD] * 3)

    async def run() -> None:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url, dialect="llama.cpp", copy=True) as one:
            for document in (TEXT, "Yolanda is 7.", TEXT):
                await one.run(Person, document)

    if kind == "async":
        asyncio.run(run())
    else:
        with Extractor("m", base_url=fake_endpoint.base_url, dialect="llama.cpp", copy=True) as one:
            for document in (TEXT, "Yolanda is 7.", TEXT):
                one.run(Person, document)
    grammars = [str(_grammar(request)) for request in fake_endpoint.requests]
    assert ["Zebedee" in grammar for grammar in grammars] == [True, False, True]
    assert ["Yolanda" in grammar for grammar in grammars] == [False, True, False]
    assert grammars[0] == grammars[2]


@every
def test_copying(dialect: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With `copy=True` a grammar is what is asked with first; without, it is not."""
    fake_endpoint.answer(GOOD, GOOD)
    assert _run(kind, fake_endpoint, settings={"dialect": dialect, "copy": True}).mode == "grammar"
    assert _run(kind, fake_endpoint, settings={"dialect": dialect}).mode == "strict"
    assert _grammar(fake_endpoint.requests[0], dialect)
    assert "response_format" in fake_endpoint.requests[1].body


def test_an_endpoint_without_grammars(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where no grammar is taken, `copy=True` asks again for what was not copied, and `mode="grammar"` is refused."""
    fake_endpoint.answer(GOOD)
    assert _run(kind, fake_endpoint, settings={"dialect": "openai"}, copy=True).mode == "strict"
    with FakeEndpoint({**GOOD, "name": "Nobody Here"}, {"name": GOOD["name"]}) as inventing:
        result = _run(kind, inventing, settings={"dialect": "openai"}, copy=True)
    assert [error.kind for error in result.attempts[0].errors] == ["ungrounded"]
    assert len(result.attempts) == 2
    with pytest.raises(OptionError, match="'grammar', which no endpoint of the dialect openai takes") as caught:
        _run(kind, fake_endpoint, settings={"dialect": "openai"}, mode="grammar")
    assert "dialect=" in caught.value.hint
    assert len(fake_endpoint.requests) == 1


@pytest.mark.parametrize("document", [Image(data=b"png"), [Image(data=b"png"), "a text"]], ids=["image", "both"])
def test_an_image(document: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """From an image nothing can be copied: the grammar is that of the schema."""
    fake_endpoint.answer({**GOOD, "name": "Anything"})
    result = _run(kind, fake_endpoint, document=document, copy=True)
    assert (result.mode, result.value.name) == ("grammar", "Anything")
    assert "a text" not in str(_grammar(fake_endpoint.requests[0]))


def test_the_callers_own_turns(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What stands in the caller's own turns could not be copied: nothing has to be."""
    fake_endpoint.answer(GOOD)
    turns = [{"role": "user", "content": "Yolanda"}]
    _run(kind, fake_endpoint, messages=turns, copy=True)
    grammar = _grammar(fake_endpoint.requests[0])
    assert grammar
    assert "Zebedee" not in grammar


def test_a_document_in_parts(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A document in parts of text is copied from as one."""
    fake_endpoint.answer(GOOD)
    _run(kind, fake_endpoint, document=["Zebedee Quux", "is 34."], copy=True)
    grammar = str(_grammar(fake_endpoint.requests[0]))
    assert "Zebedee" in grammar
    assert "34" in grammar


def test_a_stream_with_a_grammar(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A streamed request has its grammar, too."""
    fake_endpoint.answer(GOOD)
    settings: dict[str, Any] = {"base_url": fake_endpoint.base_url, "dialect": "llama.cpp", "copy": True}

    async def run() -> Any:
        async with AsyncExtractor("m", **settings) as one:
            stream = one.stream(Person, TEXT)
            assert [partial async for partial in stream]
            return stream.result.value

    if kind == "async":
        value = asyncio.run(run())
    else:
        with Extractor("m", **settings) as one:
            stream = one.stream(Person, TEXT)
            assert list(stream)
            value = stream.result.value
    assert value == Person(**GOOD)
    assert "Zebedee" in str(_grammar(fake_endpoint.requests[0]))
    assert fake_endpoint.requests[0].body["stream"] is True


# ------------------------------------------------------------------------------- what is refused

UNSUPPORTED = {
    "llama.cpp": "Unsupported parameter: 'grammar'",
    "vllm": "extra fields not permitted: structured_outputs is not supported",
    "sglang": "unknown field ebnf",
}


@every
def test_a_field_that_is_not_taken(dialect: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint without the field is asked in the next way, and that is remembered."""
    fake_endpoint.answer(_refusal(UNSUPPORTED[dialect]), GOOD, GOOD)
    settings = {"dialect": dialect, "copy": True}
    first = _run(kind, fake_endpoint, settings=settings)
    second = _run(kind, fake_endpoint, settings=settings)
    assert (first.mode, second.mode) == ("strict", "strict")
    assert [step.mode for step in first.steps] == ["grammar"]
    assert second.steps == ()
    assert len(fake_endpoint.requests) == 3
    assert PLACES[dialect][0] not in fake_endpoint.requests[1].body


@pytest.mark.parametrize(
    "said",
    ["grammar too large: 90000 rules", "failed to parse grammar", "Grammar error: Number of states exceeds limit"],
)
def test_a_grammar_that_is_not_taken(said: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A grammar that cannot be taken is this document's: the next one is asked with its own."""
    fake_endpoint.answer(_refusal(said), GOOD, GOOD)
    first = _run(kind, fake_endpoint, copy=True)
    second = _run(kind, fake_endpoint, document="Yolanda Quux is 34.", copy=True)
    assert (first.mode, second.mode) == ("strict", "grammar")
    assert len(fake_endpoint.requests) == 3


def test_a_forced_grammar_that_is_refused(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the grammar was forced, its refusal is raised, with what else could be tried."""
    fake_endpoint.answer(_refusal(UNSUPPORTED["llama.cpp"]))
    with pytest.raises(BadRequest) as caught:
        _run(kind, fake_endpoint, mode="grammar")
    assert "mode='grammar' is forced" in caught.value.hint
    assert len(fake_endpoint.requests) == 1


def test_another_field_that_is_not_taken(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where another field is refused, it is left out, and the grammar stays."""
    fake_endpoint.answer(_refusal("Unsupported parameter: 'seed'"), GOOD)
    result = _run(kind, fake_endpoint, copy=True, seed=1)
    assert result.mode == "grammar"
    assert result.dropped == {"seed"}
    assert _grammar(fake_endpoint.requests[1]) == _grammar(fake_endpoint.requests[0])


# ------------------------------------------------------------------------------- asked again, and elsewhere


def test_a_field_that_is_asked_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What is asked again for a field has a grammar for that field."""

    def again(request: Recorded) -> Any:
        grammar = str(_grammar(request))
        assert "age" in grammar
        assert '\\"name\\"' not in grammar
        return {"age": 34}

    fake_endpoint.answer({**GOOD, "age": "old"}, again)
    result = _run(kind, fake_endpoint, copy=True)
    assert result.value.age == 34
    assert result.attempts[1].asked == ("/age",)
    assert "response_format" not in fake_endpoint.requests[1].body


def test_the_whole_asked_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What is asked again as a whole has the same grammar."""
    fake_endpoint.answer("no json", GOOD)
    _run(kind, fake_endpoint, copy=True)
    first, second = map(_grammar, fake_endpoint.requests)
    assert first == second
    assert first


def test_a_refusal_when_asked_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that takes the first grammar and not the next is asked for the field in another way."""
    fake_endpoint.answer({**GOOD, "age": "old"}, _refusal("grammar too large"), {"age": 34})
    result = _run(kind, fake_endpoint, copy=True)
    assert result.value.age == 34
    last = fake_endpoint.requests[-1].body
    assert "grammar" not in last
    assert list(last["response_format"]["json_schema"]["schema"]["properties"]) == ["age"]


def test_a_fallback(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Whoever is asked instead is asked in its own way: with its own field for a grammar, or without one."""
    with FakeEndpoint(GOOD) as other:
        fake_endpoint.answer(Reply(status=500, raw="{}"))
        fallback = Fallback(model="n", base_url=other.base_url, dialect="sglang")
        result = _run(kind, fake_endpoint, copy=True, fallbacks=[fallback], transport_retries=0)
    assert result.value == Person(**GOOD)
    assert "ebnf" in other.requests[0].body
    assert "grammar" not in other.requests[0].body
    fake_endpoint.answer(Reply(status=500, raw="{}"))
    with FakeEndpoint(GOOD) as other:
        fallback = Fallback(model="n", base_url=other.base_url, dialect="openai")
        result = _run(kind, fake_endpoint, copy=True, fallbacks=[fallback], transport_retries=0)
    assert "response_format" in other.requests[0].body


def test_what_does_not_go_with_it(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The caller's own format is sent alone; with the caller's own tools there is no grammar."""
    fake_endpoint.answer(GOOD, GOOD)
    with pytest.raises(OptionError, match="mode and response_format are both set"):
        _run(kind, fake_endpoint, mode="grammar", response_format={"type": "json_object"})
    _run(kind, fake_endpoint, copy=True, response_format={"type": "json_object"})
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    _run(kind, fake_endpoint, copy=True, tools=[tool])
    assert all("grammar" not in request.body for request in fake_endpoint.requests)


@pytest.mark.parametrize("wrong", [1, "yes", []])
def test_a_wrong_word(wrong: Any, fake_endpoint: FakeEndpoint) -> None:
    """What is neither yes nor no is refused before anything is sent."""
    with pytest.raises(OptionError, match="copy must be true or false"):
        _run("sync", fake_endpoint, copy=wrong)
    assert not fake_endpoint.requests
