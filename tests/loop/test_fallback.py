"""Several endpoints for one extraction: who is asked when, what is kept of those before, and what goes to whom."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import pickle
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from extractor import AsyncExtractor, Budget, Extraction, Extractor, Fallback, Price, aextract, extract
from extractor.chat.wire import ChatReply, Prefix, decode_reply
from extractor.endpoint.errand import Errand
from extractor.endpoint.routes import FAILURES
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    CallerError,
    ConfigurationError,
    ConnectionFailed,
    ContentFiltered,
    DeadlineExceeded,
    EmptyReply,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    NotFound,
    OptionError,
    QuotaExceeded,
    RateLimited,
    Redirected,
    Refused,
    RequestTooLarge,
    ServerError,
    TargetFailed,
)
from extractor.loop.extraction import Flow
from extractor.loop.fallback import Other, falling_back
from extractor.loop.ladder import Form, Way
from extractor.loop.task import Ask, Task
from extractor.prices import Tariff
from extractor.prompt import Prompt
from extractor.result import Attempt
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.target import target_of
from extractor.testing import FakeEndpoint, Recorded, Reply, Scripted
from extractor.watching import Event, FallingBack, Watch, Watcher

DOCUMENT = "Ann is 34."
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
KEY_A, KEY_B = "sk-of-the-first-0123456789", "sk-of-the-second-9876543210"


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


ANN = Person(name="Ann", age=34)


# ------------------------------------------------------------------------------------ driven by hand


@functools.cache
def _adapted() -> Adapted:
    return adapt(Person, "openai")


def _task(model: str = "a", *, max_retries: int = 2, price: Price | None = None) -> Task[Any]:
    form = Form(
        way=Way(mode="strict"),
        adapted=_adapted(),
        prompt=Prompt(messages=()),
        prefix=Prefix(fields={"model": model}),
    )
    return Task(
        target=target_of(Person),
        form=form,
        messages=({"role": "user", "content": DOCUMENT},),
        max_retries=max_retries,
        document=DOCUMENT,
        tariff=Tariff(model=model, base_url="http://h/v1", own=price),
    )


def _others(*models: str, made: list[str] | None = None, max_retries: int = 2) -> list[Other[Any]]:
    def make(model: str) -> Task[Any]:
        if made is not None:
            made.append(model)
        return _task(model, max_retries=max_retries)

    return [Other(model=model, task=functools.partial(make, model)) for model in models]


def _reply(content: str) -> ChatReply:
    message = {"role": "assistant", "content": content}
    return decode_reply({"choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE, "model": "r"})


GOOD, BAD = _reply('{"name": "Ann", "age": 34}'), _reply('{"name": "Ann"}')


def _driven(flow: Flow[Any], answer: Callable[[Ask], ChatReply | Exception]) -> Extraction[Any]:
    try:
        ask = next(flow)
        while True:
            came = answer(ask)
            ask = flow.throw(came) if isinstance(came, Exception) else flow.send(came)
    except StopIteration as done:
        result: Extraction[Any] = done.value
        return result


def _scripted(*answers: ChatReply | Exception) -> Callable[[Ask], ChatReply | Exception]:
    left = iter(answers)
    return lambda _: next(left)


def _model(ask: Ask) -> str:
    return str(ask.request.prefix.fields["model"])


def test_the_first_one_is_enough() -> None:
    """Where the first endpoint does it, no other is made, and nothing has failed."""
    made: list[str] = []
    carried, attempts = Errand(), list[Attempt]()
    result = _driven(falling_back(_task(), _others("b", made=made), carried, attempts), _scripted(BAD, GOOD))
    assert (result.value, result.failures, made, carried.endpoint) == (ANN, (), [], 0)
    assert list(result.attempts) == attempts
    assert len(attempts) == 2


def test_the_next_one_is_made_when_it_is_its_turn() -> None:
    """Each endpoint is made when the one before has failed, and not earlier."""
    made: list[str] = []
    seen: list[tuple[str, int, list[str]]] = []
    carried = Errand()
    answers = _scripted(ConnectionFailed("x"), BAD, BAD, BAD, GOOD)

    def answer(ask: Ask) -> ChatReply | Exception:
        seen.append((_model(ask), carried.endpoint, [*made]))
        return answers(ask)

    result = _driven(falling_back(_task(), _others("b", "c", "d", made=made), carried, []), answer)
    assert seen == [("a", 0, []), *[("b", 1, ["b"])] * 3, ("c", 2, ["b", "c"])]
    assert [type(each) for each in result.failures] == [ConnectionFailed, ExtractionFailed]
    assert [attempt.outcome.value for attempt in result.attempts] == [*["invalid"] * 3, "conforming"]


def test_each_one_has_all_of_the_re_asks() -> None:
    """What one endpoint has used up of `max_retries` is not taken from the next."""
    flow = falling_back(_task(max_retries=1), _others("b", max_retries=1), Errand(), [])
    result = _driven(flow, _scripted(BAD, BAD, BAD, GOOD))
    assert (result.value, len(result.attempts)) == (ANN, 4)


def test_the_price_is_that_of_the_one_who_answers() -> None:
    """Each attempt costs what its own endpoint takes, and the errand knows the tariff of whose turn it is."""
    carried = Errand()
    dear, cheap = Price(input=10, output=100), Price(input=1, output=10)
    others = [Other(model="b", task=lambda: _task("b", price=cheap))]
    tariffs: list[Any] = []
    answers = _scripted(BAD, ServerError("x", status=500), GOOD)

    def answer(ask: Ask) -> ChatReply | Exception:
        assert carried.tariff is not None
        tariffs.append(carried.tariff.own)
        return answers(ask)

    result = _driven(falling_back(_task(price=dear), others, carried, []), answer)
    assert tariffs == [dear, dear, cheap]
    assert [attempt.cost for attempt in result.attempts] == [Decimal("0.002"), Decimal("0.0002")]
    assert result.cost == Decimal("0.0022")


@pytest.mark.parametrize("before", [(), (BAD,)], ids=["at once", "after a reply"])
@pytest.mark.parametrize(
    "error",
    [
        DeadlineExceeded("late"),
        BudgetExceeded("spent", attempts=(), value=None, errors=(), usage=decode_reply({}).usage),  # type: ignore[arg-type]
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_other_would_change_ends_it(error: ExtractorError, before: tuple[ChatReply, ...]) -> None:
    """The budget and the deadline end it at once, with all that came before."""
    made: list[str] = []
    error = copy.copy(error)
    script: list[ChatReply | Exception] = [AuthenticationFailed("no", status=401), *before, error]
    with pytest.raises(type(error)) as caught:
        _driven(falling_back(_task(), _others("b", "c", made=made), Errand(), []), _scripted(*script))
    assert caught.value is error
    assert made == ["b"]
    assert [type(each) for each in error.failures] == [AuthenticationFailed]  # type: ignore[attr-defined]
    assert len(error.attempts) == len(before)  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [OptionError("no", option="seed"), CallerError("no"), KeyError("x")])
def test_the_caller_s_faults_pass_through(error: Exception) -> None:
    """What is the caller's own fault would be the same elsewhere: nobody else is asked."""
    made: list[str] = []
    with pytest.raises(type(error)) as caught:
        _driven(falling_back(_task(), _others("b", made=made), Errand(), []), _scripted(BAD, error))
    assert caught.value is error
    assert made == []


def test_a_validator_that_breaks_down_ends_it() -> None:
    """`TargetFailed` is not caught, and has the attempts of all endpoints."""

    class Fragile(BaseModel):
        name: str
        age: int

        @field_validator("age")
        @classmethod
        def _odd(cls, age: int) -> int:
            raise RuntimeError("broken")

    with FakeEndpoint({"name": "Ann"}) as first, FakeEndpoint({"name": "Ann", "age": 34}) as second:
        with pytest.raises(TargetFailed) as caught:
            _run("sync", first, Fragile, max_retries=0, fallbacks=[_at(second), _at(second)])
        assert (len(first.requests), len(second.requests)) == (1, 1)
    assert [attempt.reply.model for attempt in caught.value.attempts] == ["fake", "fake"]


def test_closing_it_closes_the_loop_inside() -> None:
    """A flow that is closed half way asks nobody else."""
    made: list[str] = []
    flow = falling_back(_task(), _others("b", made=made), Errand(), [])
    next(flow)
    flow.close()
    assert made == []


def test_whoever_watches_is_told_whom_is_asked_instead() -> None:
    """A watcher hears of each change of the endpoint: from which model to which, and the error's class."""
    told: list[FallingBack] = []

    class Listening(Watcher):
        def on_fallback(self, event: FallingBack) -> None:
            told.append(event)

    carried = Errand(key="k", watch=Watch([Listening()]))
    _driven(
        falling_back(_task(), _others("b", "c"), carried, []),
        _scripted(NotFound("no", status=404), BAD, BAD, BAD, GOOD),
    )
    assert told == [
        FallingBack(extraction="k", from_model="a", to_model="b", error="NotFound"),
        FallingBack(extraction="k", from_model="b", to_model="c", error="ExtractionFailed"),
    ]


def test_nobody_watching_is_no_trouble() -> None:
    """A watch that nobody listens to changes nothing."""
    carried = Errand(watch=Watch())
    assert _driven(falling_back(_task(), _others("b"), carried, []), _scripted(ConnectionFailed("x"), GOOD)).failures


def _wrong_one(model: str = "b") -> Other[Any]:
    def make() -> Task[Any]:
        raise ConfigurationError(f"no {model}")

    return Other(model=model, task=make)


def test_one_that_cannot_be_made_is_a_failure() -> None:
    """A fallback that cannot be made is one of the failures, and the next one is asked."""
    carried = Errand()
    others = [_wrong_one(), *_others("c")]
    result = _driven(falling_back(_task(max_retries=0), others, carried, []), _scripted(BAD, GOOD))
    assert [type(each) for each in result.failures] == [ExtractionFailed, ConfigurationError]
    assert [each.__traceback__ for each in result.failures] == [None, None]
    assert (result.value, carried.endpoint, len(result.attempts)) == (ANN, 2, 2)


@pytest.mark.parametrize("last", [NotFound("no", status=404), BAD], ids=["an error", "never conforms"])
def test_where_the_last_one_cannot_be_made(last: ChatReply | Exception) -> None:
    """Where no fallback can be made, the error is that of the last one that was asked, with all that came before."""
    script = [ConnectionFailed("x"), copy.copy(last)]
    others = [*_others("b", max_retries=0), _wrong_one("c"), _wrong_one("d")]
    with pytest.raises((NotFound, ExtractionFailed)) as caught:
        _driven(falling_back(_task(), others, Errand(), []), _scripted(*script))
    error: Any = caught.value
    assert [type(each) for each in error.failures] == [ConnectionFailed, ConfigurationError, ConfigurationError]
    assert [str(each) for each in error.failures[1:]] == ["no c", "no d"]
    assert len(error.attempts) == (last is BAD)


@pytest.mark.parametrize("answers", [(ServerError("x", status=500),), (BAD,)], ids=["an error", "never conforms"])
def test_what_was_shown_ends_it(answers: tuple[ChatReply | Exception, ...]) -> None:
    """Where something was shown that cannot be taken back, no other endpoint is made."""
    made: list[str] = []
    flow = falling_back(_task(max_retries=0), _others("b", made=made), Errand(shown=True), [])
    with pytest.raises((ServerError, ExtractionFailed)) as caught:
        _driven(flow, _scripted(*[copy.copy(each) for each in answers]))
    error: Any = caught.value
    assert (made, error.failures) == ([], ())


@dataclass(frozen=True)
class Fate:
    """What becomes of one endpoint: so many wrong replies, then an error, or a right one, or nothing but wrong ones."""

    wrong: int
    end: str

    def answers(self, max_retries: int) -> list[ChatReply | Exception]:
        """What it answers, one after the other."""
        if self.wrong > max_retries or self.end == "never":
            return [BAD] * (max_retries + 1)
        return [*[BAD] * self.wrong, GOOD if self.end == "right" else self.error()]

    def error(self) -> Exception:
        """A new one each time: evidence is put into it."""
        return ConnectionFailed("x") if self.end == "gone" else ServerError("x", status=500)


fates = st.builds(Fate, st.integers(0, 3), st.sampled_from(["right", "never", "gone", "broken"]))


@settings(max_examples=60)
@given(st.lists(fates, min_size=1, max_size=4), st.integers(0, 2))
def test_nothing_of_what_came_is_lost(each: list[Fate], max_retries: int) -> None:
    """Whatever becomes of each endpoint, all replies are attempts in their order, all failures are kept, and the
    usage is that of all.
    """
    scripts = [fate.answers(max_retries) for fate in each]
    well = [any(came is GOOD for came in script) for script in scripts]
    asked = scripts[: well.index(True) + 1] if any(well) else scripts
    carried, attempts = Errand(), list[Attempt]()
    models = [f"m{number}" for number in range(len(each))]
    flow = falling_back(
        _task(models[0], max_retries=max_retries), _others(*models[1:], max_retries=max_retries), carried, attempts
    )
    left = [iter(script) for script in scripts]
    evidence: Extraction[Any] | ExtractionFailed | EndpointError
    try:
        evidence = _driven(flow, lambda ask: next(left[int(_model(ask)[1:])]))
    except (ExtractionFailed, EndpointError) as error:
        evidence = error
    replies = [came for script in asked for came in script if isinstance(came, ChatReply)]
    assert isinstance(evidence, Extraction) is any(well)
    assert [attempt.reply for attempt in evidence.attempts] == replies
    assert [_model_of(attempt) for attempt in evidence.attempts] == [
        models[number] for number, script in enumerate(asked) for came in script if isinstance(came, ChatReply)
    ]
    assert len(evidence.failures) == len(asked) - 1
    assert [isinstance(error, ExtractionFailed) for error in evidence.failures] == [
        script[-1] is BAD for script in asked[:-1]
    ]
    assert carried.endpoint == len(asked) - 1
    if not isinstance(evidence, EndpointError):
        assert evidence.usage.total_tokens == 110 * len(replies)


def _model_of(attempt: Attempt) -> str:
    return str(attempt.request.prefix.fields["model"])


def test_the_seconds_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a result is the whole time: that of the endpoints that failed is in it."""
    now = [0.0]
    for room in ("extraction", "fallback"):
        monkeypatch.setattr(f"extractor.loop.{room}.time", SimpleNamespace(perf_counter=lambda: now[0]))
    answers = _scripted(BAD, ConnectionFailed("x"), GOOD)

    def answer(ask: Ask) -> ChatReply | Exception:
        now[0] += 5.0
        return answers(ask)

    result = _driven(falling_back(_task(max_retries=0), _others("b", "c"), Errand(), []), answer)
    assert [attempt.seconds for attempt in result.attempts] == [5.0, 5.0]
    assert result.seconds == 15.0


# ------------------------------------------------------------------------------ over endpoints, each way

WAYS = ("sync", "async", "stream", "async stream", "items", "async items")
every_way = pytest.mark.parametrize("way", WAYS)
both = pytest.mark.parametrize("way", ["sync", "async"])


def _address(endpoint: FakeEndpoint | str) -> str:
    return endpoint if isinstance(endpoint, str) else endpoint.base_url


def _at(endpoint: FakeEndpoint | str, model: str = "b", **more: Any) -> Fallback:
    return Fallback(model=model, base_url=_address(endpoint), **more)


def _run(
    way: str,
    endpoint: FakeEndpoint | str,
    target: Any = Person,
    document: Any = DOCUMENT,
    *,
    extractor: dict[str, Any] | None = None,
    **call: Any,
) -> Extraction[Any]:
    """One extraction, run or streamed, sync or async. HTTP is tried once more, without a wait."""
    made = {"base_url": _address(endpoint), "transport_retries": 1, "backoff": 0, **(extractor or {})}
    if "async" not in way:
        with Extractor("a", **made) as one:
            if way == "sync":
                return one.run(target, document, **call)
            stream = (one.stream if way == "stream" else one.stream_items)(target, document, **call)
            for _ in stream:
                pass
            return stream.result

    async def run() -> Extraction[Any]:
        async with AsyncExtractor("a", **made) as one:
            if way == "async":
                return await one.run(target, document, **call)
            stream = (one.stream if way == "async stream" else one.stream_items)(target, document, **call)
            async for _ in stream:
                pass
            return stream.result

    return asyncio.run(run())


def _right(request: Recorded) -> Any:
    """The right answer to either question: for one of them, and for a list."""
    one = {"name": "Ann", "age": 34}
    asked = request.body["response_format"]["json_schema"]["schema"]["properties"]
    return Reply(content={"value": [one]} if "value" in asked else one, usage=USAGE)


def _wrong(request: Recorded) -> Any:
    """A wrong answer to any question."""
    asked = request.body["response_format"]["json_schema"]["schema"]["properties"]
    return Reply(content={name: {"no": "such"} for name in asked}, usage=USAGE)


def _whole(result: Extraction[Any]) -> Person:
    (value,) = result.value if isinstance(result.value, list) else [result.value]
    assert isinstance(value, Person)
    return value


def _error(status: int, **headers: str) -> Reply:
    return Reply(status=status, raw='{"error": {"message": "no"}}', headers=headers)


@dataclass(frozen=True)
class Failing:
    """An endpoint that fails for ever: what it answers, the error, and the requests until it is given up."""

    answer: Scripted
    error: type[ExtractorError]
    requests: int = 1
    attempts: int = field(default=0)


FAILING: dict[str, Failing] = {
    "400": Failing(_error(400), BadRequest),
    "401": Failing(_error(401), AuthenticationFailed),
    "402": Failing(_error(402), QuotaExceeded),
    "403": Failing(_error(403), AuthenticationFailed),
    "404": Failing(_error(404), NotFound),
    "413": Failing(_error(413), RequestTooLarge),
    "302": Failing(_error(302, location="http://127.0.0.1:9/"), Redirected),
    "429 for ever": Failing(_error(429, **{"retry-after": "0"}), RateLimited, requests=2),
    "429 for an hour": Failing(_error(429, **{"retry-after": "3600"}), RateLimited),
    "500 for ever": Failing(_error(500), ServerError, requests=2),
    "503 for ever": Failing(_error(503), ServerError, requests=2),
    "not JSON": Failing(Reply(raw="<html>Welcome</html>", content_type="text/html"), BadReply),
    "no completion": Failing(Reply(raw='{"status": "fine"}'), BadReply),
    "an error in a 200": Failing(Reply(raw='{"error": {"message": "no", "code": 401}}'), AuthenticationFailed),
    "never conforms": Failing(_wrong, ExtractionFailed, requests=2, attempts=2),
    "declines": Failing(Reply(message={"refusal": "I will not."}), Refused, requests=2, attempts=2),
    "is filtered": Failing(Reply(content="{", finish_reason="content_filter"), ContentFiltered, requests=2, attempts=2),
    "says nothing": Failing(Reply(content=""), EmptyReply, requests=2, attempts=2),
}


@every_way
@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_where_one_fails_the_next_is_asked(failing: Failing, way: str) -> None:
    """An endpoint that fails for good, or never conforms, is followed by the next, and what it came to is kept."""
    with FakeEndpoint(failing.answer, repeat=True) as first, FakeEndpoint(_right, repeat=True) as second:
        result = _run(way, first, max_retries=1, fallbacks=[_at(second)])
        assert (len(first.requests), len(second.requests)) == (failing.requests, 1)
        assert [request.body["model"] for request in second.requests] == ["b"]
    assert _whole(result) == ANN
    assert [type(error) for error in result.failures] == [failing.error]
    assert len(result.attempts) == failing.attempts + 1
    assert result.failures[0].attempts == result.attempts[:-1]  # type: ignore[attr-defined]


@every_way
def test_where_nobody_is_there_the_next_is_asked(way: str) -> None:
    """An address where nobody answers is followed by the next endpoint."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: a connection is refused
        with FakeEndpoint(_right) as second:
            result = _run(way, f"http://127.0.0.1:{taken.getsockname()[1]}/v1", fallbacks=[_at(second)])
    assert _whole(result) == ANN
    assert [type(error) for error in result.failures] == [ConnectionFailed]


@every_way
def test_a_chain_keeps_all(way: str) -> None:
    """Three endpoints: attempts of all in their order, usage summed, each at its own price, failures in order."""
    prices = {"a": Price(input=1, output=0), "b": Price(input=10, output=0), "c": Price(input=100, output=0)}
    with (
        FakeEndpoint(_error(401)) as first,
        FakeEndpoint(_wrong, repeat=True, model="b") as second,
        FakeEndpoint(_right, model="c") as third,
    ):
        result = _run(
            way,
            first,
            extractor={"price": prices, "fallbacks": [_at(second), _at(third, "c")], "max_retries": 1},
        )
    assert _whole(result) == ANN
    assert [type(error) for error in result.failures] == [AuthenticationFailed, ExtractionFailed]
    assert [attempt.reply.model for attempt in result.attempts] == ["b", "b", "c"]
    assert [attempt.cost for attempt in result.attempts] == [Decimal("0.001"), Decimal("0.001"), Decimal("0.01")]
    assert result.cost == Decimal("0.012")
    assert result.usage.total_tokens == 330
    assert result.model == "c"


@every_way
def test_where_all_fail_the_error_is_that_of_the_last(way: str) -> None:
    """Where every endpoint fails, the last one's error is raised, with what came of all the others."""
    with (
        FakeEndpoint(_wrong, repeat=True) as first,
        FakeEndpoint(_error(402)) as second,
        FakeEndpoint(_error(404)) as third,
        pytest.raises(NotFound) as caught,
    ):
        _run(way, first, max_retries=1, fallbacks=[_at(second), _at(third)])
    errors: list[Any] = [caught.value, pickle.loads(pickle.dumps(caught.value))]
    for error in errors:
        assert [type(each) for each in error.failures] == [ExtractionFailed, QuotaExceeded]
        assert len(error.attempts) == 2
        assert [len(each.attempts) for each in error.failures] == [2, 2]
        assert error.failures[0].usage.total_tokens == 220


@every_way
def test_where_all_models_fail_usage_is_that_of_all(way: str) -> None:
    """The error of the last model has the attempts and the usage of every one."""
    with (
        FakeEndpoint(_wrong, repeat=True) as first,
        FakeEndpoint(_wrong, repeat=True) as second,
        pytest.raises(ExtractionFailed) as caught,
    ):
        _run(way, first, max_retries=1, fallbacks=[_at(second)])
    error: Any = pickle.loads(pickle.dumps(caught.value))
    assert (len(error.attempts), error.usage.total_tokens) == (4, 440)
    assert [type(each) for each in error.failures] == [ExtractionFailed]
    assert (len(error.failures[0].attempts), error.failures[0].usage.total_tokens) == (2, 220)


@both
def test_refused_requests_of_all_are_kept(way: str) -> None:
    """The steps that one endpoint refused are there in the result that another gave, and in the error."""
    complaint = Reply(
        status=400, raw='{"error": {"message": "response_format json_schema is not supported", "code": 400}}'
    )
    with (
        FakeEndpoint(complaint, _error(401), complaint, _error(401)) as first,
        FakeEndpoint(_right, _error(402)) as second,
    ):
        result = _run(way, first, fallbacks=[_at(second)])
        assert [step.status for step in result.steps] == [400]
        with pytest.raises(QuotaExceeded) as caught:
            _run(way, first, fallbacks=[_at(second)])
    assert [step.status for step in caught.value.steps] == [400]


def test_a_stream_that_has_begun_is_followed_by_another() -> None:
    """Where the first endpoint's stream breaks off, what the second shows begins anew, and the result is its own."""
    half = Reply(
        raw='data: {"choices": [{"index": 0, "delta": {"content": "{\\"name\\": \\"Bo', content_type="text/event-stream"
    )
    with (
        FakeEndpoint(half, repeat=True) as first,
        FakeEndpoint(_right) as second,
        Extractor("a", base_url=first.base_url, max_retries=0, fallbacks=[_at(second)]) as one,
    ):
        stream = one.stream(Person, DOCUMENT)
        shown = [*stream]
    assert shown[-1].model_dump() == {"name": "Ann", "age": 34}
    assert stream.result.value == ANN
    assert len(stream.result.failures) == 1


# ------------------------------------------------------------------------------------ what goes to whom


def _key(request: Recorded) -> str | None:
    return request.headers.get("authorization")


@both
def test_each_has_its_own_key_and_headers(way: str) -> None:
    """The key and the headers of the extractor go to its own address, those of a `Fallback` to its."""
    with FakeEndpoint(_error(401)) as first, FakeEndpoint(_right) as second:
        mine = {"api_key": KEY_A, "headers": {"X-Mine": "a", "X-Both": "a"}}
        theirs = _at(second, api_key=KEY_B, headers={"X-Theirs": "b", "X-Both": "b"})
        _run(way, first, extractor=mine, fallbacks=[theirs])
        (to_first,), (to_second,) = first.requests, second.requests
    assert _key(to_first) == f"Bearer {KEY_A}"
    assert _key(to_second) == f"Bearer {KEY_B}"
    assert (to_first.headers["x-mine"], to_first.headers["x-both"]) == ("a", "a")
    assert (to_second.headers["x-theirs"], to_second.headers["x-both"]) == ("b", "b")
    assert "x-mine" not in to_second.headers
    assert "x-theirs" not in to_first.headers
    for request, others in ((to_first, KEY_B), (to_second, KEY_A)):
        assert others not in repr(request)


# Where the first endpoint's key comes from: arguments, and the environment ({} is its address).
SOURCES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "api_key=": ({"api_key": KEY_A}, {}),
    "headers=": ({"headers": {"Authorization": f"Bearer {KEY_A}"}}, {}),
    "the environment, with its address": ({}, {"EXTRACTOR_BASE_URL": "{}", "EXTRACTOR_API_KEY": KEY_A}),
    "the environment, alone": ({}, {"EXTRACTOR_API_KEY": KEY_A}),
}


@both
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_key_goes_to_no_other_host(
    source: tuple[dict[str, Any], dict[str, str]], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint on another host that has no key of its own is asked without one."""
    with FakeEndpoint(_error(401)) as first, FakeEndpoint(_right) as second:
        for name, value in source[1].items():
            monkeypatch.setenv(name, value.format(first.base_url))
        _run(way, first, extractor=source[0], fallbacks=[_at(second)])
        assert _key(first.requests[0]) == f"Bearer {KEY_A}", "it was there"
        assert KEY_A not in repr(second.requests)


@both
def test_a_client_of_the_caller_s_is_for_its_own_host(way: str) -> None:
    """What the caller's `http_client` adds to requests goes to no other host."""
    planted = {"Authorization": f"Bearer {KEY_A}", "X-Mine": "a"}
    kind = httpx.Client if way == "sync" else httpx.AsyncClient
    with FakeEndpoint(_error(401)) as first, FakeEndpoint(_right) as second:
        client: Any = kind(headers=planted, transport=first.transport())
        _run(way, "http://first.example/v1", extractor={"http_client": client}, fallbacks=[_at(second)])
        assert first.requests[0].headers["x-mine"] == "a"
        assert KEY_A not in repr(second.requests)
        assert "x-mine" not in second.requests[0].headers


@both
def test_the_same_host_shares_the_key(way: str) -> None:
    """Another path of the same host is asked with the same key, unless it has its own."""
    with FakeEndpoint(_error(404), _error(404), _right) as fake:
        other = fake.base_url.replace("/v1", "/other/v1")
        fallbacks = [_at(other, "b", api_key=KEY_B), _at(other, "c")]
        _run(way, fake, extractor={"api_key": KEY_A}, fallbacks=fallbacks)
        assert [(request.path, _key(request)) for request in fake.requests] == [
            ("/v1/chat/completions", f"Bearer {KEY_A}"),
            ("/other/v1/chat/completions", f"Bearer {KEY_B}"),
            ("/other/v1/chat/completions", f"Bearer {KEY_A}"),
        ]


def test_a_provider_s_own_key_goes_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `PROVIDER/MODEL` is asked at its address with the provider's own key, and not with the extractor's."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY_B)
    with FakeEndpoint(_error(401)) as first, FakeEndpoint(_right) as second:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", second.base_url)
        _run("sync", first, extractor={"api_key": KEY_A}, fallbacks=["azure/my-deployment"])
        assert second.requests[0].body["model"] == "my-deployment"
        assert KEY_B in repr(second.requests)
        assert KEY_A not in repr(second.requests)


@both
def test_a_bare_name_is_another_model_there(way: str) -> None:
    """A text that names no provider is another model of the same endpoint: with its key, headers and connections."""
    with FakeEndpoint(_error(404), _error(404), _right) as fake:
        mine = {"api_key": KEY_A, "headers": {"X-Mine": "a"}}
        result = _run(way, fake, extractor=mine, fallbacks=["b", Fallback(model="vendor/c")])
        assert [request.body["model"] for request in fake.requests] == ["a", "b", "vendor/c"]
        assert {_key(request) for request in fake.requests} == {f"Bearer {KEY_A}"}
        assert {request.headers["x-mine"] for request in fake.requests} == {"a"}
    assert len(result.failures) == 2


def test_a_bare_name_takes_no_connection_of_its_own() -> None:
    """Another model of the same endpoint is asked over the connections that there are."""
    with FakeEndpoint(_error(404), _right, _error(404), _right) as fake:
        with Extractor("a", base_url=fake.base_url, fallbacks=["b"]) as one:
            for _ in range(2):
                one.run(Person, DOCUMENT)
            assert _open(fake) == 1
        assert len(fake.requests) == 4


@both
def test_a_bare_name_with_a_key_of_its_own(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another model of the same endpoint may be asked with another key; neither goes where the environment points."""
    with FakeEndpoint(_error(401), _right) as fake, FakeEndpoint(_right) as elsewhere:
        monkeypatch.setenv("EXTRACTOR_BASE_URL", elsewhere.base_url)
        _run(way, fake, extractor={"api_key": KEY_A}, fallbacks=[Fallback(model="b", api_key=KEY_B)])
        assert [_key(request) for request in fake.requests] == [f"Bearer {KEY_A}", f"Bearer {KEY_B}"]
        assert elsewhere.requests == []


@both
@pytest.mark.parametrize("named", [True, False], ids=["with the address", "without"])
def test_another_model_there_may_have_its_own_headers(named: bool, way: str) -> None:
    """The headers of a `Fallback` are sent to it, also where it is another model of the same endpoint."""
    with FakeEndpoint(_error(404), _right) as fake:
        address = {"base_url": fake.base_url} if named else {}
        _run(way, fake, fallbacks=[Fallback(model="b", headers={"X-Theirs": "b"}, **address)])
        assert [request.headers.get("x-theirs") for request in fake.requests] == [None, "b"]


# ------------------------------------------------------------------------------------- how each is asked


class Loose(BaseModel):
    """A target that each dialect says in another way."""

    name: str
    age: int = 3


def _schema(request: Recorded) -> Any:
    return request.body["response_format"]["json_schema"]["schema"]


@both
def test_each_is_asked_in_its_own_dialect(way: str) -> None:
    """Each endpoint gets the schema in its own dialect."""
    right = {"name": "Ann", "age": 34}
    with FakeEndpoint(_error(404)) as first, FakeEndpoint(_error(404)) as second, FakeEndpoint(right) as third:
        fallbacks = [_at(second, dialect="evolink"), _at(third, dialect="gemini")]
        result = _run(way, first, Loose, extractor={"dialect": "openai"}, fallbacks=fallbacks)
        asked = [_schema(fake.requests[0]) for fake in (first, second, third)]
    assert asked == [adapt(Loose, dialect).schema for dialect in ("openai", "evolink", "gemini")]
    assert result.value == Loose(name="Ann", age=34)


@both
def test_another_model_there_may_have_its_own_dialect(way: str) -> None:
    """The dialect of a `Fallback` counts, also where it is another model of the same endpoint."""
    with FakeEndpoint(_error(404), {"name": "Ann", "age": 34}) as fake:
        fallbacks = [Fallback(model="b", dialect="gemini")]
        _run(way, fake, Loose, extractor={"dialect": "openai"}, fallbacks=fallbacks)
        assert [_schema(request) for request in fake.requests] == [
            adapt(Loose, dialect).schema for dialect in ("openai", "gemini")
        ]


@both
def test_all_are_told_the_same(way: str) -> None:
    """Instructions, examples, request fields and the document are the same for all, but for the model."""
    given = {"instructions": "Mind the age.", "examples": [("Bob, 5", {"name": "Bob", "age": 5})]}
    with FakeEndpoint(_error(404), _error(404)) as first, FakeEndpoint(_right, _right) as second:
        for extractor, call in (
            ({**given, "temperature": 0.5, "seed": 1}, {"seed": 7}),
            ({"temperature": 0.5, "seed": 1}, {**given, "seed": 7}),
        ):
            _run(way, first, extractor=extractor, fallbacks=[_at(second)], **call)
            before, after = first.requests[-1].body, second.requests[-1].body
            assert after == {**before, "model": "b"}
            assert (after["temperature"], after["seed"]) == (0.5, 7)
            assert "Mind the age." in after["messages"][0]["content"]
            assert any("Bob" in message["content"] for message in after["messages"])


@both
def test_a_call_s_own_model_is_the_first_one_s(way: str) -> None:
    """The `model=` of a call is the one that is asked first; the others keep theirs."""
    with FakeEndpoint(_error(404), _right) as fake:
        _run(way, fake, extractor={"fallbacks": ["b"]}, model="c")
        assert [request.body["model"] for request in fake.requests] == ["c", "b"]


@both
def test_fallbacks_of_a_call(way: str) -> None:
    """A call's own fallbacks replace those of the extractor, also by none."""
    with FakeEndpoint(_error(404), repeat=True) as first, FakeEndpoint(_right, repeat=True) as second:
        default = {"fallbacks": [_at(second, "default")]}
        _run(way, first, extractor=default)
        _run(way, first, extractor=default, fallbacks=[_at(second, "own")])
        with pytest.raises(NotFound):
            _run(way, first, extractor=default, fallbacks=[])
        assert [request.body["model"] for request in second.requests] == ["default", "own"]


def test_the_functions_take_fallbacks() -> None:
    """`extract` and `aextract` take fallbacks, as a text or a `Fallback`."""
    with FakeEndpoint(_error(404), repeat=True) as first, FakeEndpoint(_right, repeat=True) as second:
        named: dict[str, Any] = {"model": "a", "base_url": first.base_url, "fallbacks": ["b", _at(second, "c")]}
        assert extract(Person, DOCUMENT, **named) == ANN
        assert asyncio.run(aextract(Person, DOCUMENT, **named)) == ANN
        assert [request.body["model"] for request in first.requests] == ["a", "b", "a", "b"]
        assert [request.body["model"] for request in second.requests] == ["c", "c"]


def test_the_list_of_the_caller_is_copied() -> None:
    """What the caller does later with the list of fallbacks changes nothing."""
    with FakeEndpoint(_error(404), _right) as fake:
        fallbacks: list[Fallback | str] = ["b"]
        with Extractor("a", base_url=fake.base_url, fallbacks=fallbacks) as one:
            fallbacks.clear()
            assert one.extract(Person, DOCUMENT) == ANN


# ------------------------------------------------------------------------------------- what ends it at once


@every_way
def test_the_budget_ends_it(way: str) -> None:
    """Where the budget is spent, no other endpoint is asked, and the error has what came before."""
    with FakeEndpoint(_wrong, repeat=True) as first, FakeEndpoint(_right) as second:
        with pytest.raises(BudgetExceeded) as caught:
            _run(way, first, fallbacks=[_at(second)], budget=Budget(requests=2))
        assert (len(first.requests), len(second.requests)) == (2, 0)
    assert len(caught.value.attempts) == 2
    assert caught.value.failures == ()


@every_way
def test_the_budget_is_that_of_all(way: str) -> None:
    """Where the first endpoint has spent all, the next is not asked, and the error has what came of the first."""
    with FakeEndpoint(_error(401)) as first, FakeEndpoint(_right) as second:
        with pytest.raises(BudgetExceeded) as caught:
            _run(way, first, fallbacks=[_at(second)], budget=Budget(requests=1))
        assert (len(first.requests), len(second.requests)) == (1, 0)
    assert [type(each) for each in caught.value.failures] == [AuthenticationFailed]


@both
def test_the_budget_ends_retries_of_the_next(way: str) -> None:
    """Where the budget ends while a fallback is sent again, the error has all failures: of the first, and its own."""
    with FakeEndpoint(_error(401)) as first, FakeEndpoint(_error(500), repeat=True) as second:
        with pytest.raises(BudgetExceeded) as caught:
            _run(way, first, transport_retries=5, fallbacks=[_at(second)], budget=Budget(requests=3))
        assert (len(first.requests), len(second.requests)) == (1, 2)
    assert [type(each) for each in caught.value.failures] == [AuthenticationFailed, ServerError, ServerError]


@every_way
def test_the_deadline_ends_it(way: str) -> None:
    """Where the time for the whole is over, no other endpoint is asked."""
    with FakeEndpoint(Reply(content="{}", delay=0.6)) as first, FakeEndpoint(_right) as second:
        with pytest.raises(DeadlineExceeded):
            _run(way, first, fallbacks=[_at(second)], deadline=0.15)
        assert second.requests == []


@both
def test_what_cannot_be_sent_is_the_caller_s_fault(way: str) -> None:
    """A request that cannot be written is the caller's error; nobody is asked."""
    with FakeEndpoint(_right) as first, FakeEndpoint(_right) as second:
        with pytest.raises(CallerError):
            _run(way, first, document=None, messages=[{"role": "user", "content": object()}], fallbacks=[_at(second)])
        assert (first.requests, second.requests) == ([], [])


# ------------------------------------------------------------------------------------- wrong fallbacks

WRONG: dict[str, Any] = {
    "a text": "openai/gpt-4.1-mini",
    "a Fallback alone": Fallback(model="b"),
    "a number": [5],
    "none": [None],
    "a pair": [("b", "http://h/v1")],
    "no key": ["openai/gpt-4.1-mini"],
    "an empty name": [""],
    "an empty model": [Fallback(model="")],
    "a model that is no text": [Fallback(model=5)],  # type: ignore[arg-type]
    "an address that is no text": [Fallback(model="b", base_url=5)],  # type: ignore[arg-type]
    "no address": [Fallback(model="b", base_url="ftp://h/v1")],
    "an address with a key": [Fallback(model="b", base_url="http://me:key@h/v1")],
    "a key that is no text": [Fallback(model="b", base_url="http://h/v1", api_key=5)],  # type: ignore[arg-type]
    "a key that no header can carry": [Fallback(model="b", base_url="http://h/v1", api_key="a\nb")],
    "another model's key that no header can carry": [Fallback(model="b", api_key="a\nb")],
    "headers that are none": [Fallback(model="b", base_url="http://h/v1", headers="X-A: b")],  # type: ignore[arg-type]
    "headers that none can carry": [Fallback(model="b", base_url="http://h/v1", headers={"X-A": "é→"})],
    "an unknown dialect": [Fallback(model="b", base_url="http://h/v1", dialect="klingon")],
    "another model's unknown dialect": [Fallback(model="b", dialect="klingon")],
    "the second one": ["b", Fallback(model="b", base_url="nowhere")],
}


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_fallbacks_are_errors_at_once(wrong: Any, make: Any) -> None:
    """A fallback that could not be asked is an error when the extractor is made."""
    with pytest.raises(CallerError):
        make("a", base_url="http://127.0.0.1:9/v1", fallbacks=wrong)


@both
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_fallbacks_of_a_call_are_errors_before_anything_is_sent(wrong: Any, way: str) -> None:
    """A call's fallback that could not be asked is an error before anything is sent."""
    with FakeEndpoint(_error(404), repeat=True) as fake:
        with pytest.raises(CallerError):
            _run(way, fake, fallbacks=wrong)
        assert fake.requests == []


def test_a_field_that_a_fallback_has_not_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request field that a fallback does not have is an error before anything is sent, not when it is its turn."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY_B)
    with FakeEndpoint(_error(404)) as fake:
        with pytest.raises(OptionError):
            _run("sync", fake, extra_body={"google": {}}, fallbacks=["openai/gpt-4.1-mini"])
        assert fake.requests == []


def test_a_fallback_shows_no_key() -> None:
    """A `Fallback` can be printed, also within a list."""
    shown = repr([Fallback(model="b", base_url="http://h/v1", api_key=KEY_A, headers={"X-Key": KEY_B})])
    assert KEY_A not in shown
    assert KEY_B not in shown
    assert "http://h/v1" in shown


# ------------------------------------------------------------------------------------- what is left open


def _ended(*fakes: FakeEndpoint) -> list[threading.Event]:
    """For each endpoint an event that is set once no connection to it is open any longer."""
    return [_end(fake) for fake in fakes]


def _end(fake: FakeEndpoint) -> threading.Event:
    server, ended = fake._server, threading.Event()
    assert server is not None
    forget = server.shutdown_request

    def shut(request: Any) -> None:
        forget(request)
        if not server._connections:
            ended.set()

    server.shutdown_request = shut  # type: ignore[method-assign]
    return ended


def _open(fake: FakeEndpoint) -> int:
    assert fake._server is not None
    return len(fake._server._connections)


def test_closing_closes_all() -> None:
    """An extractor that is closed closes the connections of those that it has fallen back to."""
    with (
        FakeEndpoint(_error(404), repeat=True) as first,
        FakeEndpoint(_error(404)) as second,
        FakeEndpoint(_right) as third,
    ):
        fakes = (first, second, third)
        one = Extractor("a", base_url=first.base_url, fallbacks=["x", _at(second), _at(third)])
        one.run(Person, DOCUMENT)
        assert [_open(fake) for fake in fakes] == [1, 1, 1]
        ended = _ended(*fakes)
        one.close()
        assert [each.wait(10) for each in ended] == [True] * 3
        with pytest.raises(CallerError, match="closed"):
            one.run(Person, DOCUMENT)
        one.close()


def test_closing_closes_all_async() -> None:
    """So does one with `await`."""

    async def run(first: FakeEndpoint, second: FakeEndpoint) -> list[threading.Event]:
        one = AsyncExtractor("a", base_url=first.base_url, fallbacks=["x", _at(second)])
        await one.run(Person, DOCUMENT)
        assert [_open(fake) for fake in (first, second)] == [1, 1]
        ended = _ended(first, second)
        await one.aclose()
        with pytest.raises(CallerError, match="closed"):
            await one.run(Person, DOCUMENT)
        await one.aclose()
        return ended

    with FakeEndpoint(_error(404), _error(404)) as first, FakeEndpoint(_right) as second:
        assert [each.wait(10) for each in asyncio.run(run(first, second))] == [True, True]


def test_the_caller_s_client_is_left_open() -> None:
    """A client of the caller's is left open, also where another model was asked through it."""
    with FakeEndpoint(_error(404), _right) as fake, httpx.Client(trust_env=False) as client:
        with Extractor("a", base_url=fake.base_url, http_client=client, fallbacks=["b"]) as one:
            one.run(Person, DOCUMENT)
        assert not client.is_closed


def test_the_next_call_begins_with_the_first_again() -> None:
    """Each extraction begins with the first endpoint; those that were made before are used again."""
    with (
        FakeEndpoint(_error(404), _right, _error(404)) as first,
        FakeEndpoint(_right, repeat=True) as second,
        Extractor("a", base_url=first.base_url, fallbacks=[_at(second)]) as one,
    ):
        assert [len(one.run(Person, DOCUMENT).failures) for _ in range(3)] == [1, 0, 1]
        assert [_open(fake) for fake in (first, second)] == [1, 1]


def test_threads_fall_back_at_once() -> None:
    """Many threads that fall back at the same time get each their own answers, from one extractor made for it."""

    def answer(request: Recorded) -> Any:
        return {"name": request.body["messages"][-1]["content"], "age": 1}

    with (
        FakeEndpoint(_error(401), repeat=True) as first,
        FakeEndpoint(answer, repeat=True) as second,
        Extractor("a", base_url=first.base_url, fallbacks=[_at(second)]) as one,
        ThreadPoolExecutor(8) as pool,
    ):
        people = [*pool.map(lambda number: one.extract(Person, str(number)), range(40))]
        assert [person.name for person in people] == [str(number) for number in range(40)]
        assert _open(second) <= 8
        assert len(one._others) == 1


@both
def test_what_failed_holds_nothing_alive(way: str) -> None:
    """The failures in a result are what they say and carry: no frames, and so no documents, hang on them."""
    with FakeEndpoint(_wrong, repeat=True) as first, FakeEndpoint(_error(401)) as second, FakeEndpoint(_right) as third:
        result = _run(way, first, max_retries=0, fallbacks=[_at(second), _at(third)])
    assert [error.__traceback__ for error in result.failures] == [None, None]
    assert [error.__context__ for error in result.failures] == [None, None]


# ------------------------------------------------------------------------------------- who watches


class Keeping(Watcher):
    """Keeps the kinds of events in their order."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        for method in (name for name in vars(Watcher) if name.startswith("on_")):
            setattr(self, method, self.told.append)


@both
@pytest.mark.parametrize("name", ["401", "never conforms"])
def test_a_fallback_is_no_refusal_and_no_re_ask(name: str, way: str) -> None:
    """Another endpoint that is asked is told as that alone: not as a request in another form, nor as a re-ask."""
    keeping = Keeping()
    with FakeEndpoint(FAILING[name].answer, repeat=True) as first, FakeEndpoint(_right) as second:
        _run(way, first, max_retries=0, fallbacks=[_at(second)], watch=[keeping])
    kinds = [type(event).__name__ for event in keeping.told]
    came = ["Received"] if name == "never conforms" else []
    assert kinds == ["Started", "Sending", *came, "FallingBack", "Sending", "Received", "Finished"]


# ------------------------------------------------------------------------------------- what was shown


def _people(*names: str, broken: bool) -> Reply:
    """A stream of a list of people; a broken one has an error in it, in the middle of the next."""
    said = ", ".join(json.dumps({"name": name, "age": 1}) for name in names)
    text = f'{{"value": [{said}' + (', {"name": "B' if broken else "]}")
    ending: Any = {"error": {"message": "gone", "code": 500}} if broken else {"choices": [{"finish_reason": "stop"}]}
    events = [{"choices": [{"index": 0, "delta": {"content": text}}]}, ending]
    raw = "".join(f"data: {json.dumps(each)}\n\n" for each in events)
    return Reply(raw=raw, content_type="text/event-stream")


@pytest.mark.parametrize("way", ["items", "async items"])
def test_items_that_were_shown_are_not_shown_otherwise(way: str) -> None:
    """Where items of a stream were shown, no other endpoint is asked: its items would not be the same."""
    with FakeEndpoint(_people("Ann", broken=True)) as first, FakeEndpoint(_right) as second:
        with pytest.raises(ServerError):
            _run(way, first, fallbacks=[_at(second)])
        assert (len(first.requests), second.requests) == (1, [])


@pytest.mark.parametrize("way", ["items", "async items"])
def test_before_an_item_was_shown(way: str) -> None:
    """Where none was shown yet, the next endpoint is asked."""
    with FakeEndpoint(_people(broken=True)) as first, FakeEndpoint(_right) as second:
        result = _run(way, first, fallbacks=[_at(second)])
        assert (len(second.requests), [type(each) for each in result.failures]) == (1, [ServerError])


@pytest.mark.parametrize("way", ["stream", "async stream"])
def test_partial_objects_are_not_final(way: str) -> None:
    """Partial objects are shown again otherwise: after them another endpoint is asked."""
    raw = _people(broken=True).raw
    assert isinstance(raw, str)
    half = raw.replace(r"{\"value\": [, {\"name\": \"B", r"{\"name\": \"Bob\", ")
    assert half != raw
    with FakeEndpoint(Reply(raw=half, content_type="text/event-stream")) as first, FakeEndpoint(_right) as second:
        result = _run(way, first, fallbacks=[_at(second)])
    assert (result.value, [type(each) for each in result.failures]) == (ANN, [ServerError])


# ------------------------------------------------------------------------------------- left alone


@both
def test_one_that_keeps_failing_is_left_alone(way: str) -> None:
    """An endpoint that has failed three times in a row is left alone, where there is another; else it is asked."""
    settings: dict[str, Any] = {"transport_retries": 0}
    with FakeEndpoint(_error(503), repeat=True) as first, FakeEndpoint(_right, repeat=True) as second:
        results = [_run(way, first, extractor=settings, fallbacks=[_at(second)]) for _ in range(FAILURES + 2)]
        assert (len(first.requests), len(second.requests)) == (FAILURES, FAILURES + 2)
        said = [result.failures[0] for result in results]
        assert [type(each) for each in said] == [*[ServerError] * FAILURES, *[ConnectionFailed] * 2]
        assert "left alone" in str(said[-1])
        with pytest.raises(ServerError):
            _run(way, first, extractor=settings)
        assert len(first.requests) == FAILURES + 1


@both
def test_requests_are_counted_through(way: str) -> None:
    """The numbers of requests go on from one endpoint to the next; each has a key of its own."""
    keeping = Keeping()
    with FakeEndpoint(_wrong, repeat=True) as first, FakeEndpoint(_right) as second:
        _run(way, first, max_retries=1, fallbacks=[_at(second)], watch=[keeping], idempotency_key="job")
        keys = [request.headers["idempotency-key"] for request in [*first.requests, *second.requests]]
    assert [key.rpartition("-")[0] for key in keys] == ["job-1"] * 3  # the first time that each is asked
    assert len(set(keys)) == 3
    assert [event.number for event in keeping.told if type(event).__name__ == "Sending"] == [1, 2, 3]  # type: ignore[attr-defined]
    finished: Any = keeping.told[-1]
    assert (finished.requests, finished.usage.total_tokens) == (3, 330)
