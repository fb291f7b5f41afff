"""What extractions cost, through the front door: budgets that stop in time, prices, the cache, and keys for jobs."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, field_validator

from extractor import AsyncExtractor, Budget, Cache, Extraction, Extractor, Fallback, Price, aextract, errors, extract
from extractor.errors import (
    BudgetExceeded,
    ConfigurationError,
    CutOff,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    OptionError,
    ServerError,
)
from extractor.settings import Settings
from extractor.testing import FakeEndpoint, Recorded, Reply
from extractor.watching import Event, Finished, Received, Started, Watcher

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "Ann is 34."
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
MILLION = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000, "total_tokens": 1_100_000}


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


ANN = Person(name="Ann", age=34)


WAYS = ("sync", "async", "stream", "async stream")
every_way = pytest.mark.parametrize("way", WAYS)
both = pytest.mark.parametrize("way", ["sync", "async"])


def _run(
    way: str,
    base_url: str,
    target: Any = Person,
    document: Any = DOCUMENT,
    *,
    model: str = "a",
    extractor: Mapping[str, Any] | None = None,
    **call: Any,
) -> Extraction[Any]:
    """One extraction, run or streamed, sync or async. HTTP is tried again without a wait."""
    made = {"base_url": base_url, "backoff": 0, **(extractor or {})}
    if "async" not in way:
        with Extractor(model, **made) as one:
            if way == "sync":
                return one.run(target, document, **call)
            stream = one.stream(target, document, **call)
            for _ in stream:
                pass
            return stream.result

    async def run() -> Extraction[Any]:
        async with AsyncExtractor(model, **made) as one:
            if way == "async":
                return await one.run(target, document, **call)
            stream = one.stream(target, document, **call)
            async for _ in stream:
                pass
            return stream.result

    return asyncio.run(run())


def _reply(content: Any, usage: Any = None, **more: Any) -> Reply:
    return Reply(content=content, usage=USAGE if usage is None else usage, **more)


RIGHT = _reply({"name": "Ann", "age": 34})
WRONG = _reply({"name": "Ann"})
DOWN = Reply(status=500, raw='{"error": {"message": "down"}}')


class Keeping(Watcher):
    """Keeps every event."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        for method in (name for name in vars(Watcher) if name.startswith("on_")):
            setattr(self, method, self.told.append)


# --------------------------------------------------------------------------------------------- budgets

# Limits under which the third of three requests is not sent, where each takes 110 tokens, or $0.0011.
PRICE = Price(input=10, output=10)
LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "requests": ({"requests": 2}, {}),
    "tokens": ({"tokens": 250}, {}),
    "tokens, exactly": ({"tokens": 220}, {}),
    "cost": ({"cost": "0.0025"}, {"price": PRICE}),
    "several": ({"requests": 2, "tokens": 10**6, "seconds": 10**6}, {}),
}


@every_way
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_a_limit_stops_before_the_next_request(limit: tuple[dict[str, Any], dict[str, Any]], way: str) -> None:
    """Each limit stops before the request that would exceed it, with the attempts, the value and the usage so far."""
    budget = Budget(**limit[0])
    with FakeEndpoint(WRONG, repeat=True) as fake, pytest.raises(BudgetExceeded) as caught:
        _run(way, fake.base_url, budget=budget, max_retries=5, **limit[1])
    error = caught.value
    assert len(fake.requests) == len(error.attempts) == 2
    assert error.value == {"name": "Ann"}
    assert [each.pointer for each in error.errors] == ["/age"]
    assert error.usage.total_tokens == 220
    assert (budget.spent.requests, budget.spent.tokens, budget.under_way) == (2, 220, 0)


@every_way
def test_seconds_are_a_limit(way: str) -> None:
    """The limit of seconds begins with the first request, and stops the next one."""
    budget = Budget(seconds=1e-9)
    with FakeEndpoint(WRONG, repeat=True) as fake, pytest.raises(BudgetExceeded) as caught:
        _run(way, fake.base_url, budget=budget, max_retries=5)
    assert len(fake.requests) == len(caught.value.attempts) == 1
    assert "seconds" in str(caught.value)


@every_way
@pytest.mark.parametrize("limit", [{"requests": 0}, {"tokens": 0}, {"cost": 0}, {"seconds": 0}], ids=str)
def test_nothing_may_be_spent(limit: dict[str, Any], way: str) -> None:
    """A limit of nothing sends nothing."""
    with FakeEndpoint(RIGHT) as fake, pytest.raises(BudgetExceeded) as caught:
        _run(way, fake.base_url, budget=Budget(**limit), price=PRICE)
    assert fake.requests == []
    assert (caught.value.attempts, caught.value.value, caught.value.usage.total_tokens) == ((), None, 0)


@every_way
@pytest.mark.parametrize("limit", [{"tokens": 500}, {"cost": "0.005"}], ids=str)
def test_what_may_be_used_at_most_is_kept_to(limit: dict[str, Any], way: str) -> None:
    """Where a request says how many tokens it may take, it is not sent if those are not left: also the first."""
    with FakeEndpoint(RIGHT) as fake, pytest.raises(BudgetExceeded):
        _run(way, fake.base_url, budget=Budget(**limit), price=PRICE, max_completion_tokens=1_000)
    assert fake.requests == []


@both
def test_every_candidate_counts(way: str) -> None:
    """The token limit of a request is that of each candidate: so many times that may be taken."""
    with FakeEndpoint(RIGHT) as fake, pytest.raises(BudgetExceeded):
        _run(way, fake.base_url, budget=Budget(tokens=2_000), max_completion_tokens=500, n=4)
    assert fake.requests == []


@every_way
def test_retries_are_requests(way: str) -> None:
    """Each time that a request is sent again counts as a request, which may be billed."""
    budget = Budget(requests=3)
    with FakeEndpoint(DOWN, DOWN, RIGHT) as fake:
        assert _run(way, fake.base_url, budget=budget).value == ANN
        assert budget.spent.requests == len(fake.requests) == 3
        with pytest.raises(BudgetExceeded):
            _run(way, fake.base_url, budget=budget)
        assert len(fake.requests) == 3


@every_way
def test_a_budget_ends_retries(way: str) -> None:
    """A request is not sent again where the budget has no more requests; what had failed is in the error."""
    with FakeEndpoint(DOWN, repeat=True) as fake:
        with pytest.raises(BudgetExceeded) as caught:
            _run(way, fake.base_url, budget=Budget(requests=2), transport_retries=5)
        assert len(fake.requests) == 2
    assert [type(error) for error in caught.value.failures] == [ServerError, ServerError]


@every_way
@pytest.mark.parametrize("limit", [{"tokens": 10_000}, {"cost": 1}], ids=str)
def test_failures_take_no_tokens(limit: dict[str, Any], way: str) -> None:
    """A request that was not answered takes no tokens, and leaves the budget usable."""
    budget = Budget(**limit)
    with FakeEndpoint(DOWN, RIGHT, DOWN, RIGHT) as fake:
        for _ in range(2):
            assert _run(way, fake.base_url, budget=budget, price=PRICE).value == ANN
    assert (budget.spent.tokens, budget.spent.cost, budget.spent.requests) == (220, Decimal("0.0022"), 4)


@every_way
def test_refused_forms_count_as_requests(way: str) -> None:
    """A request that is refused and asked in another way counts, too; the error has the step."""
    complaint = Reply(status=400, raw='{"error": {"message": "response_format json_schema is not supported"}}')
    with FakeEndpoint(complaint, RIGHT) as fake, pytest.raises(BudgetExceeded) as caught:
        _run(way, fake.base_url, budget=Budget(requests=1))
    assert len(fake.requests) == 1
    assert [step.status for step in caught.value.steps] == [400]


@both
def test_a_budget_of_the_extractor_is_that_of_all_calls(way: str) -> None:
    """A budget given to the extractor is shared by its calls; a call may have its own, or none."""
    with FakeEndpoint(RIGHT, repeat=True) as fake:
        budget = Budget(requests=1)
        settings = {"budget": budget}
        assert _run(way, fake.base_url, extractor=settings).value == ANN
        with pytest.raises(BudgetExceeded):
            _run(way, fake.base_url, extractor=settings)
        assert _run(way, fake.base_url, extractor=settings, budget=None).value == ANN
        assert _run(way, fake.base_url, extractor=settings, budget=Budget(requests=1)).value == ANN
        assert budget.spent.requests == 1


def test_threads_share_a_budget() -> None:
    """Threads that share a budget send no more requests together than it allows; the others are told."""
    budget = Budget(requests=10)

    def one(number: int) -> str:
        try:
            sync.extract(Person, f"{number}: Ann is 34.", budget=budget)
        except BudgetExceeded:
            return "stopped"
        return "done"

    with FakeEndpoint(RIGHT, repeat=True) as fake, Extractor("a", base_url=fake.base_url) as sync:
        with ThreadPoolExecutor(8) as pool:
            ended = [*pool.map(one, range(30))]
        assert len(fake.requests) == 10
    assert (ended.count("done"), ended.count("stopped")) == (10, 20)
    assert (budget.spent.requests, budget.spent.tokens, budget.under_way) == (10, 1_100, 0)


def test_tasks_share_a_budget() -> None:
    """So do tasks, and two extractors."""
    budget = Budget(requests=10)

    async def run(url: str) -> list[Any]:
        async with AsyncExtractor("a", base_url=url) as one, AsyncExtractor("b", base_url=url) as two:
            calls = [each.extract(Person, str(number), budget=budget) for number in range(15) for each in (one, two)]
            return await asyncio.gather(*calls, return_exceptions=True)

    with FakeEndpoint(RIGHT, repeat=True) as fake:
        ended = asyncio.run(run(fake.base_url))
        assert len(fake.requests) == 10
    assert [type(each) for each in ended].count(BudgetExceeded) == 20
    assert (budget.spent.requests, budget.under_way) == (10, 0)


def test_a_call_that_is_broken_off_holds_nothing() -> None:
    """A task that is cancelled while it waits for its answer holds nothing of the budget any longer."""
    budget = Budget(requests=5)
    arrived, go_on = threading.Event(), threading.Event()

    def hang(_: Recorded) -> Any:
        arrived.set()
        go_on.wait(10)
        return RIGHT

    async def run(url: str) -> None:
        async with AsyncExtractor("a", base_url=url) as one:
            task = asyncio.create_task(one.extract(Person, DOCUMENT, budget=budget))
            await asyncio.to_thread(arrived.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go_on.set()

    with FakeEndpoint(hang) as fake:
        asyncio.run(run(fake.base_url))
    assert (budget.under_way, budget.spent.requests) == (0, 1)


def test_a_stream_that_is_left_early_holds_nothing() -> None:
    """A stream that is broken out of holds nothing of the budget any longer."""
    budget = Budget(requests=5)
    with (
        FakeEndpoint(_reply({"name": "Ann", "age": 34}, chunk=1)) as fake,
        Extractor("a", base_url=fake.base_url) as one,
    ):
        for _ in one.stream(Person, DOCUMENT, budget=budget):
            break
    assert (budget.under_way, budget.spent.requests) == (0, 1)


@both
def test_no_connection_is_no_request(way: str) -> None:
    """A request that nobody was there to take is not counted, and holds nothing."""
    fake = FakeEndpoint().start()
    url, budget = fake.base_url, Budget(requests=5)
    fake.close()
    with pytest.raises(EndpointError):
        _run(way, url, budget=budget, transport_retries=1)
    assert (budget.under_way, budget.spent.requests) == (0, 0)


@both
def test_a_limit_of_cost_needs_a_price(way: str) -> None:
    """Where nobody knows what the model costs, a limit of cost is an error before anything is sent."""
    with FakeEndpoint(RIGHT) as fake:
        with pytest.raises(ConfigurationError, match="cost"):
            _run(way, fake.base_url, budget=Budget(cost=1))
        assert fake.requests == []


@both
def test_a_limit_of_cost_needs_a_price_of_all(way: str) -> None:
    """A fallback of which nobody knows what it costs is not asked where there is a limit of cost."""
    with FakeEndpoint(Reply(status=401, raw="no")) as first, FakeEndpoint(RIGHT) as second:
        other = Fallback(model="b", base_url=second.base_url)
        with pytest.raises(ExtractorError):
            _run(way, first.base_url, budget=Budget(cost=1), price={"a": PRICE}, fallbacks=[other])
        assert second.requests == []


def test_a_limit_of_tokens_needs_a_usage() -> None:
    """Where replies do not say what they took, a limit of tokens cannot be kept: nothing more is sent."""
    with FakeEndpoint({"name": "Ann"}, repeat=True) as fake:
        with pytest.raises(BudgetExceeded, match="did not say how many tokens"):
            _run("sync", fake.base_url, budget=Budget(tokens=10**6))
        assert len(fake.requests) == 1


def test_what_is_no_budget() -> None:
    """Something else than a budget is an error at once."""
    with pytest.raises(OptionError, match="budget"):
        Extractor("a", base_url="http://127.0.0.1:9/v1", budget=100)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- prices


@every_way
def test_an_own_price(way: str) -> None:
    """The caller's price says what each attempt cost, and the whole."""
    price = Price(input=2, output=8, cached_input="0.5")
    cached = {**MILLION, "prompt_tokens_details": {"cached_tokens": 400_000}}
    with FakeEndpoint(_reply({"name": "Ann"}, MILLION), _reply({"age": 34}, cached)) as fake:
        result = _run(way, fake.base_url, price=price)
    assert [attempt.cost for attempt in result.attempts] == [Decimal("2.8"), Decimal("2.2")]
    assert result.cost == Decimal("5.0")


@both
def test_prices_by_model(way: str) -> None:
    """A price for each model: by the name that answers, else by the one that is asked."""
    prices = {"a": Price(input=1, output=0), "answers": Price(input=3, output=0)}
    for name, cost in (("a", 1), ("somebody", 1), ("answers", 3)):
        with FakeEndpoint(_reply({"name": "Ann", "age": 34}, MILLION), model=name) as fake:
            assert _run(way, fake.base_url, extractor={"price": prices}).cost == cost
    with FakeEndpoint(RIGHT) as fake:
        assert _run(way, fake.base_url, model="b", extractor={"price": prices}).cost is None


@every_way
def test_an_unknown_price_is_none(way: str) -> None:
    """What a model at an unknown address costs is not known: None, and never nothing."""
    with FakeEndpoint(WRONG, RIGHT) as fake:
        result = _run(way, fake.base_url, model="gpt-4.1-mini")
    assert [attempt.cost for attempt in result.attempts] == [None, None]
    assert result.cost is None


@every_way
def test_a_reply_without_usage_has_no_cost(way: str) -> None:
    """One attempt that does not say what it took makes the cost of the whole unknown."""
    with FakeEndpoint(Reply(content={"name": "Ann"}), RIGHT) as fake:
        result = _run(way, fake.base_url, price=PRICE)
    assert [attempt.cost for attempt in result.attempts] == [None, Decimal("0.0011")]
    assert result.cost is None


LISTED: dict[str, str] = {
    "openai/gpt-4.1-mini": "OPENAI_API_KEY",
    "gemini/gemini-2.5-flash-lite": "GEMINI_API_KEY",
    "groq/llama-3.3-70b-versatile": "GROQ_API_KEY",
}


@both
@pytest.mark.parametrize("model", LISTED)
def test_listed_prices(model: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider's model costs is in the list of genai-prices, which needs no network."""
    genai_prices = pytest.importorskip("genai_prices")
    monkeypatch.setenv(LISTED[model], "sk-nobody-0123456789")
    provider, _, name = model.partition("/")
    fake = FakeEndpoint(_reply({"name": "Ann", "age": 34}), model=name)
    clients: dict[str, Any] = {"sync": httpx.Client, "async": httpx.AsyncClient}
    result = _run(way, None, model=model, extractor={"http_client": clients[way](transport=fake.transport())})  # type: ignore[arg-type]
    usage = genai_prices.Usage(input_tokens=100, output_tokens=10)
    expected = genai_prices.calc_price(usage, name, provider_id={"gemini": "google"}.get(provider, provider))
    assert result.cost == expected.total_price
    assert result.cost is not None
    assert result.cost > 0


def test_a_listed_price_keeps_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of cost is kept by the list, too: gpt-4.1-mini takes far more than a ten-thousandth of a dollar."""
    pytest.importorskip("genai_prices")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-0123456789")
    fake = FakeEndpoint(_reply({"name": "Ann"}, MILLION), repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("openai/gpt-4.1-mini", http_client=client, budget=Budget(cost="0.0001")) as one,
        pytest.raises(BudgetExceeded),
    ):
        one.extract(Person, DOCUMENT)
    assert len(fake.requests) == 1


@both
def test_watchers_are_told_the_cost(way: str) -> None:
    """Events have the cost of each reply, and of the whole."""
    keeping = Keeping()
    with FakeEndpoint(WRONG, RIGHT) as fake:
        _run(way, fake.base_url, price=PRICE, watch=[keeping])
    assert [event.cost for event in keeping.told if isinstance(event, Received)] == [Decimal("0.0011")] * 2
    assert [event.cost for event in keeping.told if isinstance(event, Finished)] == [Decimal("0.0022")]


@pytest.mark.parametrize("price", [5, "1", {"a": 5}, [Price(input=1, output=1)]])
def test_what_is_no_price(price: Any) -> None:
    """Something else than a price is an error at once."""
    with pytest.raises(OptionError, match="price"):
        Extractor("a", base_url="http://127.0.0.1:9/v1", price=price)


# ----------------------------------------------------------------------------------------------- the cache


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    """An empty one."""
    with Cache(tmp_path / "replies.sqlite") as made:
        yield made


@every_way
def test_a_cached_reply_costs_nothing(way: str, cache: Cache) -> None:
    """The same request a second time is answered by the cache: nothing is sent, spent or counted, and it is marked."""
    budget = Budget(requests=1)
    settings: dict[str, Any] = {"cache": cache, "budget": budget, "price": PRICE}
    with FakeEndpoint(RIGHT) as fake:
        first = _run(way, fake.base_url, extractor=settings)
        again = _run(way, fake.base_url, extractor=settings)
        assert len(fake.requests) == 1
    assert again.value == first.value == ANN
    assert [result.attempts[0].reply.cached for result in (first, again)] == [False, True]
    assert (first.usage.total_tokens, again.usage.total_tokens) == (110, 0)
    assert (first.cost, again.cost) == (Decimal("0.0011"), Decimal(0))
    assert again.attempts[0].reply.usage == first.attempts[0].reply.usage, "what it had cost then"
    assert again.model == first.model
    assert budget.spent.requests == 1


@every_way
def test_a_cached_answer_that_does_not_conform_leads_to_the_same_re_ask(way: str, cache: Cache) -> None:
    """What was wrong before is wrong again: the same re-ask, and its answer is in the cache, too."""
    with FakeEndpoint(WRONG, _reply({"age": 34})) as fake:
        first = _run(way, fake.base_url, cache=cache)
        again = _run(way, fake.base_url, cache=cache)
        assert len(fake.requests) == 2
    assert again.value == first.value == ANN
    for result, cached in ((first, False), (again, True)):
        assert [attempt.outcome.value for attempt in result.attempts] == ["invalid", "conforming"]
        assert [attempt.reply.cached for attempt in result.attempts] == [cached, cached]
        assert result.attempts[1].asked == ("/age",)
    assert again.usage.total_tokens == 0


@both
def test_a_stricter_target_asks_on_from_the_cache(way: str, cache: Cache) -> None:
    """A cached answer that one's validators no longer take is asked again, and only the re-ask is sent."""

    class Grown(Person):
        """Somebody."""

        @field_validator("age")
        @classmethod
        def _grown(cls, age: int) -> int:
            if age < 40:
                raise ValueError("too young")
            return age

    Grown.__name__ = "Person"  # so that the request is the same
    with FakeEndpoint(RIGHT, _reply({"age": 41})) as fake:
        _run(way, fake.base_url, cache=cache)
        result = _run(way, fake.base_url, Grown, cache=cache, price=PRICE)
        assert len(fake.requests) == 2
    assert result.value.age == 41
    assert [attempt.reply.cached for attempt in result.attempts] == [True, False]
    assert result.usage.total_tokens == 110
    assert result.cost == Decimal("0.0011")


@both
def test_the_same_request_twice_in_one_extraction_is_sent_twice(way: str, cache: Cache) -> None:
    """An extraction that asks the very same again wants another answer; and both are kept for the next time."""
    with FakeEndpoint(_reply(""), _reply(""), RIGHT, repeat=True) as fake:
        first = _run(way, fake.base_url, cache=cache)
        sent = len(fake.requests)
        again = _run(way, fake.base_url, cache=cache)
        assert len(fake.requests) == sent == 3
    assert first.value == again.value == ANN
    assert [attempt.reply.cached for attempt in again.attempts] == [True] * 3


DIFFERENT: dict[str, dict[str, Any]] = {
    "another document": {"document": "Bob is 5."},
    "another field": {"temperature": 0.5},
    "other instructions": {"instructions": "Mind the age."},
    "another model": {"model": "b"},
    "another target": {"target": dict[str, int]},
}


@both
@pytest.mark.parametrize("different", DIFFERENT.values(), ids=DIFFERENT)
def test_another_request_is_not_in_the_cache(different: dict[str, Any], way: str, cache: Cache) -> None:
    """Whatever is different in a request makes it another one."""

    def answer(request: Recorded) -> Any:
        return RIGHT if "Person" in str(request.body["response_format"]) else _reply({"a": 1})

    with FakeEndpoint(answer, repeat=True) as fake:
        _run(way, fake.base_url, cache=cache)
        _run(way, fake.base_url, cache=cache, **different)
        assert len(fake.requests) == 2


@both
def test_another_address_is_not_in_the_cache(way: str, cache: Cache) -> None:
    """What one endpoint has answered is not taken for another's answer."""
    with FakeEndpoint(RIGHT) as one, FakeEndpoint(RIGHT) as two:
        for fake in (one, two):
            assert not _run(way, fake.base_url, cache=cache).attempts[0].reply.cached


@both
def test_another_key_finds_the_same(way: str, cache: Cache) -> None:
    """The key is no part of a request: what it is answered is found with another one, too."""
    with FakeEndpoint(RIGHT) as fake:
        for key in ("sk-one-0123456789", "sk-two-0123456789"):
            _run(way, fake.base_url, extractor={"api_key": key, "cache": cache})
        assert len(fake.requests) == 1


UNKEPT: dict[str, tuple[Reply, type[ExtractorError]]] = {
    "an error": (DOWN, ServerError),
    "an error in a 200": (Reply(raw='{"error": {"message": "down"}}'), ServerError),
    "no completion": (Reply(raw="<html>"), EndpointError),
}


@both
@pytest.mark.parametrize("unkept", UNKEPT.values(), ids=UNKEPT)
def test_failures_are_not_cached(unkept: tuple[Reply, type[ExtractorError]], way: str, cache: Cache) -> None:
    """What is no chat completion is not kept: the next call asks again."""
    with FakeEndpoint(unkept[0], RIGHT) as fake:
        with pytest.raises(unkept[1]):
            _run(way, fake.base_url, cache=cache, transport_retries=0)
        assert len(cache) == 0
        assert _run(way, fake.base_url, cache=cache).value == ANN


@pytest.mark.parametrize("way", ["stream", "async stream"])
def test_a_broken_stream_is_not_cached(way: str, cache: Cache) -> None:
    """A stream that stopped before its end is not kept, though what had come of it is an attempt."""
    half = 'data: {"choices": [{"index": 0, "delta": {"content": "{\\"name\\": \\"Bo"}}]}\n\n'
    with FakeEndpoint(Reply(raw=half, content_type="text/event-stream")) as fake, pytest.raises(CutOff):
        _run(way, fake.base_url, cache=cache, max_retries=0)
    assert len(cache) == 0


@both
def test_streams_show_what_is_cached(way: str, cache: Cache) -> None:
    """A stream that the cache answers shows its value, and each item of a list once."""
    with FakeEndpoint(_reply({"value": [{"name": "Ann", "age": 34}, {"name": "Bob", "age": 5}]})) as fake:
        for _ in range(2):
            assert [person.name for person in _items(way, fake.base_url, cache)] == ["Ann", "Bob"]
        assert len(fake.requests) == 1


def _items(way: str, url: str, cache: Cache) -> list[Person]:
    if way == "sync":
        with Extractor("a", base_url=url) as one:
            return [*one.stream_items(Person, DOCUMENT, cache=cache)]

    async def run() -> list[Person]:
        async with AsyncExtractor("a", base_url=url) as one:
            return [person async for person in one.stream_items(Person, DOCUMENT, cache=cache)]

    return asyncio.run(run())


@both
def test_watchers_are_told_of_the_cache(way: str, cache: Cache) -> None:
    """A reply from the cache is told as such: without a cost, not as sent, and its tokens are counted nowhere."""
    keeping = Keeping()
    with FakeEndpoint(RIGHT) as fake:
        _run(way, fake.base_url, cache=cache)
        result = _run(way, fake.base_url, cache=cache, price=PRICE, watch=[keeping])
    kinds = [type(event).__name__ for event in keeping.told]
    assert kinds == ["Started", "Received", "Finished"]
    received, finished = keeping.told[1:]
    assert isinstance(received, Received)
    assert isinstance(finished, Finished)
    assert (received.cached, received.cost) == (True, Decimal(0))
    assert (finished.cost, finished.usage) == (Decimal(0), result.usage)


CHILD = """
    import sys
    from pydantic import BaseModel
    from extractor import Cache, Extractor

    class Person(BaseModel):
        "Somebody."
        name: str
        age: int

    with Cache(sys.argv[2]) as cache, Extractor("a", base_url=sys.argv[1], cache=cache) as one:
        result = one.run(Person, "Ann is 34.")
        print(result.value.name, result.attempts[0].reply.cached)
"""


def test_processes_share_a_cache(tmp_path: Path) -> None:
    """What one process was answered, another finds in the file; also while this one has it open."""
    path = tmp_path / "replies.sqlite"
    with FakeEndpoint(RIGHT) as fake, Cache(path) as cache:
        said = [_child(fake.base_url, path) for _ in range(2)]
        here = _run("sync", fake.base_url, cache=cache)
        assert len(fake.requests) == 1
    assert said == ["Ann False", "Ann True"]
    assert here.attempts[0].reply.cached


def _child(url: str, path: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(CHILD), url, str(path)],
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.strip()


def test_threads_share_a_cache(cache: Cache) -> None:
    """Threads that share a cache get each their own answers from it."""

    def answer(request: Recorded) -> Any:
        return _reply({"name": request.body["messages"][-1]["content"], "age": 1})

    with (
        FakeEndpoint(answer, repeat=True) as fake,
        Extractor("a", base_url=fake.base_url, cache=cache) as one,
        ThreadPoolExecutor(8) as pool,
    ):
        for _ in range(2):
            names = [person.name for person in pool.map(lambda number: one.extract(Person, str(number)), range(32))]
            assert names == [str(number) for number in range(32)]
        assert len(fake.requests) == 32


@both
def test_a_closed_cache_is_none(way: str, cache: Cache) -> None:
    """A cache that cannot be used is no cache: the endpoint is asked."""
    cache.close()
    with FakeEndpoint(RIGHT, RIGHT) as fake:
        for _ in range(2):
            assert _run(way, fake.base_url, cache=cache).value == ANN
        assert len(fake.requests) == 2


def test_what_is_no_cache(tmp_path: Path) -> None:
    """Something else than a cache is an error at once, also its path."""
    with pytest.raises(OptionError, match="cache"):
        Extractor("a", base_url="http://127.0.0.1:9/v1", cache=str(tmp_path / "c"))  # type: ignore[arg-type]


def test_the_functions_take_all_of_it(tmp_path: Path) -> None:
    """`extract` and `aextract` take a budget, a cache, a price and a key for the job."""
    budget = Budget(requests=1)
    with FakeEndpoint(RIGHT, RIGHT) as fake, Cache(tmp_path / "c") as cache:
        given: dict[str, Any] = {"model": "a", "base_url": fake.base_url, "budget": budget, "price": PRICE}
        assert extract(Person, DOCUMENT, cache=cache, idempotency_key="job", **given) == ANN
        assert asyncio.run(aextract(Person, DOCUMENT, cache=cache, idempotency_key="job", **given)) == ANN
        with pytest.raises(BudgetExceeded):
            extract(Person, DOCUMENT, **given)
        assert _numbered(fake) == ["job-1"]


# -------------------------------------------------------------------------------------- one key for a job


def _keys(fake: FakeEndpoint) -> list[str]:
    return [request.headers["idempotency-key"] for request in fake.requests]


def _numbered(fake: FakeEndpoint) -> list[str]:
    """The keys without what says what was sent."""
    return [key.rpartition("-")[0] for key in _keys(fake)]


@every_way
def test_the_same_key_for_the_same_job(way: str) -> None:
    """Each request has the caller's key with what it says; the same job sends the same keys again."""
    with FakeEndpoint(WRONG, RIGHT, WRONG, RIGHT) as fake:
        for _ in range(2):
            _run(way, fake.base_url, idempotency_key="invoice-17")
        assert _numbered(fake) == ["invoice-17-1"] * 4
        assert len(set(_keys(fake))) == 2
        assert _keys(fake)[:2] == _keys(fake)[2:]


@every_way
def test_retries_have_the_same_key(way: str) -> None:
    """A request that is sent again because HTTP failed keeps its key; the next one has another."""
    with FakeEndpoint(DOWN, DOWN, WRONG, DOWN, RIGHT) as fake:
        _run(way, fake.base_url, idempotency_key="job")
        assert _numbered(fake) == ["job-1"] * 5
        first, second = _keys(fake)[0], _keys(fake)[-1]
        assert _keys(fake) == [first] * 3 + [second] * 2
        assert first != second


@both
def test_keys_stay_where_a_part_comes_from_the_cache(way: str, cache: Cache) -> None:
    """A job that is resumed with a cache sends what is left with the keys that it had."""
    with FakeEndpoint(WRONG, DOWN, RIGHT) as fake:
        with pytest.raises(ServerError):
            _run(way, fake.base_url, cache=cache, idempotency_key="job", transport_retries=0)
        _run(way, fake.base_url, cache=cache, idempotency_key="job")
        assert _numbered(fake) == ["job-1"] * 3
        assert _keys(fake)[0] != _keys(fake)[1] == _keys(fake)[2]


@both
def test_without_a_key_each_call_has_its_own(way: str) -> None:
    """By default the keys of two calls are different, and those of one begin alike."""
    with FakeEndpoint(WRONG, RIGHT, WRONG, RIGHT) as fake:
        for _ in range(2):
            _run(way, fake.base_url)
        first, second, third, fourth = _numbered(fake)
    assert (first[-2:], second[-2:]) == ("-1", "-1")
    assert first[:-2] == second[:-2]
    assert third[:-2] == fourth[:-2] != first[:-2]


@both
def test_another_content_has_another_key(way: str) -> None:
    """Where a job asks otherwise the second time, its key is another: an endpoint that honours it has not replied."""
    with FakeEndpoint(RIGHT, RIGHT) as fake:
        for temperature in (0.0, 1.0):
            _run(way, fake.base_url, idempotency_key="job", temperature=temperature)
        first, second = _keys(fake)
        assert _numbered(fake) == ["job-1"] * 2
    assert first != second


@both
def test_one_job_is_two_extractions(way: str) -> None:
    """Two calls with one key have events that are told apart; the caller's key is none of their names."""
    names: list[str] = []

    class Listening(Watcher):
        def on_start(self, event: Started) -> None:
            names.append(event.extraction)

    with FakeEndpoint(RIGHT, RIGHT) as fake:
        for _ in range(2):
            _run(way, fake.base_url, idempotency_key="job", watch=[Listening()])
    assert len({*names, "job"}) == 3


@both
@pytest.mark.parametrize(
    ("answer", "spent"),
    [(DOWN, 0), (Reply(raw="{}"), 1), (Reply(raw="<html>"), 1)],
    ids=["a refusal", "no completion", "no JSON"],
)
def test_what_may_have_been_billed_is_spent(answer: Reply, spent: int, way: str) -> None:
    """What was sent and not refused may be billed, and is taken to be what was expected."""
    budget = Budget(tokens=100_000)
    with FakeEndpoint(answer) as fake, pytest.raises(EndpointError):
        _run(way, fake.base_url, budget=budget, max_completion_tokens=1_000, transport_retries=0)
    assert budget.spent.requests == 1
    assert (budget.spent.tokens > 1_000) is bool(spent)


def test_a_stream_that_is_left_is_spent() -> None:
    """Streams that are left in the middle use up a budget: what they took is billed."""
    budget = Budget(tokens=5_000)
    with FakeEndpoint(RIGHT, repeat=True) as fake, Extractor("a", base_url=fake.base_url) as one:

        def leave() -> None:
            for _ in one.stream(Person, DOCUMENT, budget=budget, max_completion_tokens=1_000):
                break

        for _ in range(4):
            leave()
        with pytest.raises(BudgetExceeded):
            leave()
        assert len(fake.requests) == 4
    assert budget.spent.tokens > 1_000
    assert budget.under_way == 0


@both
def test_a_header_of_the_caller_s_stays(way: str) -> None:
    """Who sets the header `Idempotency-Key` himself has it sent as it is."""
    with FakeEndpoint(WRONG, RIGHT) as fake:
        _run(way, fake.base_url, extractor={"headers": {"Idempotency-Key": "mine"}})
        assert _keys(fake) == ["mine", "mine"]


@both
@pytest.mark.parametrize("key", ["é", "a\nb", "x" * 201, 5, None], ids=str)
def test_what_is_no_key(key: Any, way: str) -> None:
    """A key that no header can carry is an error before anything is sent."""
    with FakeEndpoint(RIGHT) as fake:
        with pytest.raises(OptionError, match="idempotency_key"):
            _run(way, fake.base_url, idempotency_key=key)
        assert fake.requests == []


def test_a_key_is_for_one_call() -> None:
    """An extractor takes no key for all of its calls: they would be one job."""
    with pytest.raises(OptionError, match="idempotency_key"):
        Extractor("a", base_url="http://127.0.0.1:9/v1", idempotency_key="job")  # type: ignore[call-arg]


@every_way
def test_what_was_spent_is_never_lost(way: str) -> None:
    """Whatever ends an extraction, the error has the attempts, their usage, and what they cost."""
    endings: list[tuple[Any, dict[str, Any], type[ExtractorError]]] = [
        (DOWN, {"transport_retries": 0}, ServerError),
        (WRONG, {"max_retries": 1}, ExtractionFailed),
        (WRONG, {"budget": Budget(requests=2)}, BudgetExceeded),
    ]
    for last, settings, kind in endings:
        with FakeEndpoint(WRONG, last, last) as fake, pytest.raises(kind) as caught:
            _run(way, fake.base_url, price=PRICE, **settings)
        error: Any = caught.value
        assert [attempt.cost for attempt in error.attempts] == [Decimal("0.0011")] * len(error.attempts)
        assert len(error.attempts) == len(fake.requests) - (kind is ServerError)


# --------------------------------------------------------------------------------------- what the docs say

PAGE = (ROOT / "docs" / "how-to" / "endpoints.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", ["transport_retries", "backoff", "max_wait", "deadline", "max_retries"])
def test_the_defaults_are_as_documented(name: str) -> None:
    """The table of settings has the real defaults."""
    settings = Settings.of({}, {})
    default = getattr(settings.policy, name) if hasattr(settings.policy, name) else getattr(settings, name)
    assert float(ROWS[name]) == default


@pytest.mark.parametrize(
    "name", ["fallbacks", "budget", "price", "cache", "share", "watch", "idempotency_key", "limits"]
)
def test_the_settings_are_documented(name: str) -> None:
    """Each setting that is about requests that fail, or about what they cost, is in the table."""
    assert name in ROWS


@pytest.mark.parametrize(
    "name", [name for name in errors.__all__ if issubclass(getattr(errors, name), EndpointError) or "Budget" in name]
)
def test_the_errors_are_documented(name: str) -> None:
    """Each error of an endpoint is in the table that says what helps, but for the bases of the others."""
    assert f"`{name}`" in PAGE
