"""Who else is asked: the endpoints that an extractor falls back to, each with an extractor of its own.

They are checked with the settings, made when it is their turn, kept, and closed with the one that fell back to them.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from extractor.asking import Task
from extractor.chat.content import Document
from extractor.endpoint.heads import check_headers
from extractor.endpoint.resolve import Address, Fallback
from extractor.endpoint.routes import RateLimits
from extractor.errors import CallerError, ConfigurationError, OptionError
from extractor.prices import Tariff
from extractor.schema.dialects import Dialect
from extractor.settings import Settings

if TYPE_CHECKING:  # only for those who have somebody to fall back to
    from extractor.client import Client
    from extractor.fallback import Other

__all__ = [
    "Reach",
    "check_extra_body",
    "check_price",
    "fallen_back",
    "local_installed",
    "other",
    "started",
    "wrong_with",
]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """How an endpoint is reached: what a sender takes beside the address."""

    client: Any = None
    timeout: Any = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    limits: RateLimits | None = None


def wrong_with(client: Client, fallback: Fallback, settings: Settings) -> CallerError | None:
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


def _address_of(client: Client, fallback: Fallback) -> Address:
    return fallback.address(client._address, os.environ, local_installed=local_installed())


def other(
    client: Client,
    number: int,
    fallback: Fallback,
    task: Task[T],
    document: Document | None,
    call: Mapping[str, Any],
    senders: dict[int, Any],
) -> Other[T]:
    """Another endpoint for the same task. It is made when it is its turn."""
    from extractor.fallback import Other

    own = {name: value for name, value in call.items() if name not in ("model", "fallbacks")}

    def made() -> Task[T]:
        there = fallen_back(client, fallback)
        senders[number] = there._sender
        return there._task(task.target, document, there._checked(own))

    return Other(model=_address_of(client, fallback).model, task=made)


def fallen_back(client: Client, fallback: Fallback) -> Client:
    """The extractor for an endpoint to fall back to: kept, and closed with this one."""
    with client._lock:
        if client._closed:
            raise CallerError("This extractor has been closed.")
        there = client._others.get(fallback.key)
        if there is None:
            there = client._others[fallback.key] = _at(client, fallback)
        return there


def _at(client: Client, fallback: Fallback) -> Client:
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


@functools.cache
def local_installed() -> bool:
    """Whether the embedded model can be asked."""
    from extractor import local

    return local.installed()


def started(address: Address) -> Address:
    """The same address; that of the embedded endpoint once it is running."""
    if not address.local:
        return address
    from extractor import local

    endpoint = local.start(address.model)
    return replace(
        address,
        base_url=endpoint.base_url,
        model=endpoint.model,
        api_key=endpoint.api_key,
        context=endpoint.context,
    )


def check_extra_body(settings: Settings, address: Address) -> None:
    """Raises `OptionError` where the endpoint does not know the field."""
    if "extra_body" in settings.fields and not address.extra_body:
        raise OptionError(
            f"extra_body is a field of the Gemini family's requests; {address.base_url} has none.",
            option="extra_body",
            hint="Top-level fields that only your endpoint knows go into extra_fields=.",
        )


def check_price(settings: Settings, tariff: Tariff) -> None:
    """Raises `ConfigurationError` where a budget could not be kept."""
    if settings.budget is not None and settings.budget.limits_cost and not tariff.known:
        raise ConfigurationError(
            f"What {tariff.model} costs is not known, so that the budget's limit of cost cannot be kept.",
            hint="Give price=Price(input=…, output=…), in US dollars for a million tokens; or install "
            '"extractor[prices]"; or limit tokens or requests instead.',
        )
