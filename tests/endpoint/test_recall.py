"""The cache before the endpoint, step by step."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from extractor.budget import Budget
from extractor.chat.wire import ChatReply, ChatRequest, Prefix
from extractor.endpoint.cache import Cache
from extractor.endpoint.delivery import Exchange, delivery
from extractor.endpoint.errand import Errand
from extractor.endpoint.resolve import Address
from extractor.endpoint.retry import Policy
from extractor.endpoint.routes import RateLimits, Standing, routes_of
from extractor.endpoint.steps import Outcome, Post, Wait, Work
from extractor.errors import BadReply, CallerError, ServerError
from extractor.prices import Price, Tariff
from extractor.watching import Received, Watch, Watcher

KEY = "sk-planted-0123456789"
ONE = ChatRequest(prefix=Prefix(fields={"model": "m"}), tail=({"role": "user", "content": "one"},))
TWO = ChatRequest(prefix=Prefix(fields={"model": "m"}), tail=({"role": "user", "content": "two"},))
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}


class Kept(Cache):
    """A cache in memory, that remembers what was put there."""

    def __init__(self, values: dict[bytes, bytes] | None = None) -> None:
        self._path = Path("nowhere")
        self.values = {} if values is None else values

    def get(self, key: bytes) -> bytes | None:
        """The value."""
        return self.values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep it."""
        assert key not in self.values
        self.values[key] = value


def says(text: str, **more: Any) -> httpx.Response:
    """A completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return httpx.Response(200, json={"id": "r-1", "model": "m-9", "choices": [choice], "usage": USAGE, **more})


class Desk:
    """Extractions at one endpoint, that share a cache."""

    def __init__(self, cache: Cache | None = None, *, key: str = KEY, name: str = "one") -> None:
        self.cache = Kept() if cache is None else cache
        address = Address(base_url=f"http://{name}.example/v1", model="m", dialect="unknown", api_key=key)
        self.known = Standing(RateLimits())
        self.exchange = Exchange(
            base_url=address.base_url,
            routes=routes_of(address, self.known),
            media_first=False,
            standing=self.known,
            build=httpx.Request,
            headers=httpx.Headers(),
            timeouts={"read": 1.0},
            secrets=(key,),
        )
        self.posts = 0
        self.works = 0

    def errand(self, **more: Any) -> Errand:
        """Another extraction."""
        return Errand(cache=self.cache, policy=Policy(backoff=0.0), **more)

    def deliver(self, errand: Errand, request: ChatRequest, *answers: httpx.Response | Exception) -> Outcome:
        """What comes of a request whose posts are answered so."""
        steps, waiting, came = delivery(self.exchange, request, errand), list(answers), None
        try:
            while True:
                step = steps.send(came)
                if isinstance(step, Post):
                    came = _answered(step, waiting.pop(0))
                    self.posts += 1
                elif isinstance(step, Work):
                    came = step.call()
                    self.works += 1
                else:
                    assert isinstance(step, Wait)
                    came = None
        except StopIteration as done:
            assert not waiting
            outcome: Outcome = done.value
            return outcome


def _answered(post: Post, answer: httpx.Response | Exception) -> Exception | None:
    if isinstance(answer, Exception):
        return answer
    answer.request = post.request
    if post.body.begin(answer):
        for chunk in answer.iter_raw():
            post.body.add(chunk)
    return None


def text_of(outcome: Outcome) -> str | None:
    """What a reply says."""
    assert isinstance(outcome, ChatReply), outcome
    return outcome.choices[0].message.content


# ------------------------------------------------------------------------------------------------- kept


def test_asked_once() -> None:
    """What was answered once is not asked again: it is the same reply, marked as cached."""
    desk = Desk()
    first = desk.deliver(desk.errand(), ONE, says("hello"))
    again = desk.deliver(desk.errand(), ONE)
    assert desk.posts == 1
    assert isinstance(first, ChatReply)
    assert isinstance(again, ChatReply)
    assert (first.cached, again.cached) == (False, True)
    assert again.choices == first.choices
    assert (again.id, again.model, again.usage) == (first.id, first.model, first.usage)
    assert again.retries == ()
    assert desk.known.requests == 1
    assert desk.known.governor.in_flight == 0


def test_no_cache() -> None:
    """Without a cache nothing is looked for."""
    desk = Desk()
    for _ in range(2):
        desk.deliver(Errand(), ONE, says("hello"))
    assert (desk.posts, desk.works) == (2, 0)


@pytest.mark.parametrize("other", ["request", "endpoint"])
def test_something_else(other: str) -> None:
    """Another request, or the same to another endpoint, is asked for itself."""
    desk = Desk()
    desk.deliver(desk.errand(), ONE, says("hello"))
    elsewhere = Desk(desk.cache, name="two" if other == "endpoint" else "one")
    request = ONE if other == "endpoint" else TWO
    assert text_of(elsewhere.deliver(elsewhere.errand(), request, says("other"))) == "other"


def test_with_another_key() -> None:
    """The key makes no difference: the endpoint answers all the same."""
    desk = Desk()
    desk.deliver(desk.errand(), ONE, says("hello"))
    other = Desk(desk.cache, key="another-0123456789")
    assert text_of(other.deliver(other.errand(), ONE)) == "hello"


def test_asked_again_in_the_same_extraction() -> None:
    """Who asks the very same a second time wants another reply, and gets it; the next one gets both, in order."""
    desk = Desk()
    errand = desk.errand()
    assert text_of(desk.deliver(errand, ONE, says("first"))) == "first"
    assert text_of(desk.deliver(errand, ONE, says("second"))) == "second"
    assert text_of(desk.deliver(errand, TWO, says("else"))) == "else"
    later = desk.errand()
    assert [text_of(desk.deliver(later, ONE)) for _ in range(2)] == ["first", "second"]
    assert text_of(desk.deliver(later, ONE, says("third"))) == "third"
    assert desk.posts == 4


def test_what_was_retried() -> None:
    """A reply that came at last is kept, without the failures before it."""
    desk = Desk()
    first = desk.deliver(desk.errand(), ONE, httpx.Response(500), httpx.ReadTimeout("x"), says("hello"))
    assert isinstance(first, ChatReply)
    assert len(first.retries) == 2
    again = desk.deliver(desk.errand(), ONE)
    assert isinstance(again, ChatReply)
    assert again.retries == ()


# --------------------------------------------------------------------------------------------- not kept


def test_failures() -> None:
    """What failed is not kept: the next one asks again."""
    desk = Desk()
    errors = [httpx.Response(500) for _ in range(3)]
    assert isinstance(desk.deliver(desk.errand(), ONE, *errors), ServerError)
    assert isinstance(desk.deliver(desk.errand(), ONE, httpx.Response(200, text="what?")), BadReply)
    assert isinstance(desk.cache, Kept)
    assert desk.cache.values == {}
    assert text_of(desk.deliver(desk.errand(), ONE, says("hello"))) == "hello"


def _events(*chunks: Any) -> httpx.Response:
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)


def _delta(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}


def test_streams() -> None:
    """Of streams those are kept that came to their end, as one reply."""
    desk = Desk()
    cut = desk.deliver(desk.errand(), ONE, _events(_delta("hel")))
    assert isinstance(cut, ChatReply)
    assert not cut.choices[0].complete
    assert isinstance(desk.cache, Kept)
    assert desk.cache.values == {}
    assert text_of(desk.deliver(desk.errand(), ONE, _events(_delta("hel"), _delta("lo", "stop")))) == "hello"
    assert text_of(desk.deliver(desk.errand(), ONE)) == "hello"


@pytest.mark.parametrize("key", [KEY, 'sk-"planted"\\0123456789'], ids=["plain", "with characters that JSON escapes"])
@pytest.mark.parametrize("place", ["content", "arguments", "id"])
def test_the_key_is_not_kept(key: str, place: str) -> None:
    """A reply that quotes the key is given, and not kept."""
    desk = Desk(key=key)
    reply = says(f"the key is {key}" if place == "content" else "hello")
    if place == "id":
        reply = says("hello", id=f"for-{key}")
    if place == "arguments":
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": key})}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        reply = says("", choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])
    assert isinstance(desk.deliver(desk.errand(), ONE, reply), ChatReply)
    assert isinstance(desk.cache, Kept)
    assert desk.cache.values == {}


HOSTILE = {
    "nothing": b"",
    "no JSON": b"what?",
    "another value": b"[1, 2]",
    "a number": b"7",
    "a text": b'"choices"',
    "null": b"null",
    "nested": b"[" * 100_000,
    "no UTF-8": b"\xff\xfe\xff",
    "no choices": b"{}",
    "choices of nothing": b'{"choices": []}',
    "choices of another kind": b'{"choices": [1, null]}',
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_what_another_program_has_written(value: bytes) -> None:
    """What is in the cache and is no reply is asked for again, or read as far as it goes: it breaks nothing."""

    class Anything(Kept):
        def get(self, key: bytes) -> bytes | None:
            return value

    desk = Desk(Anything())
    outcome = desk.deliver(desk.errand(), ONE, says("hello"))
    assert text_of(outcome) == "hello"
    assert isinstance(outcome, ChatReply)
    assert not outcome.cached


# -------------------------------------------------------------------------------------------- the errand


class Heard(Watcher):
    """Remembers the replies."""

    def __init__(self) -> None:
        self.replies: list[Received] = []

    def on_reply(self, event: Received) -> None:
        """Remember it."""
        self.replies.append(event)


def test_it_costs_nothing() -> None:
    """A cached reply takes nothing from the budget and costs nothing, and who watches is told of it."""
    desk, heard = Desk(), Heard()
    tariff = Tariff(model="m-9", base_url="", own=Price(input=1_000_000, output=0))
    desk.deliver(desk.errand(), ONE, says("hello"))
    budget = Budget(requests=0)
    errand = desk.errand(budget=budget, tariff=tariff, watch=Watch([heard]))
    assert text_of(desk.deliver(errand, ONE)) == "hello"
    assert errand.spent == 0
    assert budget.spent.requests == budget.spent.tokens == 0
    (event,) = heard.replies
    assert (event.cached, event.cost, event.seconds, event.model) == (True, Decimal(0), 0.0, "m-9")
    assert event.usage is not None


def test_it_waits_for_nobody() -> None:
    """What is in the cache needs no place at the endpoint."""
    desk = Desk()
    desk.deliver(desk.errand(), ONE, says("hello"))
    desk.known.governor.in_flight = 10_000
    assert text_of(desk.deliver(desk.errand(), ONE)) == "hello"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_left_in_the_middle(at: int) -> None:
    """Wherever it is left, nothing is under way."""
    desk = Desk()
    steps, came = delivery(desk.exchange, ONE, desk.errand()), None
    for _ in range(at + 1):
        step = steps.send(came)
        came = _answered(step, says("hello")) if isinstance(step, Post) else None
    steps.close()
    assert desk.known.governor.in_flight == 0


def test_in_a_file(tmp_path: Path) -> None:
    """The same with a file, in which the key is nowhere."""
    with Cache(tmp_path / "replies") as cache:
        desk = Desk(cache)
        desk.deliver(desk.errand(), ONE, says(f"the key is {KEY}"))
        desk.deliver(desk.errand(), TWO, says("hello"))
        assert len(cache) == 1
        assert text_of(desk.deliver(desk.errand(), TWO)) == "hello"
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())


# --------------------------------------------------------------------------------------------- the journal


class Written:
    """A journal in memory, that says what was safe when."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.futures: list[Future[None]] = []

    def get(self, key: str) -> bytes | None:
        """The reply."""
        return self.values.get(key)

    def put(self, key: str, body: bytes) -> Future[None]:
        """Keep it: it is safe a little later."""
        self.values[key] = body
        self.futures.append(Future())
        threading.Timer(0.01, self.futures[-1].set_result, [None]).start()
        return self.futures[-1]


def test_what_was_journalled_is_not_asked_again() -> None:
    """Who goes on has the replies that there were, in their order, as if they had just come."""
    desk, journal = Desk(), Written()
    one = Errand(journal=journal, idempotency_key="job-1")
    desk.deliver(one, ONE, says("first"))
    desk.deliver(one, ONE, says("second"))
    again = Errand(journal=journal, idempotency_key="job-1")
    replies = [desk.deliver(again, ONE), desk.deliver(again, ONE)]
    assert [text_of(reply) for reply in replies] == ["first", "second"]
    assert [reply.cached for reply in replies if isinstance(reply, ChatReply)] == [False, False]
    assert desk.posts == 2
    assert sorted(journal.values) == sorted(f"job-1-{number}-{DIGEST}" for number in (1, 2))


DIGEST = hashlib.sha256(ONE.encode()).hexdigest()[:12]


def test_a_reply_is_safe_before_the_next_request() -> None:
    """The next request of a document is sent once the reply before it is safe."""
    desk, journal = Desk(), Written()
    errand = Errand(journal=journal, idempotency_key="job-1")
    desk.deliver(errand, ONE, says("first"))
    assert not journal.futures[0].done()
    desk.deliver(errand, TWO, says("second"))
    assert journal.futures[0].done()


def test_what_was_refused_before_does_not_count() -> None:
    """Who goes on finds a reply also where he knows by now that the request before it would be refused."""
    desk, journal = Desk(), Written()
    first = Errand(journal=journal, idempotency_key="job-1", policy=Policy(transport_retries=0))
    desk.deliver(first, ONE, httpx.Response(400, json={}))
    desk.deliver(first, TWO, says("second"))
    again = Errand(journal=journal, idempotency_key="job-1")
    assert text_of(desk.deliver(again, TWO)) == "second"


def test_nothing_is_sent_once_it_is_given_up() -> None:
    """What nobody waits for any more asks nobody."""
    desk = Desk()
    with pytest.raises(CallerError, match="Nobody waits"):
        desk.deliver(Errand(given_up=lambda: True), ONE)
    assert desk.posts == 0


def test_a_reply_with_what_json_has_no_word_for() -> None:
    """An infinite log-probability, which some endpoints write so, is kept with the rest of the reply."""
    desk, journal = Desk(), Written()
    body = json.dumps({**says("once").json(), "logprob": float("-inf")}).encode()
    errand = Errand(journal=journal, idempotency_key="job-1")
    assert text_of(desk.deliver(errand, ONE, httpx.Response(200, content=body))) == "once"
    again = Errand(journal=journal, idempotency_key="job-1")
    assert text_of(desk.deliver(again, ONE)) == "once"
    assert text_of(desk.deliver(desk.errand(), TWO, httpx.Response(200, content=body))) == "once"
    assert text_of(desk.deliver(desk.errand(), TWO)) == "once"


def test_what_broke_off_is_not_journalled() -> None:
    """Nothing is kept of what failed."""
    desk, journal = Desk(), Written()
    errand = Errand(journal=journal, idempotency_key="job-1", policy=Policy(transport_retries=0))
    assert isinstance(desk.deliver(errand, ONE, httpx.Response(500, json={})), ServerError)
    assert journal.values == {}


def test_the_journal_before_the_cache() -> None:
    """With both, what the document has had comes first; what the cache has is not journalled."""
    desk, journal = Desk(), Written()
    desk.deliver(desk.errand(), ONE, says("cached"))
    errand = desk.errand(journal=journal, idempotency_key="job-1")
    assert text_of(desk.deliver(errand, ONE)) == "cached"
    assert journal.values == {}
    desk.deliver(errand, TWO, says("asked"))
    assert list(journal.values) == [f"job-1-1-{hashlib.sha256(TWO.encode()).hexdigest()[:12]}"]
