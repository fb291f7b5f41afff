"""Who takes part in the benchmarks: each library asks one question in the way that its own documentation shows first.

A `Task` says what is asked, a `Contender` how: `sync` and `asynchronous` take a task and give a call, which asks once
and gives the record; called with a text, it asks about that one instead. What is made once (a client, a schema, an
agent) is made before the first call, as one would in a program.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal, TypeAlias

import floors
import peers
from task import KEY, MODEL, SYSTEM, AsyncCall, Call, Task

import extractor

__all__ = ["CONTENDERS", "KEY", "MODEL", "SYSTEM", "AsyncCall", "Call", "Contender", "Task", "installed", "versions"]

Mode: TypeAlias = Literal["content", "tool", "final_result"]
"""Where the reply is looked for: in the content, of which a JSON Schema was told; in the call of a tool that has the
model's name; or of one with the name `final_result`.
"""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One who takes part. `packages` are the distributions that it needs; `sync` and `asynchronous` make a call of a
    task, and are None where it cannot do that: `note` says why.
    """

    name: str
    packages: tuple[str, ...]
    mode: Mode
    kind: Literal["ours", "peer", "floor"] = "peer"
    sync: Callable[[Task], Call] | None
    asynchronous: Callable[[Task], AsyncCall] | None
    note: str = ""


# ------------------------------------------------------------------------------------------------ ours


def _settings(task: Task) -> dict[str, Any]:
    said = task.said(retries="max_retries", timeout="timeout")
    return {"base_url": task.base_url, "api_key": task.key, **said, **task.options}


def _extractor(task: Task) -> Call:
    client = extractor.Extractor(task.name, **_settings(task))
    return lambda document=task.document: client.extract(task.model, document)


def _async_extractor(task: Task) -> AsyncCall:
    client = extractor.AsyncExtractor(task.name, **_settings(task))
    return lambda document=task.document: client.extract(task.model, document)


def _function(task: Task) -> Call:
    ask = functools.partial(extractor.extract, model=task.name, **_settings(task))
    return lambda document=task.document: ask(task.model, document)


def _async_function(task: Task) -> AsyncCall:
    ask = functools.partial(extractor.aextract, model=task.name, **_settings(task))
    return lambda document=task.document: ask(task.model, document)


# ------------------------------------------------------------------------------------------- the table

_OURS = "extractor pydantic httpx"
_BY_EXAMPLES = "langextract takes examples and gives spans of classes: no record of a pydantic model."


def _contender(name: str, mode: Mode, packages: str, sync: Any, asynchronous: Any, **more: Any) -> Contender:
    needed = tuple(packages.split())
    return Contender(name=name, packages=needed, mode=mode, sync=sync, asynchronous=asynchronous, **more)


_LANGCHAIN = "langchain-openai langchain-core openai"

CONTENDERS: Mapping[str, Contender] = {
    each.name: each
    for each in (
        _contender("raw sockets", "content", "pydantic", floors.sockets, floors.async_sockets, kind="floor"),
        _contender("httpx by hand", "content", "httpx pydantic", floors.by_hand, floors.async_by_hand, kind="floor"),
        _contender("extractor", "content", _OURS, _extractor, _async_extractor, kind="ours"),
        _contender("extractor: function", "content", _OURS, _function, _async_function, kind="ours"),
        _contender("OpenAI SDK", "content", "openai", peers.sdk, peers.async_sdk),
        _contender("instructor", "tool", "instructor openai", peers.instructor(), peers.async_instructor()),
        _contender(
            "instructor: JSON Schema",
            "content",
            "instructor openai",
            peers.instructor("JSON_SCHEMA"),
            peers.async_instructor("JSON_SCHEMA"),
        ),
        _contender(
            "pydantic-ai",
            "final_result",
            "pydantic-ai-slim openai",
            peers.pydantic_ai(False),
            peers.async_pydantic_ai(False),
        ),
        _contender(
            "pydantic-ai: NativeOutput",
            "content",
            "pydantic-ai-slim openai",
            peers.pydantic_ai(True),
            peers.async_pydantic_ai(True),
        ),
        _contender("LangChain", "content", _LANGCHAIN, peers.langchain, peers.async_langchain),
        _contender("trustcall", "tool", f"trustcall {_LANGCHAIN}", peers.trustcall, peers.async_trustcall),
        _contender("langextract", "content", "langextract", None, None, note=_BY_EXAMPLES),
    )
}
"""By name; the floors first: they are no contenders, but what is done by hand."""

_MODULES = {"pydantic-ai-slim": "pydantic_ai"}
"""Where the module has not the distribution's name."""


@functools.cache
def _imports(package: str) -> str:
    """Why a package cannot be imported; "" where it can. Told on stderr, once."""
    try:
        importlib.import_module(_MODULES.get(package, package.replace("-", "_")))
    except ImportError as error:
        print(f"without {package}: {error}", file=sys.stderr)
        return str(error)
    return ""


def installed(*names: str) -> list[Contender]:
    """Those of these that can be imported; without a name, of all that can ask. Raises KeyError for another name."""
    wanted = [CONTENDERS[name] for name in names] or [each for each in CONTENDERS.values() if each.sync]
    return [each for each in wanted if not any(_imports(package) for package in each.packages)]


def versions(contenders: Iterable[Contender]) -> dict[str, str]:
    """Distribution → version, of all that these need."""
    needed = dict.fromkeys(package for each in contenders for package in each.packages)
    found = {}
    for package in needed:
        with contextlib.suppress(metadata.PackageNotFoundError):  # run from a checkout
            found[package] = metadata.version(package)
    return found
