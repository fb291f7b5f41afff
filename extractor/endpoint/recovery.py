"""What follows a request that has failed: nothing, another address, or the same again after a while. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extractor.endpoint.errand import Errand
from extractor.endpoint.retry import is_transient, is_unreachable, is_unwell
from extractor.endpoint.routes import Route, Standing
from extractor.errors import EndpointError, RateLimited, StatusError

__all__ = ["Following", "Past", "following"]

TRIES = 2
"""At an address that answers 502, 503 or 504, before another one is asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """Ask this address, after `wait` seconds."""

    route: Route
    wait: float


@dataclass(kw_only=True, slots=True)
class Past:
    """What has been tried for one request: when the last try `began`, how often it was sent again, and the addresses
    that were given up.
    """

    began: float = 0.0
    retried: int = 0
    left: tuple[Route, ...] = ()
    unwell: int = 0


def following(
    error: EndpointError, route: Route, routes: Sequence[Route], known: Standing, errand: Errand, past: Past, now: float
) -> Following | None:
    """What to do next; None where the error is what is left, which then says why."""
    if is_unwell(error):
        route.breaker.failed(now, past.began)
        past.unwell += 1
        other = _other(error, route, routes, past, now)
        if other is not None:
            past.left, past.unwell = (*past.left, route), 0
            return Following(route=other, wait=0.0)
    elif isinstance(error, RateLimited):
        route.breaker.refused(now)
    elif isinstance(error, StatusError):
        route.breaker.succeeded()  # somebody is there
    wait = _wait(error, known, errand, past, now)
    if wait is None:
        return None
    past.retried += 1
    return Following(route=route, wait=wait)


def _other(error: EndpointError, route: Route, routes: Sequence[Route], past: Past, now: float) -> Route | None:
    """Another address, where this one cannot be reached or is not able to answer for now: at once."""
    if not is_unreachable(error) and past.unwell < TRIES:
        return None
    fresh = (each for each in routes if each is not route and each not in past.left)
    return next((each for each in fresh if each.breaker.admits(now)), None)


def _wait(error: EndpointError, known: Standing, errand: Errand, past: Past, now: float) -> float | None:
    """The seconds until it is sent again; None where it is not."""
    policy = errand.policy
    if past.retried >= policy.transport_retries or not is_transient(error):
        return None
    asked = error.retry_after if isinstance(error, StatusError) else None
    if asked is not None and asked > policy.max_wait:
        error.hint = f"It asks to wait {asked:.6g} seconds: wait, or raise max_wait= ({policy.max_wait:.6g})."
        return None
    wait = policy.wait(past.retried, asked)
    if errand.expires is not None and now + wait >= errand.expires:
        error.hint = f"The deadline leaves no time to wait {wait:.1f} seconds and ask again. {error.hint}"
        return None
    if not isinstance(error, RateLimited) and not known.allowance.retry(now, known.requests):
        error.hint = f"So many requests have failed there that this one was not sent again. {error.hint}"
        return None
    return wait
