"""The cache before the endpoint: a reply that has been given to the very same request is not asked for again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from extractor.chat.wire import ChatReply, decode_reply, encode
from extractor.endpoint.cache import Cache
from extractor.endpoint.steps import Steps, Work

if TYPE_CHECKING:
    from extractor.endpoint.delivery import Trip

__all__ = ["recalled"]


def recalled(trip: Trip, cache: Cache) -> Steps:
    """The reply from the cache; else it is sent for, and kept where it is whole."""
    key = _key(trip, cache)
    reply = _remembered((yield Work(call=partial(cache.get, key))))
    if reply is not None:
        trip.errand.received(reply, 0.0)
        return reply
    outcome = yield from trip.sent()
    if isinstance(outcome, ChatReply) and all(choice.complete for choice in outcome.choices):
        kept = b"" if trip.body is None else encode(trip.body.data)
        if kept and not trip.exchange.is_secret(kept):
            yield Work(call=partial(cache.put, key, kept))
    return outcome


def _key(trip: Trip, cache: Cache) -> bytes:
    """What the request is known by. One that is asked a second time in the same extraction wants another reply."""
    errand, url = trip.errand, trip.exchange.base_url
    plain = cache.key(url, trip.content, 0)
    ordinal = errand.seen[plain]
    errand.seen[plain] += 1
    return plain if ordinal == 0 else cache.key(url, trip.content, ordinal)


def _remembered(kept: bytes | None) -> ChatReply | None:
    import json

    if kept is None:
        return None
    try:
        reply = replace(decode_reply(json.loads(kept)), cached=True)
    except (ValueError, RecursionError, AttributeError):  # another program has written it
        return None
    return reply if reply.choices else None
