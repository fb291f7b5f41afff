"""What is asked after a reply that did not conform, and what becomes of the answers: whole conversations."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import httpx
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from extractor import Extraction, ExtractionFailed, Extractor, TargetFailed
from extractor.reply.outcome import Outcome
from extractor.testing import FakeEndpoint, Recorded, Reply

# ------------------------------------------------------------------- an endpoint that knows what is right

_STEP = re.compile(r'\.?(?P<name>[^\W\d]\w*+)|\[(?P<index>\d++)\]|\[(?P<key>"(?:[^"\\]++|\\.)*+")\]')
_AFTER = re.compile(r"[tT]he (?:items|entries) after the first (?P<count>\d++)")


class Right:
    """Answers each request rightly, whatever it asks for: the whole, some places, or what follows a list.

    It knows no more than a model does: the schema that it is asked with, and the `value` in the document.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, request: Recorded) -> Any:
        """The answer to a request, as it is written there."""
        return self.answer(request.body)

    def answer(self, body: Mapping[str, Any]) -> Any:
        """The same for the body of a request."""
        told = body["response_format"]["json_schema"]
        schema = told["schema"]
        if not told["name"].endswith("_part"):
            wrapped = list(schema["properties"]) == ["value"] and not isinstance(self.value, dict)
            value = {"value": self.value} if wrapped or self._is_map(schema) else self.value
            return wired(value, schema, schema)
        return {name: wired(self._asked(name, each), each, schema) for name, each in schema["properties"].items()}

    def _is_map(self, schema: Mapping[str, Any]) -> bool:
        return list(schema["properties"]) == ["value"] and "value" not in self.value

    def _asked(self, name: str, schema: Mapping[str, Any]) -> Any:
        """What stands at the place that a property is for."""
        description = schema.get("description", "")
        known = name in self.value if isinstance(self.value, dict) else False
        value = self.value if not known else self.value[name]
        if not known:
            value = _followed(self.value, description)
        after = _AFTER.search(description)
        if after is None:
            return value
        rest = list(value.items() if isinstance(value, dict) else value)[int(after["count"]) :]
        return dict(rest) if isinstance(value, dict) else rest


def _followed(value: Any, place: str) -> Any:
    """What stands where a description says: `lines[2].name: …`; None where nothing does."""
    at = 0
    while value is not None and (step := _STEP.match(place, at)) and not _AFTER.match(place, at):
        if step["index"]:
            value = value[int(step["index"])]
        else:
            value = value.get(json.loads(step["key"]) if step["key"] else step["name"])
        at = step.end()
    return value


def wired(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """A value as a schema wants it written: maps as lists of pairs, null for what is not there."""
    if not isinstance(schema, Mapping):
        return value
    if "$ref" in schema:
        return wired(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        each = [wired(value, member, root) for member in schema["anyOf"]]
        defs = {"$defs": root.get("$defs", {})}
        fits = (it for it, to in zip(each, schema["anyOf"], strict=True) if jsonschema_rs.is_valid({**to, **defs}, it))
        return next(fits, value)
    if isinstance(value, dict) and "items" in schema:
        member = schema["items"]["properties"]["value"]
        return [{"key": key, "value": wired(it, member, root)} for key, it in value.items()]
    if isinstance(value, dict):
        further, properties = schema.get("additionalProperties"), schema.get("properties", {})
        named = {key: wired(value.get(key), it, root) for key, it in properties.items()}
        return {**{key: wired(it, further, root) for key, it in value.items() if key not in properties}, **named}
    if isinstance(value, list):
        return [wired(item, schema.get("items"), root) for item in value]
    return value


Outcomes = tuple[Extraction[Any], list[Recorded]]


def run(target: Any, *script: Any, document: str = "The document.", dialect: str = "openai", **call: Any) -> Outcomes:
    """Extract with a scripted endpoint; all of the script must be used."""
    fake = FakeEndpoint(*script)
    client = httpx.Client(transport=fake.transport())
    with Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client, dialect=dialect) as extractor:
        result = extractor.run(target, document, **call)
    assert len(fake.requests) == len(script), "not all of the script was asked for"
    return result, fake.requests


def failed(target: Any, *script: Any, **call: Any) -> tuple[ExtractionFailed, list[Recorded]]:
    """Extract in vain."""
    fake = FakeEndpoint(*script)
    client = httpx.Client(transport=fake.transport())
    with (
        Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client, dialect="openai") as extractor,
        pytest.raises(ExtractionFailed) as caught,
    ):
        extractor.run(target, "The document.", **call)
    return caught.value, fake.requests


def said(request: Recorded) -> str:
    """The last turn of a request."""
    content: str = request.body["messages"][-1]["content"]
    return content


def names(request: Recorded) -> list[str] | None:
    """The properties that a request asks for; None where it asks for the whole."""
    told = request.body["response_format"]["json_schema"]
    return list(told["schema"]["properties"]) if told["name"].endswith("_part") else None


def cut(value: Any, end: int) -> Reply:
    """A reply whose text ends at some character, since there were no more tokens."""
    text = value if isinstance(value, str) else json.dumps(value)
    return Reply(content=text[:end], finish_reason="length")
