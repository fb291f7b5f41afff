"""What stands before the endpoint: a reply that has been given to the very same request is not asked for again.

It may be in the cache, which is for everybody, or in the journal of a document, for those who were interrupted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from extractor.chat.wire import ChatReply, decode_reply
from extractor.endpoint.steps import Steps, Work

if TYPE_CHECKING:
    from extractor.endpoint.cache import Cache
    from extractor.endpoint.delivery import Trip
    from extractor.endpoint.errand import Journal

__all__ = ["journalled", "recalled"]


def journalled(trip: Trip, journal: Journal) -> Steps:
    """The reply from the journal; else from the cache or the endpoint, and it is kept.

    A reply is safe before the next request of the extraction is sent: whatever happens then, it is not paid again.
    """
    errand, key = trip.errand, trip.key
    reply = _decoded(journal.get(key))
    if reply is not None:
        errand.received(reply, 0.0)
        return reply
    if errand.journalled is not None:
        yield Work(call=errand.journalled.result)
        errand.journalled = None
    outcome = yield from (trip.sent() if errand.cache is None else recalled(trip, errand.cache))
    if isinstance(outcome, ChatReply) and not outcome.cached:
        kept = _kept(trip, outcome)
        errand.journalled = journal.put(key, kept) if kept else None
    return outcome


def recalled(trip: Trip, cache: Cache) -> Steps:
    """The reply from the cache; else it is sent for, and kept where it is whole."""
    key = _key(trip, cache)
    reply = _decoded((yield Work(call=partial(cache.get, key))))
    if reply is not None:
        reply = replace(reply, cached=True)
        trip.errand.received(reply, 0.0)
        return reply
    outcome = yield from trip.sent()
    if isinstance(outcome, ChatReply) and (kept := _kept(trip, outcome)):
        yield Work(call=partial(cache.put, key, kept))
    return outcome


def _kept(trip: Trip, reply: ChatReply) -> bytes:
    """The body of a reply as it is kept: nothing of one that broke off, or that shows a key."""
    if trip.body is None or not all(choice.complete for choice in reply.choices):
        return b""
    try:
        # `Infinity`, which is no JSON, is what some endpoints give as a log-probability: it is kept as it came.
        kept = json.dumps(trip.body.data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    except RecursionError:
        return b""
    return b"" if trip.exchange.is_secret(kept) else kept


def _key(trip: Trip, cache: Cache) -> bytes:
    """What the request is known by. One that is asked a second time in the same extraction wants another reply."""
    errand, url = trip.errand, trip.exchange.base_url
    plain = cache.key(url, trip.content, 0)
    ordinal = errand.seen[plain]
    errand.seen[plain] += 1
    return plain if ordinal == 0 else cache.key(url, trip.content, ordinal)


def _decoded(kept: bytes | None) -> ChatReply | None:
    if not kept:
        return None
    try:
        reply = decode_reply(json.loads(kept))
    except (ValueError, RecursionError, AttributeError):  # another program has written it
        return None
    return reply if reply.choices else None
