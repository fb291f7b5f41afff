"""What one extraction carries along to every request that it sends: its limits, and those who are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from extractor.chat.wire import ChatReply, ChatRequest
from extractor.endpoint.retry import DEFAULT_POLICY, Policy
from extractor.errors import EndpointError, StatusError

if TYPE_CHECKING:  # only for those who use them
    from concurrent.futures import Future

    from extractor.budget import Budget
    from extractor.endpoint.cache import Cache
    from extractor.prices import Tariff
    from extractor.watching import Watch

__all__ = ["Errand", "Journal"]

_BYTES_A_TOKEN = 3.0  # of JSON, of texts in Latin letters and in Chinese characters, rather too few than too many


class Journal(Protocol):
    """The replies that one document has had, by the `Idempotency-Key` of their requests: who was interrupted goes on
    from there.
    """

    def get(self, key: str) -> bytes | None:
        """The body of the reply; None where there was none. Never waits."""
        ...

    def put(self, key: str, body: bytes) -> Future[Any] | None:
        """Keep a reply. Done when it is safe; None where that is so already."""
        ...


@dataclass(kw_only=True, slots=True)
class Errand:
    """The limits and companions of one extraction, and what has been sent in it.

    It `expires` by the monotonic clock; with `patient`, its first turn is waited for however long that takes. `key`
    names it in events and, unless there is an `idempotency_key`, in the header of its requests. Those of one `share`
    wait behind each other for the endpoint, the shares take turns. `requests` counts those so far, `asked` are the
    places that the next one asks for, `seen` how often each was looked for in the cache, `endpoint` the number of the
    endpoint that is asked (0 is the first, the `others` are its fallbacks). It has `shown` something that cannot be
    taken back. `spent` is what its replies have cost (US dollars; None once that is not known), where somebody minds.
    In the `journal` are the replies that it has had; the last was `journalled` once that is done. Once it is `given_up`
    nothing more is sent. `sent` counts the requests of each content (by its digest).
    """

    expires: float | None = None
    policy: Policy = DEFAULT_POLICY
    key: str = ""
    idempotency_key: str = ""
    budget: Budget | None = None
    cache: Cache | None = None
    journal: Journal | None = None
    journalled: Future[Any] | None = None
    given_up: Callable[[], bool] | None = None
    sent: Counter[str] = field(default_factory=Counter)
    watch: Watch | None = None
    tariff: Tariff | None = None
    share: Hashable = None
    requests: int = 0
    asked: tuple[str, ...] = ()
    seen: Counter[bytes] = field(default_factory=Counter)
    endpoint: int = 0
    others: int = 0
    patient: bool = False
    shown: bool = False
    spent: Decimal | None = Decimal(0)

    def cost(self, reply: ChatReply) -> Decimal | None:
        """What a reply cost, in US dollars; None where that is not known."""
        return None if self.tariff is None else self.tariff.cost(reply.model, reply.usage)

    def sending(self, request: ChatRequest, url: str, size: int, attempt: int) -> None:
        """A request of `size` bytes is about to be sent."""
        if self.watch is not None:
            from extractor.watching import Sending

            self.watch.emit(
                "on_request",
                lambda content: Sending(
                    extraction=self.key,
                    number=self.requests,
                    attempt=attempt,
                    model=str(request.prefix.fields.get("model", "")),
                    url=url,
                    request_bytes=size,
                    asked=self.asked,
                    messages=request.messages if content else None,
                ),
            )

    def received(self, reply: ChatReply, seconds: float) -> None:
        """A reply has come."""
        cost = Decimal(0) if reply.cached else self.cost(reply)
        self.spent = None if self.spent is None or cost is None else self.spent + cost
        if self.watch is not None:
            from extractor.watching import Received

            self.watch.emit(
                "on_reply",
                lambda content: Received(
                    extraction=self.key,
                    number=self.requests,
                    model=reply.model,
                    seconds=seconds,
                    usage=reply.usage,
                    cost=cost,
                    finish_reasons=tuple(choice.finish_reason or "" for choice in reply.choices),
                    response_id=reply.id,
                    cached=reply.cached,
                    reply=reply if content else None,
                ),
            )

    def retrying(self, error: EndpointError, attempt: int, wait: float, next_url: str) -> None:
        """A request has failed, and is sent again."""
        if self.watch is None:
            return
        from extractor.watching import Retrying

        self.watch.emit(
            "on_retry",
            lambda content: Retrying(
                extraction=self.key,
                number=self.requests,
                attempt=attempt,
                error=type(error).__name__,
                status=error.status if isinstance(error, StatusError) else None,
                wait=wait,
                url=error.url,
                next_url=next_url,
                message=error.message if content else None,
            ),
        )

    def waited(self, seconds: float) -> None:
        """A request has waited for its turn."""
        if self.watch is None:
            return
        from extractor.watching import Waited

        self.watch.emit("on_wait", lambda _: Waited(extraction=self.key, number=self.requests, seconds=seconds))


def prompt_tokens(size: int) -> int:
    """The tokens of a prompt of `size` bytes, roughly."""
    return int(size / _BYTES_A_TOKEN) + 1
