"""One request delivered, driven by hand: each step is answered from a script, and nothing is sent."""

from __future__ import annotations

import hashlib
import json
import math
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.budget import Budget
from extractor.chat.wire import ChatReply, ChatRequest, Prefix
from extractor.endpoint import admission as admission_room
from extractor.endpoint import delivery as room
from extractor.endpoint.delivery import IDEMPOTENCY_KEY, MAX_REPLY_BYTES, MOST_CHOICES, Exchange, delivery
from extractor.endpoint.errand import Errand
from extractor.endpoint.resolve import Address
from extractor.endpoint.retry import Allowance, Policy
from extractor.endpoint.routes import FAILURES, PAUSE, REFUSALS, RateLimits, Standing, routes_of
from extractor.endpoint.steps import Outcome, Pause, Post, Step, Wait
from extractor.errors import (
    BadReply,
    BadRequest,
    BudgetExceeded,
    ConnectionFailed,
    DeadlineExceeded,
    EndpointError,
    OptionError,
    RateLimited,
    ReplyTooLarge,
    ServerError,
    StatusError,
    TimedOut,
)
from extractor.prices import Price, Tariff
from extractor.watching import Event, Watch, Watcher

KEY = "sk-planted-0123456789"
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
TEXT = ChatRequest(prefix=Prefix(fields={"model": "m"}), tail=({"role": "user", "content": "hi"},))
FIRST, SECOND = "http://one.example/v1/chat/completions", "http://two.example/v1/chat/completions"
LIMITED = ChatRequest(prefix=Prefix(fields={"model": "m", "max_tokens": 500}), tail=TEXT.tail)
NO_RETRIES = Policy(transport_retries=0)
AT_ONCE = Policy(backoff=0.0)
UNTOLD = RateLimits()


# ------------------------------------------------------------------------------------------- the driver


def says(text: str = "hello", status: int = 200, **headers: str) -> httpx.Response:
    """A completion."""
    message = {"role": "assistant", "content": text}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): it for name, it in headers.items()})


def no(status: int, message: str = "planned", **headers: str) -> httpx.Response:
    """A refusal."""
    fields = {name.replace("_", "-"): it for name, it in headers.items()}
    return httpx.Response(status, json={"error": {"message": message}}, headers=fields)


def gone(kind: type[httpx.TransportError] = httpx.ConnectError) -> Exception:
    """What httpx raises."""
    return kind("planned")


Answer = httpx.Response | Exception


def made_no_connection(answer: Answer) -> bool:
    """Whether nobody was there to take the request."""
    return isinstance(answer, httpx.ConnectError)


@dataclass(kw_only=True)
class Desk:
    """An endpoint, an errand to it, and what was asked for on the way."""

    errand: Errand = field(default_factory=lambda: Errand(policy=AT_ONCE))
    second: bool = False
    limits: RateLimits = UNTOLD
    media_first: bool = False
    keyed: bool = False
    build: Callable[..., httpx.Request] = httpx.Request
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.address = Address(
            base_url="http://one.example/v1",
            fallback_url="http://two.example/v1" if self.second else "",
            model="m",
            dialect="unknown",
            api_key=KEY,
        )
        self.known = Standing(self.limits)
        self.governor = self.known.governor

    @property
    def exchange(self) -> Exchange:
        """As the senders make it."""
        fields = {"Authorization": f"Bearer {KEY}", **({IDEMPOTENCY_KEY: "own"} if self.keyed else {})}
        return Exchange(
            base_url=self.address.base_url,
            routes=routes_of(self.address, self.known),
            media_first=self.media_first,
            standing=self.known,
            build=self.build,
            headers=httpx.Headers(fields),
            timeouts={"connect": 1.0, "read": 1.0, "write": 1.0, "pool": 1.0},
            secrets=(KEY,),
            keyed=self.keyed,
        )

    def begin(self, request: ChatRequest = TEXT) -> Any:
        """The steps of one request, none of them done."""
        return delivery(self.exchange, request, self.errand)

    def deliver(self, *answers: Answer, request: ChatRequest = TEXT) -> Outcome:
        """What comes of a request whose posts are answered so. All answers must be used, and no more."""
        steps, waiting, came = self.begin(request), list(answers), None
        try:
            while True:
                step = steps.send(came)
                self.steps.append(step)
                came = answered(step, waiting.pop(0)) if isinstance(step, Post) else None
        except StopIteration as done:
            assert not waiting, f"{len(waiting)} answers were not asked for"
            outcome: Outcome = done.value
            return outcome

    def deliver_all(self, answer: Answer) -> Outcome:
        """What comes of a request of which each post is answered so."""
        steps, came = self.begin(), None
        try:
            while True:
                step = steps.send(came)
                self.steps.append(step)
                came = answered(step, answer) if isinstance(step, Post) else None
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome

    @property
    def posts(self) -> list[Post]:
        """What was sent."""
        return [step for step in self.steps if isinstance(step, Post)]

    @property
    def urls(self) -> list[str]:
        """Where to."""
        return [str(post.request.url) for post in self.posts]

    @property
    def waits(self) -> list[float]:
        """How long was waited before a retry."""
        return [step.seconds for step in self.steps if isinstance(step, Pause)]

    @property
    def keys(self) -> list[str]:
        """The idempotency keys that were sent."""
        return [post.request.headers[IDEMPOTENCY_KEY] for post in self.posts]


def answered(post: Post, answer: Answer) -> Exception | None:
    """Do what a sender does with an answer."""
    if isinstance(answer, Exception):
        return answer
    answer.request = post.request
    try:
        if post.body.begin(answer):
            for chunk in answer.iter_raw():
                post.body.add(chunk)
        post.body.end()
    except Exception as error:
        return error
    return None


def _posted(steps: Any, came: Exception | None = None) -> Post:
    """The next request, after what there is to wait for."""
    step = steps.send(came)
    while not isinstance(step, Post):
        step = steps.send(None)
    return step


def idle(desk: Desk) -> bool:
    """Whether nothing is under way any longer."""
    return desk.governor.in_flight == 0


def text_of(outcome: Outcome) -> str | None:
    """What a reply says."""
    assert isinstance(outcome, ChatReply), outcome
    return outcome.choices[0].message.content


# --------------------------------------------------------------------------------------------- the steps


def test_one_request() -> None:
    """What goes well is one step: the request, once, as it was encoded."""
    desk = Desk()
    outcome = desk.deliver(says())
    assert text_of(outcome) == "hello"
    (post,) = desk.posts
    assert desk.steps == [post]
    assert (post.request.method, str(post.request.url)) == ("POST", FIRST)
    assert post.request.read() == TEXT.encode()
    assert post.request.headers["authorization"] == f"Bearer {KEY}"
    assert isinstance(outcome, ChatReply)
    assert outcome.retries == ()
    assert not outcome.cached
    assert desk.known.requests == 1
    assert idle(desk)


def test_sent_again() -> None:
    """What failed is sent again after a pause, and the reply has the failures, in order."""
    desk = Desk(errand=Errand(policy=Policy(backoff=1.0)))
    outcome = desk.deliver(no(500), gone(), says())
    assert [type(step) for step in desk.steps] == [Post, Pause, Post, Pause, Post]
    assert 0.5 <= desk.waits[0] <= 1.0 <= desk.waits[1] <= 2.0
    assert isinstance(outcome, ChatReply)
    assert [type(error) for error in outcome.retries] == [ServerError, ConnectionFailed]
    assert desk.known.requests == 1
    assert idle(desk)


def test_it_fails_for_good() -> None:
    """The last failure is the error, and has those before; each of them those before itself."""
    desk = Desk()
    outcome = desk.deliver(no(500), gone(httpx.ReadTimeout), no(503))
    assert isinstance(outcome, ServerError)
    assert outcome.status == 503
    assert [type(error) for error in outcome.retries] == [ServerError, TimedOut]
    assert outcome.retries[0].retries == ()
    assert outcome.retries[1].retries == outcome.retries[:1]
    assert idle(desk)


def test_no_pause_of_nothing() -> None:
    """Where nothing is to be waited for, no pause is made."""
    desk = Desk()
    desk.deliver(no(500), says())
    assert [type(step) for step in desk.steps] == [Post, Post]


def test_not_sent_again() -> None:
    """What would end in the same way is not sent again."""
    desk = Desk()
    outcome = desk.deliver(no(400))
    assert isinstance(outcome, BadRequest)
    assert outcome.retries == ()
    assert idle(desk)


@pytest.mark.parametrize(
    "headers", [{"retry-after": "0.05"}, {"retry-after-ms": "50"}, {"retry-after": "9", "retry-after-ms": "50"}]
)
def test_the_wait_that_is_asked_for(headers: dict[str, str]) -> None:
    """The pause is what the endpoint asked for, and the error has it."""
    desk = Desk()
    outcome = desk.deliver(httpx.Response(503, headers=headers), says())
    assert isinstance(outcome, ChatReply)
    (error,) = outcome.retries
    assert isinstance(error, ServerError)
    assert error.retry_after == 0.05
    assert 0.05 <= sum(desk.waits) <= 0.056


def test_a_second_address() -> None:
    """Where nobody answers the same request goes to the other address at once."""
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES))
    outcome = desk.deliver(gone(), says())
    assert desk.urls == [FIRST, SECOND]
    assert desk.waits == []
    assert isinstance(outcome, ChatReply)
    assert [error.url for error in outcome.retries] == [FIRST]


def test_a_second_address_for_one_that_is_unwell() -> None:
    """After two of 502, 503 and 504 too; then the first is not asked again by this request."""
    desk = Desk(second=True)
    outcome = desk.deliver(no(503), no(502), no(504), no(503))
    assert desk.urls == [FIRST, FIRST, SECOND, SECOND]
    assert isinstance(outcome, ServerError)
    assert len(outcome.retries) == 3


def test_an_address_that_is_left_alone() -> None:
    """After so many failures the next requests go to the other address first."""
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES))
    for _ in range(FAILURES):
        desk.deliver(gone(), says())
    desk.steps.clear()
    assert text_of(desk.deliver(says())) == "hello"
    assert desk.urls == [SECOND]


def test_an_address_that_is_back() -> None:
    """A success closes the breaker."""
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES))
    for _ in range(FAILURES - 1):
        desk.deliver(gone(), says())
    desk.deliver(says())
    assert desk.exchange.routes[0].breaker.failures == 0


IMAGE = ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},)


@pytest.mark.parametrize(("media_first", "tail", "urls"), [
    (True, IMAGE, [SECOND, FIRST]),
    (True, TEXT.tail, [FIRST, SECOND]),
    (False, IMAGE, [FIRST, SECOND]),
])  # fmt: skip
def test_media_first(media_first: bool, tail: Any, urls: list[str]) -> None:
    """What is not text goes to the second address first where that is told, and to the other where it fails."""
    desk = Desk(second=True, media_first=media_first)
    desk.deliver(gone(), says(), request=ChatRequest(prefix=TEXT.prefix, tail=tail))
    assert desk.urls == urls


def test_the_deadline_has_passed() -> None:
    """Nothing is sent after the deadline."""
    desk = Desk(errand=Errand(expires=time.monotonic() - 1))
    outcome = desk.deliver()
    assert isinstance(outcome, DeadlineExceeded)
    assert desk.steps == []
    assert idle(desk)


def test_what_was_not_sent_teaches_nothing() -> None:
    """A call whose deadline has passed before it is sent says nothing of the endpoint: its window stays as it was."""
    desk = Desk(errand=Errand(expires=time.monotonic() - 1))
    window = desk.governor.window
    for _ in range(5):
        desk.deliver()
    assert desk.governor.window == window
    assert desk.governor.calm


def test_the_deadline_passes_in_a_body() -> None:
    """A body that outlives the deadline ends there, and is not asked for again."""
    desk = Desk(errand=Errand(expires=time.monotonic() + 30))
    steps = desk.begin()
    post = next(steps)
    assert post.expires == desk.errand.expires
    assert post.request.extensions["timeout"]["read"] <= 1.0
    post.body.begin(says())
    post.body._expires = time.monotonic() - 1
    with pytest.raises(DeadlineExceeded) as caught:
        post.body.add(b"{")
    with pytest.raises(StopIteration) as done:
        steps.send(caught.value)
    assert done.value.value is caught.value
    assert idle(desk)


def test_the_deadline_leaves_no_time_for_a_pause() -> None:
    """A pause that would end after the deadline is not made."""
    desk = Desk(errand=Errand(expires=time.monotonic() + 5))
    outcome = desk.deliver(no(429, retry_after="20"))
    assert isinstance(outcome, RateLimited)
    assert "deadline" in outcome.hint


# ---------------------------------------------------------------------------------------- the same request


def test_the_key_of_a_request() -> None:
    """All tries of one request have one key, the next request has another, and both begin alike."""
    desk = Desk(second=True)
    desk.deliver(no(500), gone(), says())
    desk.deliver(no(500), says())
    first, second = desk.keys[0], desk.keys[3]
    assert desk.urls == [FIRST, FIRST, SECOND, FIRST, FIRST]
    assert desk.keys == [first] * 3 + [second] * 2
    assert first != second
    digest = hashlib.sha256(TEXT.encode()).hexdigest()[:12]
    assert (first, second) == (f"{desk.errand.key}-1-{digest}", f"{desk.errand.key}-2-{digest}")
    assert len(desk.errand.key) == 24


def test_the_key_of_another_extraction() -> None:
    """No two extractions have one key, unless the caller gives it."""
    desks = [Desk(), Desk(), *(Desk(errand=Errand(idempotency_key="mine", policy=AT_ONCE)) for _ in range(2))]
    for desk in desks:
        desk.deliver(says())
    keys = [desk.keys[0] for desk in desks]
    assert keys[0] != keys[1]
    assert keys[2] == keys[3]
    assert keys[2].startswith("mine-1-")
    assert len({desk.errand.key for desk in desks}) == 4


def test_the_callers_own_key() -> None:
    """The caller's own header is left alone."""
    desk = Desk(keyed=True)
    desk.deliver(no(500), says())
    assert desk.keys == ["own", "own"]


def test_the_same_bytes() -> None:
    """What is sent again is the same to the byte."""
    desk = Desk()
    desk.deliver(no(500), no(500), says())
    assert {post.request.read() for post in desk.posts} == {TEXT.encode()}


# --------------------------------------------------------------------------------------------- ways out


def _cut(steps: Any, how: BaseException | None) -> None:
    """Leave in the middle: by `close()`, or by an exception that is thrown in."""
    if how is None:
        steps.close()
        return
    with pytest.raises(type(how)):
        steps.throw(how)


HOWS = [None, KeyboardInterrupt(), RuntimeError("planned"), GeneratorExit()]


@pytest.mark.parametrize("how", HOWS, ids=repr)
def test_left_while_it_is_answered(how: BaseException | None) -> None:
    """Where nobody waits for the answer any longer, nothing is under way, and the budget is settled."""
    desk = Desk(errand=Errand(budget=Budget(requests=5)))
    steps = desk.begin()
    assert isinstance(next(steps), Post)
    assert desk.governor.in_flight == 1
    assert desk.errand.budget is not None
    assert desk.errand.budget.under_way == 1
    _cut(steps, how)
    assert idle(desk)
    assert desk.errand.budget.under_way == 0
    assert desk.errand.budget.spent.requests == 1


@pytest.mark.parametrize("how", HOWS, ids=repr)
def test_left_while_it_pauses(how: BaseException | None) -> None:
    """While it pauses nothing is under way, nor afterwards."""
    desk = Desk(errand=Errand(policy=Policy(), budget=Budget(requests=5)))
    steps = desk.begin()
    post = next(steps)
    assert isinstance(steps.send(answered(post, no(500))), Pause)
    assert idle(desk)
    assert desk.errand.budget is not None
    assert desk.errand.budget.under_way == 0
    _cut(steps, how)
    assert idle(desk)


@pytest.mark.parametrize("how", HOWS, ids=repr)
def test_left_while_it_waits(how: BaseException | None) -> None:
    """Who gives up waiting leaves the queue, and the next one goes on."""
    desk = Desk(limits=RateLimits(concurrency=1), errand=Errand(budget=Budget(requests=5)))
    first, second, third = desk.begin(), desk.begin(), desk.begin()
    post = next(first)
    wait, other = next(second), next(third)
    assert isinstance(wait, Wait)
    assert isinstance(other, Wait)
    assert not wait.turn.granted
    _cut(second, how)
    with pytest.raises(StopIteration):
        first.send(answered(post, says()))
    assert other.turn.granted
    assert isinstance(next(third), Post)
    assert desk.governor.in_flight == 1
    third.close()
    assert idle(desk)
    assert desk.errand.budget is not None
    assert desk.errand.budget.under_way == 0


@pytest.mark.parametrize("how", HOWS, ids=repr)
def test_left_when_its_turn_has_just_come(how: BaseException | None) -> None:
    """Who gives up after the turn was granted gives its place to the next one."""
    desk = Desk(limits=RateLimits(concurrency=1))
    first, second, third = desk.begin(), desk.begin(), desk.begin()
    post, wait, other = next(first), next(second), next(third)
    with pytest.raises(StopIteration):
        first.send(answered(post, says()))
    assert wait.turn.granted
    assert not other.turn.granted
    _cut(second, how)
    assert other.turn.granted
    third.close()
    assert idle(desk)


def test_never_begun() -> None:
    """A delivery of which no step was asked for leaves no trace."""
    desk = Desk(errand=Errand(budget=Budget(requests=5)))
    desk.begin().close()
    assert idle(desk)
    assert desk.errand.budget is not None
    assert desk.errand.budget.under_way == 0


ANSWERS: Mapping[str, tuple[Answer, type[Any]]] = {
    "a completion": (says(), ChatReply),
    "a completion with hints": (says(x_ratelimit_remaining_requests="5"), ChatReply),
    "500": (no(500), ServerError),
    "429": (no(429), RateLimited),
    "503": (no(503), ServerError),
    "400": (no(400), BadRequest),
    "no connection": (gone(), ConnectionFailed),
    "a broken body": (gone(httpx.ReadError), ConnectionFailed),
    "silence": (gone(httpx.ReadTimeout), TimedOut),
    "the deadline": (TimeoutError(), DeadlineExceeded),
    "not JSON": (httpx.Response(200, text="what?"), BadReply),
    "nothing": (httpx.Response(200), BadReply),
    "an error in a 200": (httpx.Response(200, json={"error": {"message": "x", "code": 503}}), ServerError),
    "damaged": (httpx.Response(200, content=b"x", headers={}), BadReply),
}


@pytest.mark.parametrize("limits", [RateLimits(), RateLimits(rpm=6_000), RateLimits(concurrency=1)], ids=str)
@pytest.mark.parametrize("price", [None, Price(input=1, output=2)], ids=["no price", "price"])
@pytest.mark.parametrize(("answer", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_every_way_out(answer: Answer, kind: type[Any], price: Price | None, limits: RateLimits) -> None:
    """Whatever the answer is, nothing is under way afterwards, and the budget is settled, once."""
    budget = Budget(requests=5, tokens=10**6)
    tariff = None if price is None else Tariff(model="m", base_url="", own=price)
    desk = Desk(errand=Errand(policy=NO_RETRIES, budget=budget, tariff=tariff), limits=limits)
    assert isinstance(desk.deliver(answer), kind)
    assert idle(desk)
    assert budget.under_way == 0
    assert budget.spent.requests == (0 if made_no_connection(answer) else 1)
    assert budget.spent.tokens == (42 if kind is ChatReply else 0)


def test_a_request_that_cannot_be_written() -> None:
    """What is no JSON is the caller's fault, and nothing is sent or counted."""
    desk = Desk(errand=Errand(budget=Budget(requests=5)))
    with pytest.raises(OptionError):
        desk.begin(ChatRequest(prefix=TEXT.prefix, tail=({"role": "user", "content": {1, 2}},)))
    assert idle(desk)


def test_a_request_that_cannot_be_made() -> None:
    """Where the caller's client cannot make a request, nothing is under way afterwards, in the budget neither."""

    def build(*args: Any, **more: Any) -> httpx.Request:
        raise RuntimeError("planned")

    budget = Budget(requests=5)
    desk = Desk(errand=Errand(budget=budget), build=build)
    with pytest.raises(RuntimeError, match="planned"):
        desk.deliver()
    assert idle(desk)
    assert budget.under_way == 0


def test_a_watcher_that_breaks_off() -> None:
    """Where a watcher raises what no watcher should, nothing is under way afterwards."""

    class Breaks(Watcher):
        def on_request(self, event: Event) -> None:
            raise KeyboardInterrupt

    budget = Budget(requests=5)
    desk = Desk(errand=Errand(budget=budget, watch=Watch([Breaks()])))
    with pytest.raises(KeyboardInterrupt):
        desk.deliver()
    assert idle(desk)
    assert budget.under_way == 0


# ---------------------------------------------------------------------------------------------- money


def test_a_budget_that_is_spent() -> None:
    """What the budget does not allow is not sent, and nothing is under way."""
    budget = Budget(requests=1)
    desk = Desk(errand=Errand(budget=budget))
    desk.deliver(says())
    outcome = desk.deliver()
    assert isinstance(outcome, BudgetExceeded)
    assert len(desk.posts) == 1
    assert idle(desk)
    assert budget.under_way == 0


def test_each_try_is_a_request_of_the_budget() -> None:
    """Each try counts, and a retry that is not allowed any more ends it."""
    budget = Budget(requests=2)
    desk = Desk(errand=Errand(policy=AT_ONCE, budget=budget))
    assert isinstance(desk.deliver(no(500), no(500)), BudgetExceeded)
    assert budget.spent.requests == 2
    assert idle(desk)


@pytest.mark.parametrize("budget", [{"tokens": 10**6}, {"cost": 100}], ids=["tokens", "cost"])
@pytest.mark.parametrize("failure", [no(500), no(429), gone(), gone(httpx.ReadTimeout)], ids=["500", "429", "0", "-"])
def test_a_failure_takes_nothing_from_the_budget(failure: Answer, budget: dict[str, Any]) -> None:
    """Where nothing is expected, a try without a reply takes nothing: it is sent again under every limit."""
    tariff = Tariff(model="m", base_url="", own=Price(input=1, output=1))
    errand = Errand(policy=AT_ONCE, budget=Budget(**budget), tariff=tariff)
    desk = Desk(errand=errand)
    assert text_of(desk.deliver(failure, says())) == "hello"
    assert errand.budget is not None
    assert errand.budget.spent.tokens == 42
    assert errand.budget.spent.requests == (1 if made_no_connection(failure) else 2)


@pytest.mark.parametrize(
    ("failure", "spent"),
    [
        (no(500), 0),
        (no(429), 0),
        (no(400), 0),
        (gone(), 0),
        (gone(httpx.ReadTimeout), 1),
        (gone(httpx.ReadError), 1),
        (httpx.Response(200, json={}), 1),
    ],
    ids=["500", "429", "400", "no connection", "silence", "broken", "no completion"],
)
def test_what_may_have_been_billed(failure: Answer, spent: int) -> None:
    """What broke off after it was sent is taken to be what it may take at most; a refusal takes nothing."""
    budget = Budget(tokens=10**6, cost=10**6)
    tariff = Tariff(model="m", base_url="", own=Price(input=1_000_000, output=1_000_000))
    desk = Desk(errand=Errand(policy=NO_RETRIES, budget=budget, tariff=tariff))
    assert isinstance(desk.deliver(failure, request=LIMITED), EndpointError)
    most = 500 + len(LIMITED.encode()) // 3 + 1
    assert (budget.spent.tokens, budget.spent.cost) == (most * spent, Decimal(most * spent))
    assert budget.spent.requests == (not made_no_connection(failure))


@pytest.mark.parametrize("how", HOWS, ids=repr)
def test_what_is_given_up_may_have_been_billed(how: BaseException | None) -> None:
    """Who gives up a request that was sent has spent what it may take."""
    budget = Budget(tokens=10**6)
    steps = Desk(errand=Errand(budget=budget)).begin(LIMITED)
    assert isinstance(next(steps), Post)
    _cut(steps, how)
    assert budget.spent.tokens > 500
    assert (budget.spent.requests, budget.under_way) == (1, 0)


def test_what_a_reply_cost() -> None:
    """What the replies cost is added up, as long as all of it is known."""
    errand = Errand(policy=AT_ONCE, tariff=Tariff(model="m", base_url="", own=Price(input=1_000_000, output=0)))
    errand.watch = Watch([Watcher()])
    Desk(errand=errand).deliver(no(500), says())
    assert errand.spent == 30


# -------------------------------------------------------------------------------------------- the breakers


class Clock:
    """A time of one's own for the rooms that have a clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def time(self) -> float:
        """The time of day."""
        return 1_750_000_000.0 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of a delivery, which passes when it is told to."""
    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    monkeypatch.setattr(admission_room, "time", clock)
    return clock


def _unwell(desk: Desk, now: float) -> None:
    """Let the address of this desk fail as often as it may."""
    for route in desk.exchange.routes:
        for _ in range(FAILURES):
            route.breaker.failed(now, now)


def test_left_alone_where_there_is_another(clock: Clock) -> None:
    """An address that keeps failing is left alone while its fallbacks last, but for the one who finds out."""
    desk = Desk(errand=Errand(policy=NO_RETRIES, others=1))
    _unwell(desk, clock.now)
    outcome = desk.deliver()
    assert isinstance(outcome, ConnectionFailed)
    assert "left alone" in outcome.message
    assert (desk.posts, idle(desk)) == ([], True)
    clock.now += PAUSE
    assert isinstance(desk.deliver(no(503)), ServerError)
    assert isinstance(desk.deliver(), ConnectionFailed)
    clock.now += 2 * PAUSE
    assert text_of(desk.deliver(says())) == "hello"
    assert text_of(desk.deliver(says())) == "hello"


@pytest.mark.parametrize(("endpoint", "others"), [(0, 0), (1, 1), (2, 2)])
def test_the_last_one_is_asked_all_the_same(endpoint: int, others: int, clock: Clock) -> None:
    """Where no fallback is left, an address that keeps failing is asked: nobody else could answer."""
    desk = Desk(errand=Errand(policy=NO_RETRIES, endpoint=endpoint, others=others))
    _unwell(desk, clock.now)
    assert text_of(desk.deliver(says())) == "hello"


def test_one_address_of_two_is_enough(clock: Clock) -> None:
    """Where one of two addresses is well, that one is asked, and no fallback."""
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES, others=1))
    for _ in range(FAILURES):
        desk.exchange.routes[0].breaker.failed(clock.now, clock.now)
    assert text_of(desk.deliver(says())) == "hello"
    assert desk.urls == [SECOND]


def test_refusals_in_a_row_leave_it_alone(clock: Clock) -> None:
    """An endpoint that answers 429 and nothing else is left alone in the end, where there is another."""
    desk = Desk(errand=Errand(policy=NO_RETRIES, others=1))
    for _ in range(REFUSALS):
        assert isinstance(desk.deliver_all(no(429)), RateLimited)
    sent = len(desk.posts)
    assert isinstance(desk.deliver(), ConnectionFailed)
    assert len(desk.posts) == sent == REFUSALS


def test_what_was_under_way_when_an_address_went(clock: Clock) -> None:
    """A request that was sent before the address was found to be unwell, and fails only while another finds out
    whether it is back, does not lengthen the pause: it says nothing of now.
    """
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES))
    late = desk.begin()
    next(late)  # under way all along
    for _ in range(FAILURES):
        desk.deliver(gone(), says())
    clock.now += PAUSE
    finding_out = desk.begin()
    assert str(next(finding_out).request.url) == FIRST
    late.send(gone())
    finding_out.close()  # and never comes back
    clock.now += PAUSE
    desk.steps.clear()
    desk.deliver(says())
    assert desk.urls == [FIRST]


def test_an_address_comes_back(clock: Clock) -> None:
    """After the pause one request finds out; when it has succeeded, all go there again."""
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES))
    for _ in range(FAILURES):
        desk.deliver(gone(), says())
    clock.now += PAUSE
    finding_out = desk.begin()
    post = next(finding_out)
    desk.steps.clear()
    desk.deliver(says())
    with pytest.raises(StopIteration):
        finding_out.send(answered(post, says()))
    desk.deliver(says())
    assert desk.urls == [SECOND, FIRST]


def test_a_minute_between() -> None:
    """The governor's pause after a Retry-After holds up other requests too, which wait for their turn."""
    desk = Desk(errand=Errand(policy=NO_RETRIES))
    desk.deliver(no(429, retry_after="30"))
    wait = next(desk.begin())
    assert isinstance(wait, Wait)
    assert wait.seconds is not None
    assert 25 < wait.seconds <= 30


def test_an_outage_is_not_multiplied() -> None:
    """Where all requests fail for long, those who are sent again are no more than the allowance gives."""
    desk = Desk(errand=Errand(policy=AT_ONCE))
    desk.known.allowance = Allowance(most=5.0, share=0.2, rate=0.0)
    for _ in range(100):
        assert isinstance(desk.deliver_all(no(500)), ServerError)
    sent = len(desk.posts)
    assert 100 + 5 <= sent <= 100 + 5 + 20
    assert idle(desk)


# -------------------------------------------------------------------------------------------------- bodies


def events(*chunks: Any) -> bytes:
    """A stream of these."""
    return b"".join(
        b"data: " + (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n\n" for each in chunks
    )


def delta(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    """A piece."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}


STREAM = {"content-type": "text/event-stream"}
QUOTED = "Patient Jane Smith has the"
DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": f"A letter.\n{QUOTED} flu."}]},
)


def _begun(post: Post, raw: bytes) -> list[str]:
    """Take a stream's bytes as a streaming sender does."""
    post.body.begin(httpx.Response(200, headers=STREAM, stream=httpx.ByteStream(b""), request=post.request))
    said = []
    for piece in post.body.pieces(raw):
        post.body.begun = post.body.begun or bool(piece.content)
        said.append(piece.content)
    return said


@pytest.mark.parametrize("error", [gone(httpx.ReadTimeout), gone(httpx.ReadError)], ids=["silence", "broken"])
def test_a_stream_that_has_begun(error: Exception) -> None:
    """What was handed on is not asked for again: what there is is the reply, or the error is."""
    desk = Desk()
    steps = desk.begin()
    assert _begun(next(steps), events(delta("hel"))) == ["hel"]
    with pytest.raises(StopIteration) as done:
        steps.send(error)
    outcome = done.value.value
    if isinstance(error, httpx.ReadError):
        assert not outcome.choices[0].complete
    else:
        assert isinstance(outcome, TimedOut)
    assert idle(desk)


def test_an_error_in_a_stream_that_has_begun() -> None:
    """An error in the middle of a stream is not retried."""
    desk = Desk()
    steps = desk.begin()
    _begun(next(steps), events(delta("hel"), {"error": {"message": "x", "code": 503}}))
    with pytest.raises(StopIteration) as done:
        steps.send(None)
    assert isinstance(done.value.value, ServerError)
    assert idle(desk)


@pytest.mark.parametrize(
    "raw",
    [b"", b": keep-alive\n\n", events({"error": {"message": "x", "code": 503}}), events(b"")],
    ids=["nothing", "a comment", "an error", "an empty event"],
)
def test_a_stream_that_has_not_begun(raw: bytes) -> None:
    """What fails before anything was said is sent again."""
    desk = Desk(errand=Errand(policy=AT_ONCE))
    steps = desk.begin()
    _begun(next(steps), raw)
    came = None if b"error" in raw else gone(httpx.ReadError)
    again = _posted(steps, came)
    with pytest.raises(StopIteration) as done:
        steps.send(answered(again, says()))
    assert text_of(done.value.value) == "hello"
    assert idle(desk)


@pytest.mark.parametrize("error", [gone(httpx.ReadTimeout), gone(httpx.ReadError)], ids=["silence", "broken"])
@pytest.mark.parametrize(
    "raw",
    [
        events(delta("hello"), b"[DONE]"),
        events(delta("hello", "stop")),
        events(delta("hello", "stop"), b"[DONE]"),
    ],
    ids=["its last word", "its reason", "both"],
)
def test_a_stream_that_is_finished(raw: bytes, error: Exception) -> None:
    """A stream that has said its last word is whole, however its connection ends, also where that stays open."""
    desk = Desk()
    steps = desk.begin()
    assert _begun(next(steps), raw)[0] == "hello"
    with pytest.raises(StopIteration) as done:
        steps.send(error)
    reply = done.value.value
    assert text_of(reply) == "hello"
    assert reply.choices[0].complete
    assert idle(desk)


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServerError), (400, BadRequest)])
def test_an_error_in_an_encoding_that_nobody_asked_for(status: int, kind: type[Any]) -> None:
    """The status of an error says enough: a body that cannot be read is not shown, and the wait it asks for counts."""
    desk = Desk(errand=Errand(policy=NO_RETRIES))
    headers = {"content-encoding": "br", "retry-after": "7"}
    error = desk.deliver(httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"\x8b\x02secret")))
    assert type(error) is kind
    assert isinstance(error, StatusError)
    assert (error.status, error.retry_after) == (status, 7.0)
    assert "secret" not in error.body


def test_a_reply_in_an_encoding_that_nobody_asked_for() -> None:
    """A reply that cannot be read is none."""
    headers = {"content-encoding": "br"}
    assert isinstance(
        Desk().deliver(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"\x8b"))), EndpointError
    )


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("number", [MOST_CHOICES, MOST_CHOICES + 1])
def test_more_candidates_than_anybody_asks_for(number: int, streamed: bool) -> None:
    """A reply of more candidates than any request has is none: each takes far more room than its bytes."""
    key = "delta" if streamed else "message"
    body = {"choices": [{"index": index, key: {"content": "x"}} for index in range(number)]}
    content = events(body, b"[DONE]") if streamed else json.dumps(body).encode()
    outcome = Desk().deliver(httpx.Response(200, headers=STREAM if streamed else {}, content=content))
    assert isinstance(outcome, ChatReply if number == MOST_CHOICES else BadReply)


def test_what_an_error_quotes() -> None:
    """What an endpoint quotes of the document is not in the message; its own words are beside it."""
    said = f"Input should be a valid string, not '{QUOTED}' (of messages)"
    error = Desk().deliver(no(400, said), request=ChatRequest(prefix=TEXT.prefix, tail=DOCUMENTS))
    assert isinstance(error, BadRequest)
    assert "Smith" not in str(error)
    assert "Input should be a valid string, not '…' (of messages)" in str(error)
    assert said in error.said
    assert "Smith" not in repr(error.args)


def test_a_compressed_body() -> None:
    """A compressed body is inflated; one that is damaged or cut is no reply, and not asked for again."""
    raw = json.dumps({"choices": [{"message": {"content": "hello"}}]}).encode()
    packed = zlib.compress(raw)
    for content, good in ((packed, True), (packed[:-8], False), (b"x" + packed, False)):
        desk = Desk()
        steps = desk.begin()
        post = next(steps)
        stream = httpx.ByteStream(content)
        head = httpx.Response(200, headers={"content-encoding": "deflate"}, stream=stream, request=post.request)
        with pytest.raises(StopIteration) as done:
            steps.send(answered(post, head))
        outcome = done.value.value
        assert text_of(outcome) == "hello" if good else isinstance(outcome, BadReply)
        assert idle(desk)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_a_body_that_is_too_large(compressed: bool) -> None:
    """A body larger than any completion ends there, as it arrives and as it inflates."""
    content = b" " * (MAX_REPLY_BYTES + 1)
    content = zlib.compress(content) if compressed else content
    headers = {"content-encoding": "deflate"} if compressed else {}
    desk = Desk()
    steps = desk.begin()
    post = next(steps)
    stream = httpx.ByteStream(content)
    came = answered(post, httpx.Response(200, headers=headers, stream=stream, request=post.request))
    with pytest.raises(StopIteration) as done:
        steps.send(came)
    assert isinstance(done.value.value, ReplyTooLarge)
    assert idle(desk)


# -------------------------------------------------------------------------------------------------- laws


answers = st.lists(st.sampled_from(sorted(ANSWERS)), min_size=12, max_size=12)


@settings(max_examples=150)
@given(answers, st.booleans(), st.integers(0, 4), st.integers(1, 12))
def test_whatever_happens(names: list[str], second: bool, retries: int, cut: int) -> None:
    """Whatever is answered, and wherever it is left: the tries are bounded, and in the end nothing is under way."""
    budget = Budget(requests=100)
    desk = Desk(second=second, errand=Errand(policy=Policy(transport_retries=retries, backoff=0), budget=budget))
    steps, came, sent, unsent = desk.begin(), None, 0, 0
    for _ in range(cut):
        try:
            step = steps.send(came)
        except StopIteration as done:
            outcome = done.value
            assert isinstance(outcome, (ChatReply, EndpointError))
            assert len(outcome.retries) == sent - 1
            break
        if isinstance(step, Post):
            made = ANSWERS[names[sent]][0]
            if isinstance(made, httpx.Response):  # each is read once
                made = httpx.Response(made.status_code, headers=made.headers, content=made.content)
            came, sent, unsent = answered(step, made), sent + 1, unsent + made_no_connection(made)
        else:
            assert isinstance(step, (Pause, Wait))
            assert 0 <= (step.seconds or 0) < math.inf
            came = None
    steps.close()
    assert sent <= retries + 1 + second
    assert idle(desk)
    assert budget.under_way == 0
    assert sent - unsent <= budget.spent.requests <= sent


def test_who_finds_out_is_not_turned_away() -> None:
    """Where there is a fallback, too, the one request that finds out whether an address is back is sent."""
    desk = Desk(second=True, errand=Errand(policy=NO_RETRIES, others=1))
    first, second = (route.breaker for route in routes_of(desk.address, desk.known))
    now = time.monotonic()
    for _ in range(3):
        first.failed(now - 2 * PAUSE, now - 2 * PAUSE)
        second.failed(now, now)
    assert text_of(desk.deliver(says())) == "hello"
    assert first.failures == 0
