"""What every contender is asked: the fields of a model, out of a document, at an endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

__all__ = ["KEY", "MODEL", "SYSTEM", "AsyncCall", "Call", "Task"]

MODEL, KEY = "fixed-model", "no-secret"
SYSTEM = "Extract the data from the document that the user sends, as one JSON object."


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked: the fields of `model` out of `document`, of the model `name` at `base_url`.

    `retries`: how often it may ask again about a reply that does not conform, and how often HTTP may be tried again
    where that can be said in one line; None leaves the library's own defaults. `timeout`: seconds of one request; None
    likewise. `options` go into the request, by their names there (`temperature`, `max_completion_tokens`).
    """

    model: type[BaseModel]
    document: str
    base_url: str
    name: str = MODEL
    key: str = KEY
    retries: int | None = 0
    timeout: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def messages(self, document: str) -> list[Any]:
        """What those are sent that have no prompt of their own."""
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": document}]

    def said(self, **names: str) -> dict[str, Any]:
        """`retries` and `timeout` by the names that a library has for them; only those that are said."""
        values = {"retries": self.retries, "timeout": self.timeout}
        return {name: values[kind] for kind, name in names.items() if values[kind] is not None}


class Call(Protocol):
    """Asks once."""

    def __call__(self, document: str = ..., /) -> BaseModel:
        """The record. Raises whatever the library raises."""


class AsyncCall(Protocol):
    """The same with await."""

    def __call__(self, document: str = ..., /) -> Awaitable[BaseModel]:
        """The record. Raises whatever the library raises."""
