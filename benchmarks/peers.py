"""How other libraries are asked: each as its own documentation shows first, with what it keeps between calls.

They are imported when a call is made, so that the scripts run where only some of them are installed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from task import SYSTEM, AsyncCall, Call, Task

__all__ = [
    "async_instructor",
    "async_langchain",
    "async_pydantic_ai",
    "async_sdk",
    "async_trustcall",
    "instructor",
    "langchain",
    "pydantic_ai",
    "sdk",
    "trustcall",
]


def _openai(task: Task, kind: str) -> Any:
    said = task.said(retries="max_retries", timeout="timeout")
    return getattr(importlib.import_module("openai"), kind)(base_url=task.base_url, api_key=task.key, **said)


def sdk(task: Task) -> Call:
    """The OpenAI SDK's own structured output, `parse`."""
    parse = _openai(task, "OpenAI").chat.completions.parse

    def call(document: str = task.document) -> BaseModel:
        reply = parse(model=task.name, messages=task.messages(document), response_format=task.model, **task.options)
        return _found(reply.choices[0].message.parsed)

    return call


def async_sdk(task: Task) -> AsyncCall:
    """The same with await."""
    parse = _openai(task, "AsyncOpenAI").chat.completions.parse

    async def call(document: str = task.document) -> BaseModel:
        messages = task.messages(document)
        reply = await parse(model=task.name, messages=messages, response_format=task.model, **task.options)
        return _found(reply.choices[0].message.parsed)

    return call


def _found(value: Any) -> BaseModel:
    """Some say by None, or by an empty list, that there is nothing. Raises ValueError then."""
    if not isinstance(value, BaseModel):
        raise ValueError(f"{value!r} is no record")  # noqa: TRY004  # it is the reply that is wrong
    return value


def _instructor_with(mode: str | None, task: Task, kind: str) -> Any:
    library: Any = importlib.import_module("instructor")
    chosen = {} if mode is None else {"mode": library.Mode[mode]}
    asked = {"response_model": task.model, **task.said(retries="max_retries"), **task.options}
    client = library.from_openai(_openai(task, kind), **chosen)
    return functools.partial(client.chat.completions.create, model=task.name, **asked)


def instructor(mode: str | None = None) -> Callable[[Task], Call]:
    """Instructor around the OpenAI SDK: the model as a tool, or in another of its modes."""

    def make(task: Task) -> Call:
        create = _instructor_with(mode, task, "OpenAI")
        return lambda document=task.document: _found(create(messages=task.messages(document)))

    return make


def async_instructor(mode: str | None = None) -> Callable[[Task], AsyncCall]:
    """The same with await."""

    def make(task: Task) -> AsyncCall:
        create = _instructor_with(mode, task, "AsyncOpenAI")

        async def call(document: str = task.document) -> BaseModel:
            return _found(await create(messages=task.messages(document)))

        return call

    return make


def _agent(task: Task, native: bool) -> Any:
    library: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    provider = providers.OpenAIProvider(base_url=task.base_url, api_key=task.key)
    names = {"max_completion_tokens": "max_tokens"}
    settings = {names.get(name, name): value for name, value in task.options.items()} | task.said(timeout="timeout")
    return library.Agent(
        models.OpenAIChatModel(task.name, provider=provider),
        system_prompt=SYSTEM,
        output_type=library.NativeOutput(task.model) if native else task.model,
        model_settings=settings or None,
        **task.said(retries="retries"),
    )


def pydantic_ai(native: bool) -> Callable[[Task], Call]:
    """An agent of pydantic-ai, with a tool for its output, or with the endpoint's structured output."""

    def make(task: Task) -> Call:
        agent = _agent(task, native)
        return lambda document=task.document: _found(agent.run_sync(document).output)

    return make


def async_pydantic_ai(native: bool) -> Callable[[Task], AsyncCall]:
    """The same with await."""

    def make(task: Task) -> AsyncCall:
        agent = _agent(task, native)

        async def call(document: str = task.document) -> BaseModel:
            return _found((await agent.run(document)).output)

        return call

    return make


def _chat(task: Task) -> Any:
    said = task.said(retries="max_retries", timeout="timeout")
    settings = {"model": task.name, "base_url": task.base_url, "api_key": task.key, **said, **task.options}
    return importlib.import_module("langchain_openai").ChatOpenAI(**settings)


def langchain(task: Task) -> Call:
    """LangChain's `ChatOpenAI` with structured output by JSON Schema."""
    chain = _chat(task).with_structured_output(task.model, method="json_schema")
    return lambda document=task.document: _found(chain.invoke(task.messages(document)))


def async_langchain(task: Task) -> AsyncCall:
    """The same with await."""
    chain = _chat(task).with_structured_output(task.model, method="json_schema")

    async def call(document: str = task.document) -> BaseModel:
        return _found(await chain.ainvoke(task.messages(document)))

    return call


def _trustcall_with(task: Task) -> tuple[Any, Any]:
    library: Any = importlib.import_module("trustcall")
    bound = library.create_extractor(_chat(task), tools=[task.model], tool_choice=task.model.__name__)
    attempts = None if task.retries is None else {"configurable": {"max_attempts": task.retries + 1}}
    return bound, attempts


def trustcall(task: Task) -> Call:
    """Trustcall around LangChain's `ChatOpenAI`."""
    bound, attempts = _trustcall_with(task)

    def call(document: str = task.document) -> BaseModel:
        return _found(next(iter(bound.invoke({"messages": task.messages(document)}, attempts)["responses"]), None))

    return call


def async_trustcall(task: Task) -> AsyncCall:
    """The same with await."""
    bound, attempts = _trustcall_with(task)

    async def call(document: str = task.document) -> BaseModel:
        found = await bound.ainvoke({"messages": task.messages(document)}, attempts)
        return _found(next(iter(found["responses"]), None))

    return call
