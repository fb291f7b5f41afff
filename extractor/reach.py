"""How an endpoint is reached, the embedded one included, and whether it can do what is asked of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits
from extractor.errors import ConfigurationError, OptionError
from extractor.prices import Tariff
from extractor.settings import Settings

__all__ = ["Reach", "check_extra_body", "check_price", "local_installed", "started"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """How an endpoint is reached: what a sender takes beside the address."""

    client: Any = None
    timeout: Any = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    limits: RateLimits | None = None


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
