"""What one extraction carries along: what it cost, and who is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.chat.wire import ChatReply, ChatRequest, Choice, Prefix, ReplyMessage, Usage
from extractor.endpoint.errand import Errand, prompt_tokens
from extractor.errors import ConnectionFailed, RateLimited
from extractor.prices import Price, Tariff
from extractor.watching import Event, Received, Retrying, Sending, Waited, Watch, Watcher

TURN = ({"role": "user", "content": "hi"},)
USAGE = Usage(prompt_tokens=30, completion_tokens=12, total_tokens=42)


class Heard(Watcher):
    """Remembers all of it."""

    def __init__(self, *, content: bool = False) -> None:
        self.content = content
        self.events: list[Event] = []

    def _hear(self, event: Any) -> None:
        self.events.append(event)

    def on_request(self, event: Sending) -> None:
        """Remember it."""
        self._hear(event)

    def on_reply(self, event: Received) -> None:
        """Remember it."""
        self._hear(event)

    def on_retry(self, event: Retrying) -> None:
        """Remember it."""
        self._hear(event)

    def on_wait(self, event: Waited) -> None:
        """Remember it."""
        self._hear(event)


def _request(**fields: Any) -> ChatRequest:
    return ChatRequest(prefix=Prefix(fields={"model": "m", **fields}), tail=TURN)


def _reply(usage: Usage | None = USAGE, *, cached: bool = False) -> ChatReply:
    choice = Choice(index=0, message=ReplyMessage(content="hello"), finish_reason="stop")
    return ChatReply(choices=(choice,), model="m-9", id="r-1", usage=usage, cached=cached)


def _tariff(**own: Any) -> Tariff:
    return Tariff(model="m", base_url="", own=Price(**own))


# -------------------------------------------------------------------------------------- what is expected


@given(st.integers(0, 10**9))
def test_tokens_of_a_prompt(size: int) -> None:
    """A prompt has a token for every few bytes, and one at least."""
    assert max(1, size // 4) <= prompt_tokens(size) <= size // 3 + 1


# ------------------------------------------------------------------------------------------ what it cost


def test_costs_add_up() -> None:
    """What the replies cost is added up; a cached one costs nothing."""
    errand = Errand(tariff=_tariff(input=1_000_000, output=2_000_000))
    errand.received(_reply(), 0.1)
    assert errand.spent == Decimal(30 + 24)
    errand.received(_reply(cached=True), 0.0)
    assert errand.spent == Decimal(54)
    errand.received(_reply(), 0.1)
    assert errand.spent == Decimal(108)


@pytest.mark.parametrize("known_later", [False, True])
def test_a_cost_that_is_not_known(known_later: bool) -> None:
    """Once the cost of one reply is not known, that of all is not."""
    errand = Errand(tariff=_tariff(input=1, output=1))
    errand.received(_reply(None), 0.1)
    if known_later:
        errand.received(_reply(), 0.1)
    assert errand.spent is None


def test_no_price() -> None:
    """Without a price no cost is known, but that of a cached reply is none."""
    errand = Errand()
    assert errand.cost(_reply()) is None
    errand.received(_reply(cached=True), 0.0)
    assert errand.spent == 0
    errand.received(_reply(), 0.1)
    assert errand.spent is None


# -------------------------------------------------------------------------------------------- who is told


@pytest.mark.parametrize("content", [False, True])
def test_who_watches_is_told(content: bool) -> None:
    """Who watches is told of requests, replies, retries and waits; of what they say only who asked for it."""
    heard = Heard(content=content)
    errand = Errand(key="k", requests=3, watch=Watch([heard]), asked=("/a",), tariff=_tariff(input=0, output=0))
    errand.sending(_request(), "http://h/1", 350, 2)
    errand.received(_reply(), 1.5)
    errand.retrying(RateLimited("it says", status=429, url="http://h/1"), 2, 0.5, "http://h/2")
    errand.retrying(ConnectionFailed("it says", url="http://h/1"), 3, 0.0, "http://h/2")
    errand.waited(2.5)
    messages = _request().messages if content else None
    said = "it says" if content else None
    request: dict[str, Any] = {"extraction": "k", "number": 3, "attempt": 2, "model": "m", "url": "http://h/1"}
    reply: dict[str, Any] = {"extraction": "k", "number": 3, "model": "m-9", "seconds": 1.5, "usage": USAGE}
    again: dict[str, Any] = {"extraction": "k", "number": 3, "url": "http://h/1", "next_url": "http://h/2"}
    assert heard.events == [
        Sending(
            **request,
            request_bytes=350,
            asked=("/a",),
            messages=messages,
        ),
        Received(
            **reply,
            cost=Decimal(0),
            finish_reasons=("stop",),
            response_id="r-1",
            reply=_reply() if content else None,
        ),
        Retrying(attempt=2, error="RateLimited", status=429, wait=0.5, message=said, **again),
        Retrying(attempt=3, error="ConnectionFailed", wait=0.0, message=said, **again),
        Waited(extraction="k", number=3, seconds=2.5),
    ]


def test_nobody_watches() -> None:
    """Where nobody watches, nothing is made."""
    errand = Errand()
    errand.sending(_request(), "http://h", 1, 1)
    errand.received(_reply(), 0.1)
    errand.retrying(ConnectionFailed("x"), 1, 0.0, "")
    errand.waited(1.0)


def test_each_counts_for_itself() -> None:
    """Two extractions share no count."""
    first, second = Errand(), Errand()
    first.seen[b"x"] += 1
    assert second.seen[b"x"] == 0
