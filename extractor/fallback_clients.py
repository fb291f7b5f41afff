"""The clients of the endpoints that an extractor falls back to.

They are checked with the settings, made when it is their turn, kept, and closed with the one that fell back to them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from extractor.chat.content import Document
from extractor.endpoint.heads import check_headers
from extractor.endpoint.resolve import Address, Fallback
from extractor.errors import CallerError
from extractor.loop.fallback import Other
from extractor.loop.task import Task
from extractor.prices import Tariff
from extractor.reach import Reach, check_extra_body, check_price, local_installed, started
from extractor.schema.dialects import Dialect
from extractor.settings import Settings

if TYPE_CHECKING:  # which imports this
    from extractor.base_client import BaseClient

__all__ = ["other", "wrong_with"]

T = TypeVar("T")


def wrong_with(client: BaseClient, fallback: Fallback, settings: Settings) -> CallerError | None:
    """What is wrong with a fallback. Given, not raised: the traceback would show its key."""
    try:
        address = _address_of(client, fallback)
        Dialect.named(address.dialect if fallback.dialect is None else fallback.dialect)
        check_headers(fallback.headers)
        check_extra_body(settings, address)
        check_price(settings, Tariff(model=address.model, base_url=address.base_url, own=settings.price))
    except CallerError as error:
        return error.with_traceback(None)
    return None


def _address_of(client: BaseClient, fallback: Fallback) -> Address:
    return fallback.address(client._address, os.environ, local_installed=local_installed())


def other(
    client: BaseClient,
    number: int,
    fallback: Fallback,
    task: Task[T],
    document: Document | None,
    call: Mapping[str, Any],
    senders: dict[int, Any],
) -> Other[T]:
    """Another endpoint for the same task. It is made when it is its turn."""
    own = {name: value for name, value in call.items() if name not in ("model", "fallbacks")}

    def made() -> Task[T]:
        there = _client_of(client, fallback)
        senders[number] = there._sender
        return there._task(task.target, document, there._checked(own))

    return Other(model=_address_of(client, fallback).model, task=made)


def _client_of(client: BaseClient, fallback: Fallback) -> BaseClient:
    """The extractor for an endpoint to fall back to: kept, and closed with this one."""
    with client._lock:
        if client._closed:
            raise CallerError("This extractor has been closed.")
        there = client._others.get(fallback.key)
        if there is None:
            there = client._others[fallback.key] = _at(client, fallback)
        return there


def _at(client: BaseClient, fallback: Fallback) -> BaseClient:
    """An extractor there. Only for the same host it has what the caller has given for that: headers, a client."""
    address = started(_address_of(client, fallback))
    here = address.base_url == client.base_url
    reach = client._reach if here else Reach(timeout=client._reach.timeout)
    if fallback.headers:
        reach = replace(reach, headers={**(reach.headers or {}), **fallback.headers})
    dialect = client._dialect if here and fallback.dialect is None else fallback.dialect
    there = copy.copy(client)
    defaults = {name: value for name, value in client._defaults.items() if name not in ("model", "fallbacks")}
    same = here and address.api_key == client._address.api_key and not fallback.headers
    there._set_up(address, reach, dialect, defaults, client._sender if same else None)
    return there
