"""Lists of rows, asked for and answered: replies in whatever form is asked for, and langextract, asked by an example.

langextract cuts a document by itself and asks for spans of classes with attributes, so that a row is a span here.
"""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from contenders import KEY, MODEL

from extractor.testing import Recorded, Reply

__all__ = ["Row", "extractions", "reply", "spans"]

Row: TypeAlias = "dict[str, Any]"
_CLASS = "row"


def reply(request: Recorded, value: Any, delay: float = 0.0) -> Reply:
    """The value as content, or as the call of the tool that the request has."""
    tools = request.body.get("tools")
    if not tools:
        return Reply(content=value, delay=delay)
    function = {"name": tools[0]["function"]["name"], "arguments": json.dumps(value)}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    return Reply(message={"tool_calls": calls}, finish_reason="tool_calls", delay=delay)


def extractions(rows: Iterable[Row], written: Callable[[Row], str]) -> dict[str, Any]:
    """What langextract expects as a reply; `written` gives a row as it stands in the document."""
    return {
        "extractions": [
            {_CLASS: written(row), f"{_CLASS}_attributes": {name: str(value) for name, value in row.items()}}
            for row in rows
        ]
    }


def spans(base_url: str, document: str, example: Row, written: Callable[[Row], str], **more: Any) -> list[Row]:
    """The rows that langextract gives, their values as texts; `example` is the one row that it is shown."""
    langextract: Any = importlib.import_module("langextract")
    provider: Any = importlib.import_module("langextract.providers.openai")
    shown: Mapping[str, Any] = extractions([example], written)["extractions"][0]
    attributes = shown[f"{_CLASS}_attributes"]
    known = langextract.data.Extraction(_CLASS, shown[_CLASS], attributes=attributes)
    logging.getLogger("absl").setLevel(logging.ERROR)  # it tells of every request
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a model which is given has its own settings
        found = langextract.extract(
            document,
            prompt_description="Give all rows.",
            examples=[langextract.data.ExampleData(text=shown[_CLASS], extractions=[known])],
            model=provider.OpenAILanguageModel(model_id=MODEL, api_key=KEY, base_url=base_url),
            show_progress=False,
            **more,
        )
    return [dict(each.attributes or {}) for each in found.extractions or []]
